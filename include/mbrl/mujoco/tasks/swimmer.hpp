// Swimmer as Gymnasium has it (v4 and v5 are identical): swim forward.
#pragma once

#include "mbrl/mujoco/engine/task_environment.hpp"
#include "mbrl/mujoco/tasks/gym_version.hpp"

namespace mbrl::mujoco {

/// obs (8): heading, two joint angles (rad), vx, vy (m/s), heading rate, two joint rates (rad/s). Actions (2)
/// in [-1, 1] x 150 N m; dt 0.04 s, 1000 steps. Start: qpos and qvel U(-0.1, 0.1). reward = (x' - x) / dt -
/// 1e-4 |a|^2; never terminates. x is not observed, so the reward has to be learned (or see TrapezoidReward).
class SwimmerTask {
 public:
  explicit SwimmerTask(GymVersion version = GymVersion::kV5) : version_(version) {}

  EnvSpec spec() const;
  Model model() const;
  int frame_skip() const { return 4; }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const;
  int measured_dim() const { return 1; }  // x of the front link
  void measure(const mjModel& model, mjData& data, Vecd& out) const;
  void observe(const TaskView& view, Vecd& obs) const;
  double reward(const TaskView& view, ConstVecRef<double> action) const;

 private:
  GymVersion version_;
};

using Swimmer = TaskEnvironment<SwimmerTask>;

}  // namespace mbrl::mujoco
