// HalfCheetah as Gymnasium has it (v4 and v5 are identical): run forward.
#pragma once

#include <string>

#include "mbrl/mujoco/engine/task_environment.hpp"

namespace mbrl::mujoco {

/// obs (17): height offset (m), pitch (rad), six leg angles (rad), vx, vz (m/s), pitch rate, six leg rates
/// (rad/s). Actions (6) in [-1, 1]: torques in units of 120, 90, 60, 120, 60, 30 N m. A control step lasts
/// 0.05 s, an episode 1000. Start: qpos = U(-0.1, 0.1), qvel = 0.1 N(0, 1). reward = (x' - x) / dt - 0.1
/// |a|^2; never terminates. The forward term is not a function of the observation, so there is no reward for
/// planners: it has to be learned.
class HalfCheetahTask {
 public:
  explicit HalfCheetahTask(std::string name = "HalfCheetah-v5") : name_(std::move(name)) {}

  EnvSpec spec() const;
  Model model() const;
  int frame_skip() const { return 5; }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const;
  int measured_dim() const { return 1; }  // x of the torso
  void measure(const mjModel& model, mjData& data, Vecd& out) const;
  void observe(const TaskView& view, Vecd& obs) const;
  double reward(const TaskView& view, ConstVecRef<double> action) const;

 private:
  std::string name_;
};

using HalfCheetah = TaskEnvironment<HalfCheetahTask>;

}  // namespace mbrl::mujoco
