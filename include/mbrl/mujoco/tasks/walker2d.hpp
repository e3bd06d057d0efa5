// Walker2d as Gymnasium has it: walk forward on two legs without falling.
#pragma once

#include "mbrl/mujoco/engine/task_environment.hpp"
#include "mbrl/mujoco/tasks/gym_version.hpp"

namespace mbrl::mujoco {

/// obs (17): height (m), pitch (rad), six joint angles (right thigh, leg, foot, then the left ones, rad), vx,
/// vz (m/s), pitch rate, six joint rates (rad/s); velocities clipped to +-10. Actions (6) in [-1, 1] x 100 N
/// m; dt 0.008 s, 1000 steps. Start: qpos and qvel U(-0.005, 0.005) about the upright pose. Healthy: 0.8 <
/// height < 2 and -1 < pitch < 1.
///   reward = (x' - x) / dt + 1 - 0.001 |a|^2; v5 gives the 1 in healthy states only. Terminates when unhealthy.
/// v4's right foot has the friction 0.9, all others 1.9.
class Walker2dTask {
 public:
  explicit Walker2dTask(GymVersion version = GymVersion::kV5) : version_(version) {}

  EnvSpec spec() const;
  Model model() const;
  int frame_skip() const { return 4; }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const;
  int measured_dim() const { return 1; }  // x of the torso
  void measure(const mjModel& model, mjData& data, Vecd& out) const;
  void observe(const TaskView& view, Vecd& obs) const;
  double reward(const TaskView& view, ConstVecRef<double> action) const;
  bool terminated(const TaskView& view) const;

 private:
  GymVersion version_;
};

using Walker2d = TaskEnvironment<Walker2dTask>;

/// 1 where the environment terminates, exact.
template <class S>
struct Walker2dTermination {
  void operator()(ConstBatchRef<S> next_obs, VecRef<S> done) const {
    for (Index i = 0; i < next_obs.cols(); ++i) {
      const S height = next_obs(0, i), pitch = next_obs(1, i);
      done(i) = S(!(height > S(0.8) && height < S(2) && pitch > S(-1) && pitch < S(1)));
    }
  }
};

}  // namespace mbrl::mujoco
