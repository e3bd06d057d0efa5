// Gymnasium's Acrobot-v1: swing the tip of two links up with a torque at the elbow (Sutton 1996).
#pragma once

#include "mbrl/env/analytic_environment.hpp"

namespace mbrl {

/// State (4): th1 (rad, 0 hanging), th2 (relative to link 1), their rates. Masses, lengths and inertias are 1,
/// centres of mass at half length, g = 9.8. One Runge-Kutta step of 0.2 s an action; then the angles are
/// wrapped to [-pi, pi] and the rates clipped to +-4 pi and +-9 pi. obs (6): cos and sin of th1, cos and sin
/// of th2, rates. The action (1) is rounded to 0, 1 or 2, the torques -1, 0, 1 N m; an error beyond. Start:
/// every entry U(-0.1, 0.1). Terminates when the tip's height -cos th1 - cos(th1 + th2) > 1. reward = -1, 0 in
/// the step that terminates; 500 steps.
class AcrobotTask {
 public:
  static EnvSpec spec();
  int state_dim() const { return 4; }
  void draw_start(const RandomStream& random, Vecd& state) const;
  StepOutcome step(Vecd& state, ConstVecRef<double> action) const;
  void observe(const Vecd& state, Vecd& obs) const;
};

using Acrobot = AnalyticEnvironment<AcrobotTask>;

/// 1 where the environment terminates, exact for pairs of cosine and sine.
template <class S>
struct AcrobotTermination {
  void operator()(ConstBatchRef<S> next_obs, VecRef<S> done) const {
    for (Index i = 0; i < next_obs.cols(); ++i) {
      const S c1 = next_obs(0, i), s1 = next_obs(1, i), c2 = next_obs(2, i), s2 = next_obs(3, i);
      done(i) = S(-c1 - (c1 * c2 - s1 * s2) > S(1));
    }
  }
};

/// The environment's reward, exact.
template <class S>
struct AcrobotReward {
  void operator()(ConstBatchRef<S> /*obs*/, ConstBatchRef<S> /*action*/, ConstBatchRef<S> next_obs, int /*t*/,
                  VecRef<S> out) const {
    AcrobotTermination<S>()(next_obs, out);
    out.array() -= S(1);
  }
};

}  // namespace mbrl
