// InvertedDoublePendulum as Gymnasium has it: balance two poles, one on top of the other, on a cart.
#pragma once

#include <algorithm>
#include <cmath>

#include "mbrl/mujoco/engine/task_environment.hpp"
#include "mbrl/mujoco/tasks/gym_version.hpp"

namespace mbrl::mujoco {

/// obs: 0 cart x (m), 1-2 sin th1, sin th2, 3-4 cos th1, cos th2 (th2 relative to pole 1), 5-7 velocities
/// clipped to +-10, 8 constraint force on the cart clipped to +-10 (9 entries); v4 adds the two joints'
/// constraint forces, which are zero (11). Action (1) in [-1, 1] x 500 N; dt 0.05 s, 1000 steps. Start: qpos
/// = U(-0.1, 0.1), qvel = 0.1 N(0, 1). With (X, Z) the tip as of the last evaluation inside mj_step, and the
/// unclipped joint rates,
///   reward = 10 - 0.01 X^2 - (Z - 2)^2 - 1e-3 w1^2 - 5e-3 w2^2; v5 without the 10 where it terminates.
/// Terminates when Z <= 1; upright is 1.2.
class InvertedDoublePendulumTask {
 public:
  explicit InvertedDoublePendulumTask(GymVersion version = GymVersion::kV5) : version_(version) {}

  EnvSpec spec() const;
  Model model() const;
  int frame_skip() const { return 5; }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const;
  int measured_dim() const { return 5; }  // X, Z, three constraint forces
  void measure(const mjModel& model, mjData& data, Vecd& out) const;
  void observe(const TaskView& view, Vecd& obs) const;
  double reward(const TaskView& view, ConstVecRef<double> action) const;
  bool terminated(const TaskView& view) const;

 private:
  GymVersion version_;
};

using InvertedDoublePendulum = TaskEnvironment<InvertedDoublePendulumTask>;

/// Place of the tip (m) of an observation; the angles are taken with atan2, so that a model's predictions need
/// not be normalised.
template <class S>
struct DoublePendulumTip {
  S x, z;
  template <class Column>
  explicit DoublePendulumTip(const Column& obs) {
    const S lower = std::atan2(obs(1), obs(3)), both = lower + std::atan2(obs(2), obs(4));
    x = obs(0) + S(0.6) * (std::sin(lower) + std::sin(both));
    z = S(0.6) * (std::cos(lower) + std::cos(both));
  }
};

/// 1 where Z <= 1. The environment's Z lags by up to a time step, so the two may differ for Z close to 1.
template <class S>
struct InvertedDoublePendulumTermination {
  void operator()(ConstBatchRef<S> next_obs, VecRef<S> done) const {
    for (Index i = 0; i < next_obs.cols(); ++i)
      done(i) = S(!(DoublePendulumTip<S>(next_obs.col(i)).z > S(1)));
  }
};

/// The environment's reward up to the tip's lag and the clipping of the rates.
template <class S>
struct InvertedDoublePendulumReward {
  GymVersion version = GymVersion::kV5;

  void operator()(ConstBatchRef<S> /*obs*/, ConstBatchRef<S> /*action*/, ConstBatchRef<S> next_obs, int /*t*/,
                  VecRef<S> out) const {
    for (Index i = 0; i < next_obs.cols(); ++i) {
      const auto s = next_obs.col(i);
      const DoublePendulumTip<S> tip(s);
      const S bonus = version == GymVersion::kV4 || tip.z > S(1) ? S(10) : S(0);
      out(i) = bonus - S(0.01) * tip.x * tip.x - (tip.z - S(2)) * (tip.z - S(2)) - S(1e-3) * s(6) * s(6) -
               S(5e-3) * s(7) * s(7);
    }
  }
};

}  // namespace mbrl::mujoco
