// Plans on dynamics of the user's own, and steps an environment that is compiled into the library.
#include <cstdio>

#include "mbrl/env/classic/pendulum.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/sampling/cem.hpp"

// A point on a line is pushed to the origin: x' = x + a, and the return is the negative sum of squares.
struct Rollouts {
  using Scalar = double;
  using State = double;
  int horizon() const { return 5; }
  int action_dim() const { return 1; }
  void evaluate(const State& state, mbrl::ConstBatchRef<double> actions, mbrl::RolloutKey,
                mbrl::VecRef<double> returns) const {
    for (mbrl::Index k = 0; k < actions.cols(); ++k) {
      double x = state;
      returns(k) = 0;
      for (mbrl::Index t = 0; t < horizon(); ++t) {
        x += actions(t, k);
        returns(k) -= x * x;
      }
    }
  }
};

int main() {
  Rollouts rollouts;
  mbrl::ActionBounds bounds{mbrl::Vecd::Constant(1, -1.0), mbrl::Vecd::Constant(1, 1.0)};
  mbrl::Mpc controller(mbrl::Cem<Rollouts>(rollouts, bounds, {}, 1));
  double x = 3;
  for (int t = 0; t < 8; ++t) x += controller.act(x)(0);
  std::printf("a point at 3 is pushed to %.3f\n", x);

  mbrl::Pendulum pendulum;
  const mbrl::Vecd obs = pendulum.reset(1);
  const mbrl::StepResult result = pendulum.step(mbrl::Vecd::Zero(1));
  std::printf("a pendulum at %.3f rad gives a reward of %.3f\n", std::atan2(obs(1), obs(0)), result.reward);
  return x < 0.5 && x > -0.5 && result.reward <= 0 ? 0 : 1;
}
