// The benchmark's MuJoCo tasks: rewards computed anew from the physical states on the way, lengths, ends.
#include "mbrl/mujoco/tasks/mbbl.hpp"

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "catch.hpp"
#include "env/step_on.hpp"
#include "mujoco/support.hpp"

using namespace mbrl;

namespace {

using State = std::vector<double>;

struct Case {
  const char *name, *gym;  // the Gymnasium task of the same motion
  int skipped;             // positions not observed
  std::function<double(const State& s, double action_squared)> reward;  // of qpos, qvel before the step
  std::function<bool(const State&)> healthy;                            // empty: never terminates
};

double square(double x) { return x * x; }

bool walker(const State& s) { return 0.8 < s[1] && s[1] < 2.0 && std::abs(s[2]) < 1.0; }
bool hopper(const State& s) { return 0.7 < s[1] && std::abs(s[2]) < 0.2; }
bool ant(const State& s) { return 0.2 <= s[2] && s[2] <= 1.0; }
bool humanoid(const State& s) { return 1.0 <= s[2] && s[2] <= 2.0; }

// Velocities begin at 9 (planar with 9 coordinates), 6 (hopper), 15 (ant), 24 (humanoid), 5 (swimmer).
const std::vector<Case>& cases() {
  static const auto walks = [](const State& s, double aa) {
    return s[9] - 3.0 * square(s[1] - 1.3) - 0.1 * aa;
  };
  static const auto hops = [](const State& s, double aa) {
    return s[6] - 3.0 * square(s[1] - 1.3) - 0.1 * aa;
  };
  static const auto crawls = [](const State& s, double aa) {
    return s[15] - 3.0 * square(s[2] - 0.57) - 0.1 * aa;
  };
  static const auto slim = [](const State& s, double aa) {
    return 0.25 / 0.015 * s[24] - 0.1 * aa + (humanoid(s) ? 5.0 : 0.0);
  };
  static const std::vector<Case> all = {
      {"mbbl/HalfCheetah",
       "HalfCheetah-v4",
       1,
       [](const State& s, double aa) { return s[9] - 0.1 * aa; },
       {}},
      {"mbbl/Swimmer", "Swimmer-v4", 2, [](const State& s, double aa) { return s[5] - 1e-4 * aa; }, {}},
      {"mbbl/Walker2d", "Walker2d-v4", 1, [](const State& s, double aa) { return walks(s, aa) + 1.0; }, {}},
      {"mbbl/Walker2dET", "Walker2d-v4", 1,
       [](const State& s, double aa) { return walks(s, aa) + (walker(s) ? 1.0 : 0.0); }, walker},
      {"mbbl/Hopper", "Hopper-v4", 1, [](const State& s, double aa) { return hops(s, aa) + 1.0; }, {}},
      {"mbbl/HopperET", "Hopper-v4", 1,
       [](const State& s, double aa) { return hops(s, aa) + (hopper(s) ? 1.0 : 0.0); }, hopper},
      {"mbbl/Ant", "Ant-v4", 2, [](const State& s, double aa) { return crawls(s, aa) + 1.0; }, {}},
      {"mbbl/AntET", "Ant-v4", 2,
       [](const State& s, double aa) { return crawls(s, aa) + (ant(s) ? 1.0 : 0.0); }, ant},
      {"mbbl/SlimHumanoid", "Humanoid-v4", 2, slim, {}},
      {"mbbl/SlimHumanoidET", "Humanoid-v4", 2, slim, humanoid},
      {"mbbl/InvertedPendulum",
       "InvertedPendulum-v4",
       0,
       [](const State& s, double) { return -square(s[1]); },
       {}},
  };
  return all;
}

}  // namespace

TEST_CASE("mbbl: rewards are functions of the state before the step, observations are not clipped") {
  for (const Case& c : cases()) {
    CAPTURE(c.name);
    AnyEnvironment env = all_environments().make(c.name), gym = all_environments().make(c.gym);
    const auto skipped = static_cast<std::size_t>(c.skipped);
    Vecd obs = env.reset(2);
    for (std::size_t i = 0; i < skipped; ++i) CHECK(env.physics_state()[i] == 0.0);
    gym.set_physics_state(env.physics_state());
    env.set_physics_state(env.physics_state());
    int ended = 0, apart = 0;
    for (int t = 0; t < 100; ++t) {
      const State before = env.physics_state();
      const Vecd action = 1.3 * random_action(env.spec(), 2, t);
      const StepResult result = step_on(env, action);
      step_on(gym, action);
      const State after = env.physics_state();
      REQUIRE(after == gym.physics_state());
      CHECK(result.reward == Approx(c.reward(before, action.squaredNorm())).epsilon(1e-12).margin(1e-12));
      const State seen(after.begin() + c.skipped, after.end());
      CHECK(State(result.obs.begin(), result.obs.end()) == seen);
      CHECK(result.terminated == (c.healthy && !c.healthy(after)));
      CHECK(result.truncated == (t + 1 == env.spec().max_steps));
      ended += result.terminated;
      apart += std::abs(c.reward(after, action.squaredNorm()) - result.reward) > 1e-6;

      Batchf s = obs.cast<float>(), a = action.cast<float>(), next = result.obs.cast<float>();
      Vecf planned(1);
      env.spec().reward(s, a, next, t, planned);
      CHECK(static_cast<double>(planned(0)) == Approx(result.reward).epsilon(1e-5).margin(1e-4));
      if (c.healthy) {
        env.spec().termination(s, a, next, t, planned);
        CHECK(planned(0) == (result.terminated ? 1.0f : 0.0f));
      } else {
        CHECK_FALSE(env.spec().termination);
      }
      obs = result.obs;
    }
    CHECK(apart > 20);  // the new state would give another reward
    if (c.healthy && std::string(c.name) != "mbbl/AntET") CHECK(ended > 0);
  }
}

TEST_CASE("mbbl: ET variants terminate outside the healthy states, the others in none") {
  const auto step_from = [](const std::string& name, std::size_t index, double value) {
    AnyEnvironment env = all_environments().make(name);
    env.reset(1);
    State state = env.physics_state();
    state[index] = value;
    env.set_physics_state(state);
    return env.step(Vecd::Zero(env.spec().action_dim()));
  };
  struct Fall {
    const char* name;
    std::size_t index;
    double value;
  };
  for (const Fall& fall : {Fall{"Walker2d", 1, 2.5}, Fall{"Walker2d", 2, 1.3}, Fall{"Hopper", 1, 0.5},
                           Fall{"Hopper", 2, -0.4}, Fall{"Ant", 2, 3.0}, Fall{"SlimHumanoid", 2, 3.0}}) {
    CAPTURE(fall.name);
    const std::string name = std::string("mbbl/") + fall.name;
    const StepResult et = step_from(name + "ET", fall.index, fall.value);
    const StepResult fixed = step_from(name, fall.index, fall.value);
    CHECK(et.terminated);
    CHECK_FALSE(fixed.terminated);
    CHECK(et.obs == fixed.obs);
    const double bonus =
        std::string(fall.name) == "SlimHumanoid" ? 0.0 : 1.0;  // it never gives it to the fallen
    CHECK(fixed.reward - et.reward == Approx(bonus).margin(1e-12));
  }
}

TEST_CASE("mbbl: episodes have the published length") {
  for (const auto& [name, steps] : {std::pair{"mbbl/InvertedPendulum", 100}, std::pair{"mbbl/Reacher", 50},
                                    std::pair{"mbbl/Swimmer", 1000}}) {
    CAPTURE(name);
    AnyEnvironment env = all_environments().make(name);
    env.reset(1);
    const Vecd still = Vecd::Zero(env.spec().action_dim());
    int t = 1;
    while (!env.step(still).truncated) REQUIRE(++t <= steps);
    CHECK(t == steps);
  }
}

TEST_CASE("mbbl: the reacher is Reacher-v4, whose reward is that of the observation before") {
  AnyEnvironment env = all_environments().make("mbbl/Reacher"), gym = all_environments().make("Reacher-v4");
  Vecd obs = env.reset(3);
  gym.reset(3);
  for (int t = 0; t < 50; ++t) {
    const Vecd action = random_action(env.spec(), 3, t);
    const StepResult result = env.step(action), same = gym.step(action);
    CHECK(result.obs == same.obs);
    CHECK(result.reward == same.reward);
    CHECK(result.reward == Approx(-obs.tail(3).norm() - action.squaredNorm()).epsilon(1e-13));
    obs = result.obs;
  }
}
