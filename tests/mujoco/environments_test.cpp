// What every MuJoCo environment must do, and what each of these must do in particular.
#include "mbrl/mujoco/environments.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/mujoco/half_cheetah.hpp"
#include "mbrl/mujoco/pets_cartpole.hpp"
#include "mbrl/mujoco/pets_half_cheetah.hpp"
#include "support.hpp"

using namespace mbrl;

namespace {

const std::vector<std::string> kNames = {"HalfCheetah-v4", "HalfCheetah-v5", "pets/CartPole",
                                         "pets/HalfCheetah"};

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }
double uniform_cdf(double z) { return std::clamp(0.5 * (z + 1.0), 0.0, 1.0); }  // on [-1, 1]

// Kolmogorov and Smirnov's statistic times sqrt(n): above 1.95 in one of a thousand cases if the distribution
// is right.
double kolmogorov(std::vector<double> sample, double (*cdf)(double)) {
  std::sort(sample.begin(), sample.end());
  const double n = static_cast<double>(sample.size());
  double worst = 0;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    const double p = cdf(sample[i]), k = static_cast<double>(i);
    worst = std::max({worst, p - k / n, (k + 1.0) / n - p});
  }
  return worst * std::sqrt(n);
}

// All qpos (or qvel) entries of many start states, divided by a scale.
std::vector<double> starts(AnyEnvironment& env, const std::string& kind, double scale) {
  std::vector<double> sample;
  const auto names = env.physics_names();
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    env.reset(seed);
    const auto state = env.physics_state();
    for (std::size_t i = 0; i < names.size(); ++i)
      if (names[i].starts_with(kind)) sample.push_back(state[i] / scale);
  }
  return sample;
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
    const StepResult result = env.step(random_action(env.spec(), seed, t));
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
  for (const Facts& facts : {Facts{"pets/CartPole", 4, 5, 1, 200, 3.0, 0.04},
                             Facts{"pets/HalfCheetah", 18, 18, 6, 1000, 1.0, 0.05},
                             Facts{"HalfCheetah-v4", 17, 17, 6, 1000, 1.0, 0.05},
                             Facts{"HalfCheetah-v5", 17, 17, 6, 1000, 1.0, 0.05}}) {
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
    CHECK(spec.dt == facts.dt);
    CHECK_FALSE(spec.termination);
    CHECK_NOTHROW(spec.encoding.validate());
    CHECK(env.reset(0).size() == facts.obs);
  }
}

TEST_CASE("mujoco environments: the models have the published masses and load without a warning") {
  const mujoco::PetsHalfCheetah cheetah;
  const mujoco::PetsCartPole cartpole;
  const auto mass = [](const mjModel& model) {
    double sum = 0;
    for (int i = 0; i < static_cast<int>(model.nbody); ++i) sum += model.body_mass[i];
    return sum;
  };
  CHECK(mass(cheetah.simulation().model()) == Approx(14.0).epsilon(1e-13));
  CHECK(mass(cartpole.simulation().model()) == Approx(15.491).epsilon(1e-4));
  CHECK(mujoco::PetsHalfCheetahTask().model().warnings().empty());
  CHECK(mujoco::PetsCartPoleTask().model().warnings().empty());
  // One compiled model serves all.
  CHECK(mujoco::PetsHalfCheetahTask().model().get() == cheetah.task().model().get());
}

TEST_CASE("mujoco environments: start states follow their distributions") {
  const auto check = [](const char* name, const char* kind, double scale, double (*cdf)(double)) {
    CAPTURE(name, kind);
    AnyEnvironment env = all_environments().make(name);
    CHECK(kolmogorov(starts(env, kind, scale), cdf) < 1.95);
  };
  check("HalfCheetah-v5", "qpos", 0.1, uniform_cdf);
  check("HalfCheetah-v5", "qvel", 0.1, normal_cdf);
  check("pets/HalfCheetah", "qpos", 0.001, normal_cdf);
  check("pets/HalfCheetah", "qvel", 0.001, normal_cdf);
  check("pets/CartPole", "qpos", 0.1, normal_cdf);
  check("pets/CartPole", "qvel", 0.1, normal_cdf);

  AnyEnvironment env = all_environments().make("HalfCheetah-v5");
  for (const double value : starts(env, "qpos", 0.1)) REQUIRE(std::abs(value) <= 1.0);
  // No two entries share their draw.
  env.reset(1);
  auto state = env.physics_state();
  std::sort(state.begin(), state.end());
  CHECK(std::adjacent_find(state.begin(), state.end()) == state.end());
}

TEST_CASE("mujoco environments: the seed fixes the start, whatever happened before") {
  for (const std::string& name : kNames) {
    CAPTURE(name);
    AnyEnvironment env = all_environments().make(name);
    const Vecd first = env.reset(11);
    const auto state = env.state();
    for (int t = 0; t < 20; ++t) env.step(random_action(env.spec(), 1, t));
    CHECK(env.reset(11) == first);
    CHECK(env.state() == state);
    CHECK(env.reset(12) != first);
  }
}

TEST_CASE("mujoco environments: a state put back continues bit for bit") {
  for (const std::string& name : kNames) {
    CAPTURE(name);
    AnyEnvironment env = all_environments().make(name), fresh = all_environments().make(name);
    const int last = env.spec().max_steps;
    env.reset(3);
    for (int t = 0; t < last - 60; ++t) env.step(random_action(env.spec(), 3, t));
    const auto saved = env.state();
    fresh.reset(99);
    fresh.set_state(saved);
    CHECK(fresh.state() == saved);
    std::vector<StepResult> results;
    for (int t = last - 60; t < last; ++t) {
      const Vecd action = random_action(env.spec(), 3, t);
      const StepResult a = env.step(action), b = fresh.step(action);
      REQUIRE(a.obs == b.obs);
      REQUIRE(a.reward == b.reward);
      CHECK(a.truncated == (t == last - 1));
      CHECK(b.truncated == a.truncated);
      results.push_back(a);
    }
    CHECK(env.state() == fresh.state());
    // And in the environment it was taken from.
    env.set_state(saved);
    for (std::size_t i = 0; i < results.size(); ++i)
      REQUIRE(env.step(random_action(env.spec(), 3, last - 60 + static_cast<int>(i))).obs == results[i].obs);
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
  std::vector<Episode> serial, parallel(8);
  for (int i = 0; i < 8; ++i)
    serial.push_back(
        run_episode(kNames[static_cast<std::size_t>(i % 4)], static_cast<std::uint64_t>(i), 150));
  ThreadPool pool(2);
  pool.run(8, [&](int i) {
    parallel[static_cast<std::size_t>(i)] =
        run_episode(kNames[static_cast<std::size_t>(i % 4)], static_cast<std::uint64_t>(i), 150);
  });
  CHECK(serial == parallel);
}

TEST_CASE("mujoco environments: the planner's reward is the environment's, to float's precision") {
  for (const char* name : {"pets/CartPole", "pets/HalfCheetah"}) {
    CAPTURE(name);
    AnyEnvironment env = all_environments().make(name);
    Batchf obs(env.spec().obs_dim, 200), next = obs, action(env.spec().action_dim(), 200);
    Vecd given(200);
    Vecd current = env.reset(5);
    for (int t = 0; t < 200; ++t) {
      const Vecd a =
          1.5 * random_action(env.spec(), 5, t);  // some outside the bounds: rewards see them unclipped
      const StepResult result = env.step(a);
      obs.col(t) = current.cast<float>();
      next.col(t) = result.obs.cast<float>();
      action.col(t) = a.cast<float>();
      given(t) = result.reward;
      current = result.obs;
    }
    Vecf planned(200);
    env.spec().reward(obs, action, next, 0, planned);
    for (int t = 0; t < 200; ++t)
      CHECK(static_cast<double>(planned(t)) == Approx(given(t)).epsilon(1e-6).margin(2e-6));
  }
  CHECK_FALSE(all_environments().spec("HalfCheetah-v5").reward);  // hidden x: it has to be learned
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
  for (const std::string& name : kNames) {
    CAPTURE(name);
    AnyEnvironment env = all_environments().make(name);
    const ObsEncoding& encoding = env.spec().encoding;
    const Batchd obs = env.reset(6);
    const Batchd next = env.step(random_action(env.spec(), 6, 0)).obs;
    Batchd target(obs.rows(), 1), decoded(obs.rows(), 1);
    encoding.target<double>(obs, next, target);
    encoding.decode<double>(obs, target, decoded);
    CHECK((decoded - next).cwiseAbs().maxCoeff() < 1e-15);
  }
}

TEST_CASE("mujoco environments: mistakes are answered") {
  for (const std::string& name : kNames) {
    CAPTURE(name);
    AnyEnvironment env = all_environments().make(name);
    const int dim = env.spec().action_dim();
    CHECK_THROWS_AS(env.step(Vecd::Zero(dim + 1)), Error);
    CHECK_THROWS_AS(env.step(Vecd::Constant(dim, std::numeric_limits<double>::quiet_NaN())), Error);
    CHECK_THROWS_AS(env.step(Vecd::Constant(dim, std::numeric_limits<double>::infinity())), Error);
    CHECK_THROWS_AS(env.set_state({1.0, 2.0}), Error);
    CHECK_THROWS_AS(env.set_physics_state({1.0}), Error);
    CHECK_NOTHROW(env.step(Vecd::Zero(dim)));  // none of them did harm
  }
  CHECK_THROWS_AS(all_environments().make("HalfCheetah"), Error);
}
