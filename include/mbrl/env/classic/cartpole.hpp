// Balancing a pole on a cart: Gymnasium's CartPole-v1, pushed left or right, and the version with a
// continuous force (Barto, Sutton, Anderson 1983).
#pragma once

#include <cmath>
#include <numbers>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/env/analytic_environment.hpp"

namespace mbrl {

/// obs = state (4): cart x (m), its rate, pole angle th (rad, 0 up), its rate. With the force F (N), a cart of
/// 1 kg, a pole of 0.1 kg and half length 0.5 m, g = 9.8, explicit Euler steps of 0.02 s:
///   t = (F + 0.05 th'^2 sin th) / 1.1, th'' = (9.8 sin th - t cos th) / (0.5 (4/3 - 0.1 cos^2 th / 1.1)),
///   x'' = t - 0.05 th'' cos th / 1.1.
/// Start: every entry U(-0.05, 0.05). Terminates when |x| > 2.4 or |th| > 12 degrees. reward = 1, in the step
/// that terminates too.
class CartPoleTask {
 public:
  enum class Action {
    kDiscrete,    // one number rounded to 0 (F = -10) or 1 (F = 10), an error beyond; 500 steps
    kContinuous,  // F = 10 a, bounds [-1, 1], not clipped; 200 steps
  };
  explicit CartPoleTask(Action kind = Action::kDiscrete) : kind_(kind) {}

  EnvSpec spec() const;
  int state_dim() const { return 4; }
  void draw_start(const RandomStream& random, Vecd& state) const;
  StepOutcome step(Vecd& state, ConstVecRef<double> action) const;

 private:
  Action kind_;
};

constexpr auto enum_names(CartPoleTask::Action) {
  return std::array{std::pair{CartPoleTask::Action::kDiscrete, "discrete"},
                    std::pair{CartPoleTask::Action::kContinuous, "continuous"}};
}

using CartPole = AnalyticEnvironment<CartPoleTask>;

/// 1 where the environment terminates, exact.
template <class S>
struct CartPoleTermination {
  void operator()(ConstBatchRef<S> next_obs, VecRef<S> done) const {
    constexpr S kAngle = S(12.0 * std::numbers::pi / 180.0);
    for (Index i = 0; i < next_obs.cols(); ++i)
      done(i) = S(!(std::abs(next_obs(0, i)) <= S(2.4) && std::abs(next_obs(2, i)) <= kAngle));
  }
};

/// 1 - termination: the environment's reward but for the step that terminates, where it gives 1.
template <class S>
struct CartPoleReward {
  void operator()(ConstBatchRef<S> /*obs*/, ConstBatchRef<S> /*action*/, ConstBatchRef<S> next_obs, int /*t*/,
                  VecRef<S> out) const {
    CartPoleTermination<S>()(next_obs, out);
    out.array() = S(1) - out.array();
  }
};

}  // namespace mbrl
