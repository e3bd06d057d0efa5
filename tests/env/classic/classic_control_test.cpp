// The analytic environments against recorded trajectories, their formulas and their start distributions.
#include <cmath>
#include <limits>
#include <numbers>
#include <string>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "env/exploding.hpp"
#include "env/step_on.hpp"
#include "mbrl/env/classic/acrobot.hpp"
#include "mbrl/env/classic/cartpole.hpp"
#include "mbrl/env/classic/environments.hpp"
#include "mbrl/env/classic/mountain_car.hpp"
#include "mbrl/env/registry.hpp"
#include "mbrl/env/verify.hpp"
#include "paths.hpp"

using namespace mbrl;
using env_test::Exploding;

namespace {

Vecd number(double value) { return Vecd::Constant(1, value); }

AnyEnvironment make(const std::string& name) {
  EnvRegistry registry;
  register_analytic_environments(registry);
  return registry.make(name);
}

Vecd some_action(const EnvSpec& spec, int t) {
  return number(RandomStream(7, Stream::kUser)
                    .uniform(spec.action_low(0), spec.action_high(0), static_cast<std::uint32_t>(t)));
}

const std::vector<std::string> kNames = {"CartPole-v1", "CartPoleContinuous", "MountainCarContinuous-v0",
                                         "Acrobot-v1"};

}  // namespace

TEST_CASE("classic control: recorded trajectories are reproduced") {
  struct Case {
    const char *env, *file;
    std::size_t steps;
  };
  for (const Case& c :
       {Case{"CartPole-v1", "cartpole_v1", 60}, Case{"CartPoleContinuous", "cartpole_continuous", 60},
        Case{"MountainCarContinuous-v0", "mountain_car_continuous", 120},
        Case{"Acrobot-v1", "acrobot", 200}}) {
    AnyEnvironment env = make(c.env);
    const VerifyReport report = verify_recording(
        env, test::data_folder() / "reference" / ("classic_" + std::string(c.file) + ".csv"));
    INFO(to_string(report));
    CHECK(report.within());
    CHECK(report.steps == c.steps);
    CHECK(report.groups.size() == 4);
    for (const auto& group : report.groups) CHECK(group.largest.error < 1e-12);
  }
}

TEST_CASE("classic control: start states are uniform in their boxes") {
  const auto check = [](const char* name, std::size_t index, double low, double high) {
    CAPTURE(name, index);
    AnyEnvironment env = make(name);
    const int count = 2000;
    double sum = 0, squares = 0;
    for (int seed = 0; seed < count; ++seed) {
      env.reset(static_cast<std::uint64_t>(seed));
      const double z = (2.0 * env.physics_state()[index] - low - high) / (high - low);
      REQUIRE(std::abs(z) <= 1.0);
      sum += z;
      squares += z * z;
    }
    CHECK(std::abs(sum / count) < 5.0 / std::sqrt(3.0 * count));
    CHECK(squares / count == Approx(1.0 / 3.0).epsilon(0.09));  // four standard errors
  };
  for (std::size_t i = 0; i < 4; ++i) {
    check("CartPole-v1", i, -0.05, 0.05);
    check("Acrobot-v1", i, -0.1, 0.1);
  }
  check("MountainCarContinuous-v0", 0, -0.6, -0.4);
  AnyEnvironment car = make("MountainCarContinuous-v0");
  CHECK(car.reset(1)(1) == 0.0);
}

TEST_CASE("classic control: planners' rewards and terminations are the environments'") {
  for (const std::string& name : kNames) {
    CAPTURE(name);
    AnyEnvironment env = make(name);
    const EnvSpec& spec = env.spec();
    Vecd obs = env.reset(1);
    if (name == "MountainCarContinuous-v0") obs = env.set_physics_state({0.3, 0.06});  // arrives soon
    int ended = 0;
    for (int t = 0; t < 600; ++t) {
      // A torque with the elbow's motion swings the acrobot up.
      const Vecd action =
          name == "Acrobot-v1" ? number(env.physics_state()[3] > 0 ? 2.0 : 0.0) : some_action(spec, t);
      const StepResult result = env.step(action);
      Vecf done(1), reward(1);
      const Batchf before = obs.cast<float>(), after = result.obs.cast<float>(), given = action.cast<float>();
      spec.termination(before, given, after, t, done);
      spec.reward(before, given, after, 0, reward);
      REQUIRE(done(0) == (result.terminated ? 1.0f : 0.0f));
      // The cart-pole gives 1 in its last step, where planners see 0 (mbrl-lib's function).
      const double expected = name.starts_with("CartPole") && result.terminated ? 0.0 : result.reward;
      REQUIRE(static_cast<double>(reward(0)) == Approx(expected).epsilon(1e-6).margin(1e-7));
      if (name.starts_with("CartPole")) REQUIRE(result.reward == 1.0);
      ended += result.terminated;
      obs = result.terminated ? env.reset(static_cast<std::uint64_t>(t)) : result.obs;
    }
    CHECK(ended > 0);
  }
}

TEST_CASE("classic control: discrete actions are rounded to the nearest, others refused") {
  CartPole left, right;
  left.reset(1);
  right.reset(1);
  CHECK(left.step(number(0.4)).obs == right.step(number(-0.3)).obs);
  left.reset(1);
  CHECK(left.step(number(0.6)).obs(1) > right.observation()(1));
  for (const double bad : {1.5, -0.6, 7.0}) CHECK_THROWS_AS(left.step(number(bad)), Error);
  Acrobot acrobot;
  acrobot.reset(1);
  CHECK_THROWS_AS(acrobot.step(number(2.5)), Error);
  CHECK_NOTHROW(acrobot.step(number(2.4)));
}

TEST_CASE(
    "classic control: the continuous cart-pole does not clip, the car's cost sees the unclipped action") {
  CartPole strong{CartPoleTask(CartPoleTask::Action::kContinuous)};
  strong.set_physics_state({0, 0, 0, 0});
  const double once = strong.step(number(1.0)).obs(1);
  strong.set_physics_state({0, 0, 0, 0});
  CHECK(strong.step(number(2.0)).obs(1) == Approx(2.0 * once).epsilon(1e-14));
  MountainCar car, clipped;
  car.reset(2);
  clipped.reset(2);
  const StepResult a = car.step(number(3.0)), b = clipped.step(number(1.0));
  CHECK(a.obs == b.obs);
  CHECK(a.reward == Approx(-0.9));
  CHECK(b.reward == Approx(-0.1));
}

TEST_CASE("classic control: the mountain car's state is kept in single precision") {
  MountainCar car;
  car.reset(3);
  for (int t = 0; t < 50; ++t) {
    const Vecd obs = car.step(number(0.7)).obs;
    for (Index i = 0; i < 2; ++i) CHECK(static_cast<double>(static_cast<float>(obs(i))) == obs(i));
  }
  car.set_physics_state({-1.19, -0.07});  // the wall takes the speed
  CHECK(car.step(number(0.0)).obs == Vecd(Eigen::Vector2d(static_cast<double>(-1.2f), 0.0)));
}

TEST_CASE("classic control: the acrobot keeps its energy when let go, and wraps its angles") {
  Acrobot acrobot;
  const auto energy = [](const std::vector<double>& s) {
    const double w1 = s[2], w12 = s[2] + s[3], c2 = std::cos(s[1]);
    const double speed1 = 0.25 * w1 * w1, speed2 = w1 * w1 + 0.25 * w12 * w12 + w1 * w12 * c2;
    return 0.5 * (speed1 + speed2 + w1 * w1 + w12 * w12) - 9.8 * 0.5 * std::cos(s[0]) -
           9.8 * (std::cos(s[0]) + 0.5 * std::cos(s[0] + s[1]));
  };
  acrobot.set_physics_state({0.5, -0.3, 0.2, 0.1});
  const double start = energy(acrobot.physics_state());
  for (int t = 0; t < 20; ++t) acrobot.step(number(1.0));                 // no torque
  CHECK(energy(acrobot.physics_state()) == Approx(start).epsilon(5e-3));  // Runge-Kutta at 0.2 s
  acrobot.set_physics_state({3.1, 3.1, 2.0, 2.0});
  acrobot.step(number(1.0));
  for (std::size_t i = 0; i < 2; ++i) CHECK(std::abs(acrobot.physics_state()[i]) <= std::numbers::pi);
}

TEST_CASE("classic control: a state put back continues bit for bit, the step count included") {
  for (const std::string& name : kNames) {
    CAPTURE(name);
    AnyEnvironment env = make(name), other = make(name);
    const int last = env.spec().max_steps;
    env.reset(3);
    for (int t = 0; t < last - 20; ++t) step_on(env, some_action(env.spec(), t));
    other.set_state(env.state());
    for (int t = last - 20; t < last; ++t) {
      const Vecd action = some_action(env.spec(), t);
      const StepResult a = step_on(env, action), b = step_on(other, action);
      REQUIRE(a.obs == b.obs);
      REQUIRE(a.reward == b.reward);
      REQUIRE(a.truncated == (t == last - 1));
      REQUIRE(b.truncated == a.truncated);
    }
    CHECK(env.state() == other.state());
    CHECK_THROWS_AS(env.set_state({1.0}), Error);
    CHECK_THROWS_AS(env.set_physics_state({1.0}), Error);
    CHECK_THROWS_AS(env.step(Vecd::Zero(2)), Error);
    CHECK_THROWS_AS(env.step(number(std::numeric_limits<double>::quiet_NaN())), Error);
  }
}

TEST_CASE("analytic environment: a state that is not finite ends the episode with its cause") {
  AnalyticEnvironment<Exploding> env;
  env.reset(1);
  StepResult result = env.step(number(0.0));
  CHECK(result.fault.empty());
  const Vecd last = result.obs;
  result = env.step(number(0.0));  // 1e400
  CHECK(result.terminated);
  CHECK(result.fault.find("not finite") != std::string::npos);
  CHECK(result.reward == 0.0);
  CHECK(result.obs == last);
  CHECK_THROWS_AS(env.step(number(0.0)), Error);
  AnalyticEnvironment<Exploding> other;
  other.set_state(env.state());
  CHECK_THROWS_AS(other.step(number(0.0)), Error);
  env.reset(1);
  CHECK_NOTHROW(env.step(number(0.0)));
}

TEST_CASE("analytic environment: a specification that cannot be is refused") {
  struct Still {
    int max_steps = 10, high = 1;
    EnvSpec spec() const {
      EnvSpec spec;
      spec.name = "still";
      spec.obs_dim = 1;
      spec.action_low = number(-1.0);
      spec.action_high = Vecd::Ones(high);
      spec.max_steps = max_steps;
      spec.encoding = ObsEncoding::identity(1);
      return spec;
    }
    int state_dim() const { return 1; }
    void draw_start(const RandomStream&, Vecd&) const {}
    StepOutcome step(Vecd&, ConstVecRef<double>) const { return {}; }
  };
  const auto trouble = [](Still task) { return error_of([&] { AnalyticEnvironment<Still> env(task); }); };
  CHECK(trouble({}).empty());
  CHECK(contains(trouble({.max_steps = 0}), "max_steps is 0, expected 1 or more"));
  CHECK(contains(trouble({.high = 2}), "action_high has dimension 2, expected 1"));
}
