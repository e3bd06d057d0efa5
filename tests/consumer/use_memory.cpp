// Vectors that the library allocates and the program frees, and the other way round.
#include <cstdio>

#include "mbrl/env/classic/pendulum.hpp"

int main() {
  mbrl::Pendulum pendulum;
  mbrl::Vecd obs = pendulum.reset(1);
  double sum = 0;
  for (int t = 0; t < 5; ++t) {
    const mbrl::StepResult result = pendulum.step(mbrl::Vecd::Constant(1, 0.5));
    obs = result.obs;
    sum += result.reward;
  }
  mbrl::EnvSpec spec = pendulum.spec();
  spec.action_low = mbrl::Vecd::Constant(7, -1.0);
  std::printf("%.6f %.6f\n", obs(0), sum);
  return sum < 0 && spec.action_low.size() == 7 ? 0 : 1;
}
