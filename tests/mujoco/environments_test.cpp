// What every MuJoCo environment must do, and what each of these must do in particular.
#include "mbrl/mujoco/environments.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "catch.hpp"
#include "env/step_on.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/env/wrappers/wrappers.hpp"
#include "mbrl/mujoco/tasks/ant.hpp"
#include "mbrl/mujoco/tasks/half_cheetah.hpp"
#include "mbrl/mujoco/tasks/hopper.hpp"
#include "mbrl/mujoco/tasks/humanoid.hpp"
#include "mbrl/mujoco/tasks/inverted_double_pendulum.hpp"
#include "mbrl/mujoco/tasks/inverted_pendulum.hpp"
#include "mbrl/mujoco/tasks/pets_cartpole.hpp"
#include "mbrl/mujoco/tasks/pets_half_cheetah.hpp"
#include "mbrl/mujoco/tasks/pets_reacher3d.hpp"
#include "mbrl/mujoco/tasks/pusher.hpp"
#include "mbrl/mujoco/tasks/walker2d.hpp"
#include "support.hpp"

using namespace mbrl;

namespace {

std::vector<std::string> mujoco_names() {
  EnvRegistry registry;
  mujoco::register_environments(registry);
  return registry.names();
}

struct Episode {
  std::vector<Vecd> obs;
  std::vector<double> rewards;
  std::vector<double> last_state;
  bool operator==(const Episode&) const = default;
};

Episode run_episode(const std::string& name, std::uint64_t seed, int steps) {
  AnyEnvironment env = all_environments().make(name);
  Episode episode;
  episode.obs.push_back(env.reset(seed));
  for (int t = 0; t < steps; ++t) {
    const StepResult result = step_on(env, random_action(env.spec(), seed, t));
    episode.obs.push_back(result.obs);
    episode.rewards.push_back(result.reward);
  }
  episode.last_state = env.state();
  return episode;
}

}  // namespace

TEST_CASE("mujoco environments: dimensions, bounds and lengths are the published ones") {
  struct Facts {
    const char* name;
    int obs, features, actions, steps;
    double high, dt;
  };
  const std::vector<Facts> all = {
      {"pets/CartPole", 4, 5, 1, 200, 3.0, 0.04},
      {"pets/HalfCheetah", 18, 18, 6, 1000, 1.0, 0.05},
      {"pets/Reacher3D", 17, 17, 7, 150, 20.0, 0.02},
      {"pets/Pusher", 20, 20, 7, 150, 2.0, 0.04},
      {"pets/PusherFingertips", 20, 20, 7, 150, 2.0, 0.04},
      {"pilco/Reacher", 4, 6, 2, 30, 0.4, 0.1},
      {"mbpo/AntTruncatedObs", 27, 27, 8, 1000, 1.0, 0.05},
      {"mbpo/HumanoidTruncatedObs", 45, 45, 17, 1000, 0.4, 0.015},
      {"HalfCheetah-v4", 17, 17, 6, 1000, 1.0, 0.05},
      {"HalfCheetah-v5", 17, 17, 6, 1000, 1.0, 0.05},
      {"Hopper-v4", 11, 11, 3, 1000, 1.0, 0.008},
      {"Hopper-v5", 11, 11, 3, 1000, 1.0, 0.008},
      {"Walker2d-v4", 17, 17, 6, 1000, 1.0, 0.008},
      {"Walker2d-v5", 17, 17, 6, 1000, 1.0, 0.008},
      {"Ant-v4", 27, 27, 8, 1000, 1.0, 0.05},
      {"Ant-v5", 105, 105, 8, 1000, 1.0, 0.05},
      {"Humanoid-v4", 376, 376, 17, 1000, 0.4, 0.015},
      {"Humanoid-v5", 348, 348, 17, 1000, 0.4, 0.015},
      {"HumanoidStandup-v4", 376, 376, 17, 1000, 0.4, 0.015},
      {"HumanoidStandup-v5", 348, 348, 17, 1000, 0.4, 0.015},
      {"Swimmer-v4", 8, 8, 2, 1000, 1.0, 0.04},
      {"Swimmer-v5", 8, 8, 2, 1000, 1.0, 0.04},
      {"InvertedPendulum-v4", 4, 4, 1, 1000, 3.0, 0.04},
      {"InvertedPendulum-v5", 4, 4, 1, 1000, 3.0, 0.04},
      {"InvertedDoublePendulum-v4", 11, 11, 1, 1000, 1.0, 0.05},
      {"InvertedDoublePendulum-v5", 9, 9, 1, 1000, 1.0, 0.05},
      {"Reacher-v4", 11, 11, 2, 50, 1.0, 0.02},
      {"Reacher-v5", 10, 10, 2, 50, 1.0, 0.02},
      {"Pusher-v4", 23, 23, 7, 100, 2.0, 0.05},
      {"Pusher-v5", 23, 23, 7, 100, 2.0, 0.05},
      {"AntContactForces-v4", 111, 111, 8, 1000, 1.0, 0.05},
      {"mbbl/HalfCheetah", 17, 17, 6, 1000, 1.0, 0.05},
      {"mbbl/Walker2d", 17, 17, 6, 1000, 1.0, 0.008},
      {"mbbl/Walker2dET", 17, 17, 6, 1000, 1.0, 0.008},
      {"mbbl/Hopper", 11, 11, 3, 1000, 1.0, 0.008},
      {"mbbl/HopperET", 11, 11, 3, 1000, 1.0, 0.008},
      {"mbbl/Ant", 27, 27, 8, 1000, 1.0, 0.05},
      {"mbbl/AntET", 27, 27, 8, 1000, 1.0, 0.05},
      {"mbbl/Swimmer", 8, 8, 2, 1000, 1.0, 0.04},
      {"mbbl/SlimHumanoid", 45, 45, 17, 1000, 0.4, 0.015},
      {"mbbl/SlimHumanoidET", 45, 45, 17, 1000, 0.4, 0.015},
      {"mbbl/InvertedPendulum", 4, 4, 1, 100, 3.0, 0.04},
      {"mbbl/Reacher", 11, 11, 2, 50, 1.0, 0.02},
      {"dmc/cheetah-run", 17, 17, 6, 1000, 1.0, 0.01},
      {"dmc/cartpole-swingup", 5, 5, 1, 1000, 1.0, 0.01},
      {"dmc/reacher-easy", 6, 6, 2, 1000, 1.0, 0.02},
      {"dmc/finger-spin", 9, 9, 2, 1000, 1.0, 0.02},
      {"dmc/ball_in_cup-catch", 8, 8, 2, 1000, 1.0, 0.02},
      {"dmc/walker-walk", 24, 24, 6, 1000, 1.0, 0.025},
  };
  CHECK(all.size() == mujoco_names().size());
  for (const Facts& facts : all) {
    CAPTURE(facts.name);
    AnyEnvironment env = all_environments().make(facts.name);
    const EnvSpec& spec = env.spec();
    CHECK(spec.name == facts.name);
    CHECK(spec.obs_dim == facts.obs);
    CHECK(spec.encoding.obs_dim() == facts.obs);
    CHECK(spec.encoding.feature_dim() == facts.features);
    CHECK(spec.action_low == Vecd::Constant(facts.actions, -facts.high));
    CHECK(spec.action_high == Vecd::Constant(facts.actions, facts.high));
    CHECK(spec.max_steps == facts.steps);
    CHECK_FALSE(spec.source.empty());
    CHECK(spec.dt == facts.dt);
    CHECK_NOTHROW(spec.encoding.validate());
    CHECK(env.reset(0).size() == facts.obs);
  }
}

TEST_CASE("mujoco environments: the models have the published masses and load without a warning") {
  const auto check = [](const mujoco::Model& model, double published) {
    double sum = 0;
    for (int i = 0; i < static_cast<int>(model->nbody); ++i) sum += model->body_mass[i];
    CHECK(sum == Approx(published).epsilon(1e-3));
    CHECK(model.warnings().empty());
  };
  using namespace mujoco;
  check(PetsHalfCheetahTask().model(), 14.0);
  check(PetsCartPoleTask().model(), 15.491);
  check(PetsReacher3DTask().model(), 46.366);
  check(PetsPusherTask().model(), 13.673);
  check(PusherTask().model(), 13.673);
  check(HopperTask().model(), 15.820);
  check(Walker2dTask().model(), 23.677);
  check(AntTask().model(), 0.911);
  check(HumanoidTask().model(), 42.116);
  check(HumanoidStandupTask().model(), 42.116);
  check(InvertedPendulumTask().model(), 15.491);
  check(InvertedDoublePendulumTask().model(), 18.869);
  // One compiled model serves all of a kind.
  CHECK(PetsHalfCheetahTask().model().get() == HalfCheetahTask().model().get());
}

TEST_CASE("mujoco environments: the seed fixes the start, whatever happened before") {
  for (const std::string& name : mujoco_names()) {
    CAPTURE(name);
    AnyEnvironment env = all_environments().make(name);
    const Vecd first = env.reset(11);
    const auto state = env.state();
    for (int t = 0; t < 20; ++t) step_on(env, random_action(env.spec(), 1, t));
    CHECK(env.reset(11) == first);
    CHECK(env.state() == state);
    CHECK(env.reset(12) != first);
  }
}

TEST_CASE("mujoco environments: a state put back continues bit for bit") {
  for (const std::string& name : mujoco_names()) {
    CAPTURE(name);
    AnyEnvironment env = all_environments().make(name), fresh = all_environments().make(name);
    const int first = 15, last = 40;
    env.reset(3);
    for (int t = 0; t < first; ++t) step_on(env, random_action(env.spec(), 3, t));
    const auto saved = env.state();
    fresh.reset(99);
    fresh.set_state(saved);
    CHECK(fresh.state() == saved);
    std::vector<StepResult> results;
    for (int t = first; t < last; ++t) {
      const Vecd action = random_action(env.spec(), 3, t);
      const StepResult a = step_on(env, action), b = step_on(fresh, action);
      REQUIRE(a.obs == b.obs);
      REQUIRE(a.reward == b.reward);
      REQUIRE(a.terminated == b.terminated);
      results.push_back(a);
    }
    CHECK(env.state() == fresh.state());
    // And in the environment it was taken from.
    env.set_state(saved);
    for (std::size_t i = 0; i < results.size(); ++i)
      REQUIRE(step_on(env, random_action(env.spec(), 3, first + static_cast<int>(i))).obs == results[i].obs);
  }
}

TEST_CASE("mujoco environments: truncated after the published number of steps, the count put back too") {
  for (const char* name : {"pets/CartPole", "Reacher-v5", "Pusher-v4"}) {
    CAPTURE(name);
    AnyEnvironment env = all_environments().make(name), other = all_environments().make(name);
    env.reset(3);
    for (int t = 1; t <= env.spec().max_steps; ++t) {
      const StepResult result = env.step(random_action(env.spec(), 3, t));
      REQUIRE(result.truncated == (t == env.spec().max_steps));
      REQUIRE_FALSE(result.terminated);
      if (t == env.spec().max_steps - 1) other.set_state(env.state());
    }
    CHECK(other.step(random_action(env.spec(), 3, 0)).truncated);
  }
}

TEST_CASE("mujoco environments: the observation goes with the state, the last displacement included") {
  mujoco::PetsHalfCheetah env, other;
  env.reset(4);
  Vecd obs;
  for (int t = 0; t < 30; ++t) obs = env.step(random_action(env.spec(), 4, t)).obs;
  REQUIRE(obs(0) != 0.0);
  other.set_state(env.state());
  CHECK(other.observation() == obs);
  CHECK(other.reset(0)(0) == 0.0);
}

TEST_CASE("mujoco environments: threads give what one thread gives") {
  const std::vector<std::string> names = mujoco_names();
  const int count = static_cast<int>(names.size());
  std::vector<Episode> serial, parallel(names.size());
  const auto episode = [&](int i) {
    return run_episode(names[static_cast<std::size_t>(i)], static_cast<std::uint64_t>(i), 40);
  };
  for (int i = 0; i < count; ++i) serial.push_back(episode(i));
  ThreadPool pool(2);
  pool.run(count, [&](int i) { parallel[static_cast<std::size_t>(i)] = episode(i); });
  CHECK(serial == parallel);
}

TEST_CASE(
    "mujoco environments: PETS's cheetah sees its displacement, the engine clamps, the reward does not") {
  mujoco::PetsHalfCheetah env, clamped;
  env.reset(8);
  clamped.reset(8);
  double x = env.physics_state()[0];
  for (int t = 0; t < 50; ++t) {
    const Vecd action = 2.0 * random_action(env.spec(), 8, t);
    const StepResult result = env.step(action);
    const StepResult same = clamped.step(action.cwiseMax(-1.0).cwiseMin(1.0));
    const double next_x = env.physics_state()[0];
    CHECK(result.obs(0) == (next_x - x) / 0.05);
    CHECK(result.reward == Approx(result.obs(0) - 0.1 * action.squaredNorm()).epsilon(1e-14));
    REQUIRE(result.obs == same.obs);
    x = next_x;
  }
}

TEST_CASE("mujoco environments: encodings round-trip on simulated transitions") {
  for (const std::string& name : mujoco_names()) {
    CAPTURE(name);
    AnyEnvironment env = all_environments().make(name);
    const ObsEncoding& encoding = env.spec().encoding;
    const Batchd obs = env.reset(6);
    const Batchd next = env.step(random_action(env.spec(), 6, 0)).obs;
    Batchd target(obs.rows(), 1), decoded(obs.rows(), 1);
    encoding.target<double>(obs, next, target);
    encoding.decode<double>(obs, target, decoded);
    CHECK((decoded - next).cwiseAbs().maxCoeff() < 1e-15 * (1.0 + next.cwiseAbs().maxCoeff()));
  }
}

TEST_CASE("mujoco environments: mistakes are answered") {
  for (const std::string& name : mujoco_names()) {
    CAPTURE(name);
    AnyEnvironment env = all_environments().make(name);
    const int dim = env.spec().action_dim();
    CHECK_THROWS_AS(env.step(Vecd::Zero(dim)), Error);  // before the first reset
    env.reset(1);
    CHECK_THROWS_AS(env.step(Vecd::Zero(dim + 1)), Error);
    CHECK_THROWS_AS(env.step(Vecd::Constant(dim, std::numeric_limits<double>::quiet_NaN())), Error);
    CHECK_THROWS_AS(env.step(Vecd::Constant(dim, std::numeric_limits<double>::infinity())), Error);
    CHECK_THROWS_AS(env.set_state({1.0, 2.0}), Error);
    CHECK_THROWS_AS(env.set_physics_state({1.0}), Error);
    CHECK_NOTHROW(env.step(Vecd::Zero(dim)));  // none of them did harm
    AnyEnvironment strict{StrictActions(all_environments().make(name))};
    strict.reset(1);
    CHECK_THROWS_AS(strict.step(1.001 * strict.spec().action_high), Error);
    CHECK_NOTHROW(strict.step(strict.spec().action_high));
  }
  CHECK_THROWS_AS(all_environments().make("HalfCheetah"), Error);
}

TEST_CASE("mujoco environments: a broken simulation ends any episode as terminated, with its cause") {
  for (const std::string& name : mujoco_names()) {
    CAPTURE(name);
    AnyEnvironment env = all_environments().make(name);
    env.reset(1);
    auto state = env.physics_state();
    const std::vector<std::string> names = env.physics_names();
    std::size_t last = state.size() - 1;
    while (!names[last].starts_with("qvel")) --last;
    state[last] = 1e11;
    const Vecd obs = env.set_physics_state(state);
    const StepResult result = env.step(Vecd::Zero(env.spec().action_dim()));
    CHECK(result.terminated);
    CHECK(result.fault.find("MuJoCo: ") == 0);
    CHECK(result.reward == 0.0);
    CHECK(result.obs == obs);
    CHECK_THROWS_AS(env.step(Vecd::Zero(env.spec().action_dim())), Error);
    env.reset(1);
    CHECK(env.step(Vecd::Zero(env.spec().action_dim())).fault.empty());
  }
}
