// The cart-pole swing-up of PILCO: Deisenroth and Rasmussen, ICML 2011, section 3.1; equations and numbers in Deisenroth,
// "Efficient reinforcement learning using Gaussian processes", 2010, appendix C.2.
#pragma once

#include <cmath>

#include "mbrl/env/analytic_environment.hpp"

namespace mbrl {

/// obs = state (4): cart x (m), its rate, pole angle th (rad, 0 hanging, not wrapped), its rate. A cart of M = 0.5 kg with
/// friction b = 0.1 N s/m, a uniform pole of m = 0.5 kg and l = 0.6 m, g = 9.82, a force F = a (N) within [-10, 10] that
/// is constant for a step of 0.1 s (five Runge-Kutta steps):
///   x'' = (2 m l th'^2 sin th + 3 m g sin th cos th + 4 F - 4 b x') / (4 (M + m) - 3 m cos^2 th),
///   th'' = (-3 m l th'^2 sin th cos th - 6 (M + m) g sin th - 6 (F - b x') cos th) / (4 l (M + m) - 3 m l cos^2 th).
/// Start: every entry N(0, 0.1^2). reward = exp(-1/2 (d / 0.25)^2) of the next state with d (m) between the pole's tip and
/// its place above the middle of the rail. Never terminates; 25 steps.
class PilcoCartPoleTask {
 public:
  static constexpr double kLength = 0.6, kWidth = 0.25;  // of the pole, of the reward (m)

  static EnvSpec spec();
  int state_dim() const { return 4; }
  void draw_start(const RandomStream& random, Vecd& state) const;
  StepOutcome step(Vecd& state, ConstVecRef<double> action) const;
};

using PilcoCartPole = AnalyticEnvironment<PilcoCartPoleTask>;

/// The environment's reward, exact.
template <class S>
struct PilcoCartPoleReward {
  void operator()(ConstBatchRef<S> /*obs*/, ConstBatchRef<S> /*action*/, ConstBatchRef<S> next_obs, int /*t*/,
                  VecRef<S> out) const {
    constexpr S kLength = S(PilcoCartPoleTask::kLength), kWidth = S(PilcoCartPoleTask::kWidth);
    for (Index i = 0; i < next_obs.cols(); ++i) {
      const S across = next_obs(0, i) + kLength * std::sin(next_obs(2, i));
      const S below = kLength * (S(1) + std::cos(next_obs(2, i)));
      out(i) = std::exp(S(-0.5) * (across * across + below * below) / (kWidth * kWidth));
    }
  }
};

}  // namespace mbrl
