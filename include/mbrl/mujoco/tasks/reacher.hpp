// Reacher as Gymnasium has it: bring a planar arm's fingertip to a target.
#pragma once

#include "mbrl/mujoco/engine/task_environment.hpp"
#include "mbrl/mujoco/tasks/gym_version.hpp"

namespace mbrl::mujoco {

/// obs: 0-1 cos, 2-3 sin of shoulder and elbow, 4-5 target x, y (m), 6-7 joint rates (rad/s), 8-9 fingertip
/// minus target x, y (m) as of the last evaluation inside mj_step (10 entries); v4 adds their z, which is zero
/// (11). Actions (2) in [-1, 1] x 200 N m; dt 0.02 s, 50 steps. Start: angles U(-0.1, 0.1), rates U(-0.005,
/// 0.005), target uniform in the disc of radius 0.2 m. reward = -|fingertip - target| - |a|^2, in v4 with the
/// distance before the step. Never terminates.
class ReacherTask {
 public:
  explicit ReacherTask(GymVersion version = GymVersion::kV5) : version_(version) {}

  EnvSpec spec() const;
  Model model() const;
  int frame_skip() const { return 2; }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const;
  int measured_dim() const { return 3; }  // fingertip minus target
  void measure(const mjModel& model, mjData& data, Vecd& out) const;
  void observe(const TaskView& view, Vecd& obs) const;
  double reward(const TaskView& view, ConstVecRef<double> action) const;

 private:
  GymVersion version_;
};

using Reacher = TaskEnvironment<ReacherTask>;

/// The environment's reward, exact.
template <class S>
struct ReacherReward {
  GymVersion version = GymVersion::kV5;

  void operator()(ConstBatchRef<S> obs, ConstBatchRef<S> action, ConstBatchRef<S> next_obs, int /*t*/,
                  VecRef<S> out) const {
    const auto& s = version == GymVersion::kV4 ? obs : next_obs;
    for (Index i = 0; i < s.cols(); ++i)
      out(i) = -s.col(i).template segment<2>(8).norm() - action.col(i).squaredNorm();
  }
};

}  // namespace mbrl::mujoco
