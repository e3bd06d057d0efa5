// The benchmark's classic tasks: rewards from their formulas and recorded states, fixed lengths, actions.
#include "mbrl/env/classic/mbbl.hpp"
#include "mbrl/env/classic/environments.hpp"

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "catch.hpp"
#include "env/step_on.hpp"
#include "mbrl/core/random.hpp"

using namespace mbrl;

namespace {

AnyEnvironment make_any(const std::string& name) {
  EnvRegistry registry;
  register_analytic_environments(registry);
  return registry.make(name);
}

Vecd one_action(double value) { return Vecd::Constant(1, value); }

double some_action(int t) {
  return RandomStream(3, Stream::kUser).uniform(-1.5, 1.5, static_cast<std::uint32_t>(t));
}

struct Case {
  const char *name, *gym;
  std::function<double(const std::vector<double>& state, double action)> reward;  // of the physical state
  std::function<double(double)> gym_action;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"mbbl/Pendulum", "Pendulum-v1",
       [](const auto& s, double a) {
         const double u = std::abs(a) > 1.0 ? 2.0 : 2.0 * a;
         return -(std::cos(s[0]) + 0.1 * std::abs(std::sin(s[0])) + 0.1 * s[1] * s[1] + 0.001 * u * u);
       },
       [](double a) { return 2.0 * a; }},
      {"mbbl/MountainCar", "MountainCarContinuous-v0", [](const auto& s, double) { return s[0]; },
       [](double a) { return a; }},
      {"mbbl/CartPole", "CartPole-v1",
       [](const auto& s, double) { return std::cos(s[2]) - 0.01 * s[0] * s[0]; },
       [](double a) { return a > 0.0 ? 1.0 : 0.0; }},
      {"mbbl/Acrobot", "Acrobot-v1",
       [](const auto& s, double) { return -(std::cos(s[0]) + std::cos(s[0] + s[1])); },
       [](double a) { return a < -0.33  ? 0.0
                             : a < 0.33 ? 1.0
                                        : 2.0; }},
  };
  return all;
}

}  // namespace

TEST_CASE("mbbl classic: rewards are those of the state before, the motion is Gymnasium's, 200 steps") {
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    AnyEnvironment env = make_any(c.name), gym = make_any(c.gym);
    const Vecd first = env.reset(4);
    CHECK(first == gym.reset(4));
    Vecd obs = first;
    for (int t = 0; t < 200; ++t) {
      const double action = some_action(t);
      const std::vector<double> before = env.physics_state();
      const StepResult result = env.step(one_action(action));
      const StepResult same = step_on(gym, one_action(c.gym_action(action)));
      REQUIRE(result.obs == same.obs);
      CHECK(result.reward == Approx(c.reward(before, action)).epsilon(1e-12).margin(1e-14));
      Vecf planned(1);
      const Vecf next = result.obs.cast<float>();
      env.spec().reward(obs.cast<float>().eval(), one_action(action).cast<float>().eval(), next, t, planned);
      CHECK(static_cast<double>(planned(0)) == Approx(result.reward).epsilon(1e-5).margin(1e-5));
      CHECK_FALSE(result.terminated);
      CHECK(result.truncated == (t == 199));
      obs = result.obs;
    }
    CHECK_FALSE(env.spec().termination);
    CHECK(env.spec().max_steps == 200);
    CHECK(env.spec().action_low == one_action(-1.0));
    CHECK(env.spec().action_high == one_action(1.0));
  }
}

TEST_CASE("mbbl classic: actions are numbers, and what is executed of one is itself") {
  for (const Case& c : cases()) {
    INFO(c.name);
    const AnyEnvironment env = make_any(c.name);
    CHECK(env.spec().choices == 0);
    for (const double action : {-1.0, -0.4, 0.2, 1.0})
      CHECK(env.spec().executed(one_action(action))(0) == action);
  }
}

TEST_CASE("mbbl classic: the cart-pole and the mountain car go on where Gymnasium ends") {
  for (const char* name : {"mbbl/CartPole", "mbbl/MountainCar"}) {
    AnyEnvironment env = make_any(name);
    AnyEnvironment gym =
        make_any(std::string(name) == "mbbl/CartPole" ? "CartPole-v1" : "MountainCarContinuous-v0");
    const std::vector<double> end = std::string(name) == "mbbl/CartPole"
                                        ? std::vector<double>{3.0, 0.0, 1.0, 0.0}
                                        : std::vector<double>{0.449, 0.05};
    gym.set_physics_state(end);
    env.set_physics_state(end);
    CHECK(gym.step(one_action(1.0)).terminated);
    CHECK_FALSE(env.step(one_action(1.0)).terminated);
  }
}

TEST_CASE("mbbl classic: a state put back continues bit for bit, the reward included") {
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    AnyEnvironment env = make_any(c.name), other = make_any(c.name);
    env.reset(1);
    for (int t = 0; t < 190; ++t) env.step(one_action(some_action(t)));
    other.set_state(env.state());
    for (int t = 190; t < 200; ++t) {
      const StepResult a = env.step(one_action(some_action(t))), b = other.step(one_action(some_action(t)));
      CHECK(a.obs == b.obs);
      CHECK(a.reward == b.reward);
      CHECK(b.truncated == (t == 199));
    }
    CHECK_THROWS_AS(env.step(one_action(std::numeric_limits<double>::quiet_NaN())), Error);
    CHECK_THROWS_AS(env.step(Vecd::Zero(2)), Error);
    CHECK_THROWS_AS(env.set_state({1.0}), Error);
  }
}
