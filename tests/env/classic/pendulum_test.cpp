// Pendulum-v1 against its formulas, worked out by hand.
#include "mbrl/env/classic/pendulum.hpp"

#include <cmath>
#include <limits>
#include <numbers>

#include "catch.hpp"
#include "mbrl/core/random.hpp"

using namespace mbrl;

namespace {

Vecd torque(double u) { return Vecd::Constant(1, u); }

}  // namespace

TEST_CASE("pendulum: one step by hand, torque clipped, reward of the state before") {
  Pendulum env;
  env.set_physics_state({3.5, 1.0});
  const StepResult result = env.step(torque(5.0));
  const double angle = 3.5 - 2.0 * std::numbers::pi;  // wrapped
  const double omega = 1.0 + (15.0 * std::sin(3.5) + 3.0 * 2.0) * 0.05;
  CHECK(result.reward == Approx(-(angle * angle + 0.1 + 0.001 * 4.0)).epsilon(1e-14));
  CHECK(result.obs(0) == Approx(std::cos(3.5 + 0.05 * omega)).epsilon(1e-14));
  CHECK(result.obs(1) == Approx(std::sin(3.5 + 0.05 * omega)).epsilon(1e-14));
  CHECK(result.obs(2) == Approx(omega).epsilon(1e-14));
  CHECK(result.fault.empty());
}

TEST_CASE("pendulum: the rate is clipped at 8 rad/s") {
  Pendulum env;
  env.set_physics_state({std::numbers::pi / 2, 7.9});
  CHECK(env.step(torque(2.0)).obs(2) == 8.0);
}

TEST_CASE("pendulum: truncated after 200 steps, never terminated") {
  Pendulum env;
  env.reset(1);
  for (int t = 1; t <= 200; ++t) {
    const StepResult result = env.step(torque(0.0));
    CHECK_FALSE(result.terminated);
    CHECK(result.truncated == (t == 200));
  }
}

TEST_CASE("pendulum: start angles and rates are uniform") {
  Pendulum env;
  const int count = 4000;
  double angle_sum = 0, angle_square = 0, rate_square = 0;
  for (int seed = 0; seed < count; ++seed) {
    env.reset(static_cast<std::uint64_t>(seed));
    const auto state = env.physics_state();
    REQUIRE(std::abs(state[0]) <= std::numbers::pi);
    REQUIRE(std::abs(state[1]) <= 1.0);
    angle_sum += state[0];
    angle_square += state[0] * state[0];
    rate_square += state[1] * state[1];
  }
  // Five standard errors of the mean; variances of U(-a, a) are a^2 / 3, their standard error below 1.5 %.
  CHECK(std::abs(angle_sum / count) < 5.0 * std::numbers::pi / std::sqrt(3.0 * count));
  CHECK(angle_square / count == Approx(std::numbers::pi * std::numbers::pi / 3.0).epsilon(0.06));
  CHECK(rate_square / count == Approx(1.0 / 3.0).epsilon(0.06));
}

TEST_CASE("pendulum: state put back continues bit for bit, the step count included") {
  Pendulum env, other;
  env.reset(7);
  for (int t = 0; t < 150; ++t) env.step(torque(std::sin(0.3 * t)));
  other.set_state(env.state());
  for (int t = 150; t < 200; ++t) {
    const StepResult a = env.step(torque(std::sin(0.3 * t))), b = other.step(torque(std::sin(0.3 * t)));
    CHECK(a.obs == b.obs);
    CHECK(a.reward == b.reward);
    CHECK(a.truncated == b.truncated);
  }
  CHECK(env.state() == other.state());
}

TEST_CASE("pendulum: the planner's reward is the environment's") {
  Pendulum env;
  const RandomStream random(3, Stream::kUser);
  Vecd obs = env.reset(3);
  const RewardFunction<double> exact = PendulumReward<double>{};
  Vecd out(1);
  Vecf out_float(1);
  for (std::uint32_t t = 0; t < 200; ++t) {
    const Vecd action = torque(random.uniform(-3.0, 3.0, t));
    const StepResult result = env.step(action);
    exact(obs, action, result.obs, 0, out);
    CHECK(out(0) == Approx(result.reward).epsilon(1e-12));
    const Vecf obs_float = obs.cast<float>(), action_float = action.cast<float>(),
               next = result.obs.cast<float>();
    env.spec().reward(obs_float, action_float, next, 0, out_float);
    CHECK(static_cast<double>(out_float(0)) == Approx(result.reward).epsilon(2e-6).margin(2e-6));
    obs = result.obs;
  }
}

TEST_CASE("pendulum: bad actions and states are refused") {
  Pendulum env;
  CHECK_THROWS_AS(env.step(Vecd::Zero(2)), Error);
  CHECK_THROWS_AS(env.step(torque(std::numeric_limits<double>::quiet_NaN())), Error);
  CHECK_THROWS_AS(env.step(torque(std::numeric_limits<double>::infinity())), Error);
  CHECK_THROWS_AS(env.set_state({0.0, 0.0}), Error);
  CHECK_THROWS_AS(env.set_physics_state({0.0}), Error);
}
