// Cart-pole swing-up as PETS has it (Chua et al. 2018).
#pragma once

#include "mbrl/mujoco/engine/task_environment.hpp"

namespace mbrl::mujoco {

/// obs (4): cart x (m), pole angle th (rad, 0 hanging), their rates. Action (1) in [-3, 3] x 100 N; dt 0.04 s,
/// 200 steps. Start: every entry N(0, 0.1). Never terminates. The pole's tip is at (x - l sin th, -l cos th),
/// l = 0.6 m, and
///   reward = exp(-|tip - (0, l)|^2 / l^2) - 0.01 a^2 after the step.
/// The model sees sin th, cos th, x and the rates, and predicts changes.
class PetsCartPoleTask {
 public:
  EnvSpec spec() const;
  Model model() const;
  int frame_skip() const { return 2; }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const;
  void observe(const TaskView& view, Vecd& obs) const;
  double reward(const TaskView& view, ConstVecRef<double> action) const;
};

using PetsCartPole = TaskEnvironment<PetsCartPoleTask>;

/// The environment's reward as a function of (next_obs, action), exact: for planners.
template <class S>
struct PetsCartPoleReward {
  void operator()(ConstBatchRef<S> /*obs*/, ConstBatchRef<S> action, ConstBatchRef<S> next_obs, int /*t*/,
                  VecRef<S> out) const {
    constexpr S kLength = S(0.6);
    for (Index i = 0; i < next_obs.cols(); ++i) {
      const S dx = next_obs(0, i) - kLength * std::sin(next_obs(1, i));
      const S dz = -kLength * std::cos(next_obs(1, i)) - kLength;
      out(i) = std::exp(-(dx * dx + dz * dz) / (kLength * kLength)) - S(0.01) * action.col(i).squaredNorm();
    }
  }
};

}  // namespace mbrl::mujoco
