// PILCO's cart-pole against Lagrange's equations of a uniform pole on a cart, and its reward.
#include "mbrl/env/classic/pilco_cartpole.hpp"

#include <Eigen/LU>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/random.hpp"

using namespace mbrl;

namespace {

// (M + m) x'' + m l/2 th'' cos th = F - b x' + m l/2 th'^2 sin th,
// m l/2 x'' cos th + m l^2/3 th'' = -m g l/2 sin th: by 1000 small midpoint steps.
std::vector<double> by_lagrange(std::vector<double> x, double force) {
  const double m = 0.5, cart = 0.5, l = 0.6, g = 9.82, b = 0.1, h = 1e-4;
  const auto slope = [&](const std::vector<double>& at) {
    const double c = 0.5 * m * l * std::cos(at[2]), s = 0.5 * m * l * std::sin(at[2]);
    Eigen::Matrix2d mass;
    mass << cart + m, c, c, m * l * l / 3.0;
    const Eigen::Vector2d a = mass.inverse() * Eigen::Vector2d(force - b * at[1] + s * at[3] * at[3], -g * s);
    return std::vector<double>{at[1], a(0), at[3], a(1)};
  };
  for (int i = 0; i < 1000; ++i) {
    std::vector<double> middle = x, k = slope(x);
    for (std::size_t j = 0; j < 4; ++j) middle[j] += 0.5 * h * k[j];
    k = slope(middle);
    for (std::size_t j = 0; j < 4; ++j) x[j] += h * k[j];
  }
  return x;
}

}  // namespace

TEST_CASE("PILCO's cart-pole: a step is that of Lagrange's equations") {
  PilcoCartPole env;
  const RandomStream random(3, Stream::kUser);
  for (std::uint32_t i = 0; i < 5; ++i) {
    std::vector<double> state;
    for (std::uint32_t j = 0; j < 4; ++j) state.push_back(2.0 * random.normal(i, j));
    env.set_physics_state(state);
    const double force = random.uniform(-10.0, 10.0, i, 9);
    const StepResult result = env.step(Vecd::Constant(1, force));
    const std::vector<double> expected = by_lagrange(state, force);
    for (std::size_t j = 0; j < 4; ++j)
      CHECK(result.obs(static_cast<Index>(j)) == Approx(expected[j]).margin(1e-4));
  }
}

TEST_CASE("PILCO's cart-pole: the reward is 1 with the tip above the middle, and falls with its distance") {
  const auto reward = [](double x, double angle) {
    Batchd next(4, 1);
    next << x, 0.0, angle, 0.0;
    Vecd out(1);
    PilcoCartPoleReward<double>()(next, Batchd::Zero(1, 1), next, 0, out);
    return out(0);
  };
  CHECK(reward(0.0, M_PI) == Approx(1.0));
  CHECK(reward(0.0, -M_PI) == Approx(1.0));
  CHECK(reward(0.25, M_PI) == Approx(std::exp(-0.5)));
  CHECK(reward(0.0, 0.0) == Approx(std::exp(-0.5 * 1.2 * 1.2 / 0.0625)));
  PilcoCartPole env;
  env.reset(4);
  const StepResult step = env.step(Vecd::Constant(1, 50.0));
  CHECK(step.reward == Approx(reward(step.obs(0), step.obs(2))));
  env.set_physics_state({0.0, 0.0, 0.0, 0.0});  // forces beyond the range are moved to it
  const Vecd beyond = env.step(Vecd::Constant(1, 50.0)).obs;
  env.set_physics_state({0.0, 0.0, 0.0, 0.0});
  CHECK(beyond == env.step(Vecd::Constant(1, 10.0)).obs);
}
