// Wrappers against the wrapped environment, and recordings replayed.
#include "mbrl/env/wrappers/wrappers.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "env/exploding.hpp"
#include "env/step_on.hpp"
#include "mbrl/env/classic/cartpole.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#include "mbrl/env/verify.hpp"
#include "mbrl/env/wrappers/recorder.hpp"

using namespace mbrl;
using env_test::Exploding;

namespace {

Vecd number(double value) { return Vecd::Constant(1, value); }
AnyEnvironment pendulum() { return AnyEnvironment(Pendulum()); }
AnyEnvironment cartpole() {
  return AnyEnvironment(CartPole(CartPoleTask(CartPoleTask::Action::kContinuous)));
}

// Steps both through the same actions, one from a saved state of the other.
void check_state_continues(AnyEnvironment env, AnyEnvironment other) {
  env.reset(4);
  for (int t = 0; t < 7; ++t) step_on(env, number(std::sin(t)));
  other.reset(99);
  other.set_state(env.state());
  for (int t = 7; t < 20; ++t) {
    const StepResult a = step_on(env, number(std::sin(t))), b = step_on(other, number(std::sin(t)));
    REQUIRE(a.obs == b.obs);
    REQUIRE(a.reward == b.reward);
    REQUIRE(a.truncated == b.truncated);
  }
  CHECK(env.state() == other.state());
  CHECK_THROWS_AS(env.set_state({1.0}), Error);
  CHECK_THROWS_AS(env.step(Vecd::Zero(2)), Error);
}

}  // namespace

TEST_CASE("wrappers: all of them save and load their state") {
  check_state_continues(AnyEnvironment(TimeLimit(pendulum(), 12)), AnyEnvironment(TimeLimit(pendulum(), 12)));
  check_state_continues(AnyEnvironment(ActionRepeat(pendulum(), 3)),
                        AnyEnvironment(ActionRepeat(pendulum(), 3)));
  check_state_continues(AnyEnvironment(ScaledActions(pendulum())), AnyEnvironment(ScaledActions(pendulum())));
  check_state_continues(AnyEnvironment(StackedObservations(pendulum(), 3)),
                        AnyEnvironment(StackedObservations(pendulum(), 3)));
  const auto noisy = [] { return AnyEnvironment(NoisyEnvironment(pendulum(), {number(0.1), number(0.2)})); };
  check_state_continues(noisy(), noisy());
  const auto delayed = [] {
    return AnyEnvironment(DelayedEnvironment(pendulum(), {.observation = 2, .action = 3}));
  };
  check_state_continues(delayed(), delayed());
}

TEST_CASE("time limit: truncates earlier than the environment, never later") {
  TimeLimit env(pendulum(), 5);
  CHECK(env.spec().max_steps == 5);
  for (int episode = 0; episode < 2; ++episode) {
    env.reset(1);
    for (int t = 1; t <= 5; ++t) CHECK(env.step(number(0)).truncated == (t == 5));
  }
  CHECK(TimeLimit(pendulum(), 1000).spec().max_steps == 200);
  CHECK_THROWS_AS(TimeLimit(pendulum(), 0), Error);
}

TEST_CASE("action repeat: rewards add up and the end is not stepped over") {
  ActionRepeat env(pendulum(), 4);
  AnyEnvironment plain = pendulum();
  CHECK(env.spec().max_steps == 50);
  CHECK(env.spec().dt == Approx(0.2));
  CHECK_FALSE(env.spec().reward);
  env.reset(2);
  plain.reset(2);
  for (int t = 0; t < 50; ++t) {
    const Vecd action = number(std::sin(t));
    const StepResult result = env.step(action);
    double sum = 0;
    StepResult last;
    for (int i = 0; i < 4; ++i) sum += (last = plain.step(action)).reward;
    REQUIRE(result.obs == last.obs);
    REQUIRE(result.reward == Approx(sum).epsilon(1e-13));
    REQUIRE(result.truncated == (t == 49));
  }
  ActionRepeat falling(cartpole(), 50);
  AnyEnvironment one_by_one = cartpole();
  falling.reset(1);
  one_by_one.reset(1);
  const StepResult end = falling.step(number(1.0));
  CHECK(end.terminated);
  int steps = 0;
  StepResult last;
  do {
    last = one_by_one.step(number(1.0));
    ++steps;
  } while (!last.terminated);
  CHECK(end.obs == last.obs);
  CHECK(end.reward == steps);
}

TEST_CASE("scaled actions: the bounds become [-1, 1], for planners too") {
  ScaledActions env(pendulum());
  AnyEnvironment plain = pendulum();
  CHECK(env.spec().action_low == number(-1.0));
  CHECK(env.spec().action_high == number(1.0));
  const Vecd start = env.reset(3);
  plain.reset(3);
  const StepResult a = env.step(number(0.3)), b = plain.step(number(0.6));
  CHECK(a.obs == b.obs);
  CHECK(a.reward == b.reward);
  Vecf reward(1);
  env.spec().reward(start.cast<float>(), Batchf::Constant(1, 1, 0.3f), a.obs.cast<float>(), 0, reward);
  CHECK(static_cast<double>(reward(0)) == Approx(a.reward).epsilon(1e-6));
  ScaledActions discrete{AnyEnvironment(CartPole())};  // [0, 1]: -1 pushes left, 1 right
  discrete.reset(1);
  CHECK(discrete.step(number(1.0)).obs(1) > 0.1);
}

TEST_CASE("strict actions: outside the bounds is an error that says what and where") {
  AnyEnvironment env{StrictActions(AnyEnvironment{Pendulum()})}, plain{Pendulum()};
  CHECK(env.reset(1) == plain.reset(1));
  CHECK(env.step(Vecd::Constant(1, 2.0)).obs == plain.step(Vecd::Constant(1, 2.0)).obs);
  const auto state = env.state();
  try {
    env.step(Vecd::Constant(1, -2.5));
    FAIL("accepted");
  } catch (const Error& error) {
    const std::string message = error.what();
    CHECK(message.find("action entry 0 is -2.5, expected -2 to 2") != std::string::npos);
  }
  CHECK_THROWS_AS(env.step(Vecd::Zero(2)), Error);
  CHECK_THROWS_AS(env.step(Vecd::Constant(1, std::nan(""))), Error);
  CHECK(env.state() == state);
}

TEST_CASE("stacked observations: the newest last, functions of planners see it") {
  StackedObservations env(cartpole(), 3);
  AnyEnvironment plain = cartpole();
  CHECK(env.spec().obs_dim == 12);
  CHECK_NOTHROW(env.spec().encoding.validate());
  CHECK(env.spec().encoding.feature_dim() == 12);
  std::vector<Vecd> seen(3, plain.reset(5));
  CHECK(env.reset(5) == seen[0].replicate(3, 1));
  for (int t = 0; t < 30; ++t) {
    const StepResult result = step_on(env, number(1.0)), one = step_on(plain, number(1.0));
    seen.push_back(one.obs);
    for (int frame = 0; frame < 3; ++frame)
      REQUIRE(result.obs.segment(4 * frame, 4) == seen[seen.size() - 3 + static_cast<std::size_t>(frame)]);
    Vecf done(1);
    const Vecd& before = seen[seen.size() - 2];
    env.spec().termination(before.replicate(3, 1).cast<float>(), number(1.0).cast<float>(),
                           result.obs.cast<float>(), t, done);
    REQUIRE((done(0) == 1.0f) == one.terminated);
  }
}

TEST_CASE("noise: has the standard deviation asked for and depends on the seed alone") {
  Vecd sd(3);
  sd << 0.1, 0.0, 2.0;
  NoisyEnvironment env(pendulum(), {.observation = sd}), again(pendulum(), {.observation = sd});
  AnyEnvironment plain = pendulum();
  const int count = 2000;
  Vecd squares = Vecd::Zero(3), sums = Vecd::Zero(3);
  for (int i = 0; i < count; ++i) {
    const auto seed = static_cast<std::uint64_t>(i / 100);
    if (i % 100 == 0) {
      CHECK(env.reset(seed) == again.reset(seed));
      plain.reset(seed);
    }
    const StepResult noisy = env.step(number(1.0)), true_one = plain.step(number(1.0));
    REQUIRE(again.step(number(1.0)).obs == noisy.obs);
    CHECK(noisy.reward == true_one.reward);
    const Vecd error = noisy.obs - true_one.obs;
    sums += error;
    squares += error.cwiseAbs2();
  }
  for (int i : {0, 2}) {
    CHECK(std::abs(sums(i) / count) < 5.0 * sd(i) / std::sqrt(count));
    CHECK(squares(i) / count == Approx(sd(i) * sd(i)).epsilon(0.16));
  }
  CHECK(squares(1) == 0.0);
  NoisyEnvironment pushed(pendulum(), {.action = number(0.5)});
  pushed.reset(1);
  plain.reset(1);
  CHECK(pushed.step(number(0.0)).obs != plain.step(number(0.0)).obs);
  CHECK_THROWS_AS(NoisyEnvironment(pendulum(), {.observation = Vecd::Zero(2)}), Error);
  CHECK_THROWS_AS(NoisyEnvironment(pendulum(), {.action = number(-1.0)}), Error);
}

TEST_CASE("delay: actions act later, observations are older") {
  DelayedEnvironment env(pendulum(), {.observation = 2, .action = 1});
  AnyEnvironment plain = pendulum();
  CHECK_FALSE(env.spec().reward);
  std::vector<Vecd> seen = {plain.reset(6)};
  CHECK(env.reset(6) == seen[0]);
  for (int t = 0; t < 20; ++t) {
    const StepResult result = env.step(number(std::sin(t)));
    const StepResult one = plain.step(number(t == 0 ? 0.0 : std::sin(t - 1)));
    seen.push_back(one.obs);
    REQUIRE(result.obs == seen[static_cast<std::size_t>(std::max(0, t - 1))]);
    REQUIRE(result.reward == one.reward);
  }
  CHECK_THROWS_AS(DelayedEnvironment(pendulum(), {.observation = -1}), Error);
}

TEST_CASE("recorder: a recording is replayed without a deviation, and a changed one is not") {
  const TemporaryFolder folder;
  Recorder env(AnyEnvironment(ActionRepeat(pendulum(), 2)), folder.path() / "recordings");
  for (int episode = 1; episode <= 2; ++episode) {
    env.reset(static_cast<std::uint64_t>(episode));
    for (int t = 0; t < 30; ++t) env.step(number(2.0 * std::sin(0.3 * t)));
    CHECK(env.episodes() == episode);
    AnyEnvironment replay(ActionRepeat(pendulum(), 2));
    const VerifyReport report = verify_recording(replay, env.file());
    INFO(to_string(report));
    CHECK(report.within());
    CHECK(report.steps == 30);
    CHECK(report.groups.size() == 4);
    for (const auto& group : report.groups) CHECK(group.largest.error == 0.0);
    AnyEnvironment other(ActionRepeat(pendulum(), 3));
    CHECK_FALSE(verify_recording(other, env.file()).within());
  }
  env.set_state(env.state());
  env.step(number(0.0));  // not recorded: its start is not
  CHECK(read_csv(env.file()).rows() == 31);
}

TEST_CASE("wrappers: an action refused changes nothing") {
  const auto discrete = [] { return AnyEnvironment(CartPole()); };  // refuses what is far from 0 and 1
  const auto check = [](const std::function<AnyEnvironment()>& make) {
    AnyEnvironment env = make(), other = make();
    env.reset(3);
    other.reset(3);
    for (int t = 0; t < 8; ++t) {
      const auto before = env.state();
      CHECK_THROWS_AS(env.step(number(5.0)), Error);
      REQUIRE(env.state() == before);
      const StepResult a = step_on(env, number(1.0)), b = step_on(other, number(1.0));
      REQUIRE(a.obs == b.obs);
      REQUIRE(a.truncated == b.truncated);
      REQUIRE(env.state() == other.state());
    }
  };
  check(discrete);
  check([&] { return AnyEnvironment(TimeLimit(discrete(), 5)); });
  check([&] { return AnyEnvironment(ScaledActions(discrete())); });
  check([&] { return AnyEnvironment(StrictActions(discrete())); });
  check([&] { return AnyEnvironment(StackedObservations(discrete(), 3)); });
  check([&] { return AnyEnvironment(NoisyEnvironment(discrete(), {.observation = number(0.1)})); });
  check([&] { return AnyEnvironment(DelayedEnvironment(discrete(), {.observation = 2})); });

  // One that is refused when its turn comes is gone then.
  DelayedEnvironment delayed(discrete(), {.action = 2});
  delayed.reset(3);
  delayed.step(number(5.0));
  delayed.step(number(1.0));
  const auto before = delayed.state();
  CHECK_THROWS_AS(delayed.step(number(1.0)), Error);
  CHECK(delayed.state().size() == before.size());
  CHECK_NOTHROW(delayed.step(number(0.0)));
  CHECK_NOTHROW(delayed.step(number(0.0)));
}

TEST_CASE("action repeat: a simulation that breaks down on the way earns nothing") {
  ActionRepeat env(AnyEnvironment(AnalyticEnvironment<Exploding>()), 3);
  env.reset(1);
  const StepResult result = env.step(number(0.0));  // 1e200, then 1e400
  CHECK(result.terminated);
  CHECK_FALSE(result.fault.empty());
  CHECK(result.reward == 0.0);
}
