// InvertedPendulum as Gymnasium has it: balance a pole on a cart.
#pragma once

#include "mbrl/mujoco/engine/task_environment.hpp"
#include "mbrl/mujoco/tasks/gym_version.hpp"

namespace mbrl::mujoco {

/// obs (4): cart x (m), pole angle (rad, 0 up), their rates. Action (1) in [-3, 3] x 100 N; dt 0.04 s, 1000
/// steps. Start: every entry U(-0.01, 0.01). Terminates when |angle| > 0.2. reward = 1; in v5 0 in the step
/// that terminates.
class InvertedPendulumTask {
 public:
  explicit InvertedPendulumTask(GymVersion version = GymVersion::kV5) : version_(version) {}

  EnvSpec spec() const;
  Model model() const;
  int frame_skip() const { return 2; }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const;
  void observe(const TaskView& view, Vecd& obs) const;
  double reward(const TaskView& view, ConstVecRef<double> action) const;
  bool terminated(const TaskView& view) const;

 private:
  GymVersion version_;
};

using InvertedPendulum = TaskEnvironment<InvertedPendulumTask>;

/// 1 where the environment terminates, exact.
template <class S>
struct InvertedPendulumTermination {
  void operator()(ConstBatchRef<S> next_obs, VecRef<S> done) const {
    for (Index i = 0; i < next_obs.cols(); ++i)
      done(i) = S(!(next_obs.col(i).allFinite() && std::abs(next_obs(1, i)) <= S(0.2)));
  }
};

/// 1 - termination: v5's reward, exact; v4's but for the step that terminates, where it gives 1.
template <class S>
struct InvertedPendulumReward {
  void operator()(ConstBatchRef<S> /*obs*/, ConstBatchRef<S> /*action*/, ConstBatchRef<S> next_obs, int /*t*/,
                  VecRef<S> out) const {
    InvertedPendulumTermination<S>()(next_obs, out);
    out.array() = S(1) - out.array();
  }
};

}  // namespace mbrl::mujoco
