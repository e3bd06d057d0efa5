// What an environment of a few equations refuses: specifications that make no sense, rewards that are no numbers.
#include "mbrl/env/analytic_environment.hpp"

#include <cmath>
#include <limits>
#include <string>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "env/exploding.hpp"
#include "mbrl/env/registry.hpp"

using namespace mbrl;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// A point that stays where it is; the third step's reward is given.
struct Still {
  EnvSpec facts = env_test::Exploding().spec();
  double third_reward = 1;
  EnvSpec spec() const { return facts; }
  int state_dim() const { return 1; }
  void draw_start(const RandomStream&, Vecd& state) const { state(0) = 0; }
  StepOutcome step(Vecd& state, ConstVecRef<double>) const {
    state(0) += 1;
    return {.reward = state(0) == 3 ? third_reward : 1.0};
  }
};

template <class Change>
std::string error_with(Change&& change) {
  Still task;
  change(task.facts);
  const std::string made = error_of([&] { AnalyticEnvironment<Still> env(task); });
  EnvRegistry registry;
  const std::string registered = error_of(
      [&] { registry.add(task.facts, [task] { return AnyEnvironment(AnalyticEnvironment<Still>(task)); }); });
  CHECK(made == registered);
  return made;
}

}  // namespace

TEST_CASE(
    "analytic environment: bounds and time of a specification are checked where it is made and registered") {
  CHECK(error_with([](EnvSpec&) {}).empty());
  const std::string expected = "expected finite numbers, the first below the second";
  CHECK(contains(error_with([](EnvSpec& s) { s.action_high(0) = kInf; }),
                 "action entry 0 by [-1, inf], " + expected));
  CHECK(contains(error_with([](EnvSpec& s) { s.action_low(0) = 3; }), "by [3, 1], " + expected));
  CHECK(contains(error_with([](EnvSpec& s) { s.action_low(0) = NAN; }), expected));
  CHECK(contains(error_with([](EnvSpec& s) { s.action_low = s.action_high = Vecd(0); }),
                 "action_low is empty"));
  CHECK(contains(error_with([](EnvSpec& s) { s.action_low = Vecd::Constant(2, -1); }), "expected 2"));
  CHECK(contains(error_with([](EnvSpec& s) { s.dt = -1; }), "spec().dt is -1 s"));
}

TEST_CASE("analytic environment: a reward that is not finite is named with its step") {
  for (const double reward : {std::nan(""), kInf}) {
    AnalyticEnvironment<Still> env(Still{.third_reward = reward});
    env.reset(1);
    const Vecd action = Vecd::Zero(1);
    CHECK(env.step(action).reward == 1);
    CHECK(env.step(action).reward == 1);
    CHECK_THROWS_WITH(env.step(action), Catch::Contains("exploding: the reward of step 3 is"));
  }
}
