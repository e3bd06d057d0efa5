// Gymnasium's MountainCarContinuous-v0: swing a weak car up a hill (Moore 1990).
#pragma once

#include "mbrl/env/analytic_environment.hpp"

namespace mbrl {

/// obs = state (2): position p, velocity v, stored in single precision after each step as Gymnasium does. With
/// f = clip(a, -1, 1):
///   v' = clip(v + 0.0015 f - 0.0025 cos 3p, -0.07, 0.07), p' = clip(p + v', -1.2, 0.6), v' = 0 at the left wall.
/// Start: p = U(-0.6, -0.4), v = 0. Terminates when p' >= 0.45 and v' >= 0. reward = 100 on termination - 0.1
/// a^2 (of the unclipped action); 999 steps. A step has no unit of time: dt is 1.
class MountainCarTask {
 public:
  static EnvSpec spec();
  int state_dim() const { return 2; }
  void draw_start(const RandomStream& random, Vecd& state) const;
  StepOutcome step(Vecd& state, ConstVecRef<double> action) const;
};

using MountainCar = AnalyticEnvironment<MountainCarTask>;

/// 1 where the environment terminates, exact.
template <class S>
struct MountainCarTermination {
  void operator()(ConstBatchRef<S> next_obs, VecRef<S> done) const {
    for (Index i = 0; i < next_obs.cols(); ++i)
      done(i) = S(next_obs(0, i) >= S(0.45) && next_obs(1, i) >= S(0));
  }
};

/// The environment's reward, exact.
template <class S>
struct MountainCarReward {
  void operator()(ConstBatchRef<S> /*obs*/, ConstBatchRef<S> action, ConstBatchRef<S> next_obs, int /*t*/,
                  VecRef<S> out) const {
    MountainCarTermination<S>()(next_obs, out);
    for (Index i = 0; i < out.size(); ++i) out(i) = S(100) * out(i) - S(0.1) * action(0, i) * action(0, i);
  }
};

}  // namespace mbrl
