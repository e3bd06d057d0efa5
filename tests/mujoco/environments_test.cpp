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

// `count` entries of the physical state from `first` on, of many start states, centred and divided by a
// scale.
std::vector<double> starts(AnyEnvironment& env, std::size_t first, std::size_t count, double centre,
                           double scale) {
  std::vector<double> sample;
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    env.reset(seed);
    const auto state = env.physics_state();
    for (std::size_t i = first; i < first + count; ++i) sample.push_back((state.at(i) - centre) / scale);
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

TEST_CASE("mujoco environments: start states follow their distributions") {
  const auto check = [](const char* name, std::size_t first, std::size_t count, double centre, double scale,
                        double (*cdf)(double)) {
    CAPTURE(name, first);
    AnyEnvironment env = all_environments().make(name);
    const std::vector<double> sample = starts(env, first, count, centre, scale);
    CHECK(kolmogorov(sample, cdf) < 1.95);
    if (cdf == uniform_cdf)
      CHECK(*std::max_element(sample.begin(), sample.end(),
                              [](double a, double b) { return std::abs(a) < std::abs(b); }) <= 1.0 + 1e-9);
  };
  check("HalfCheetah-v5", 0, 9, 0, 0.1, uniform_cdf);
  check("HalfCheetah-v5", 9, 9, 0, 0.1, normal_cdf);
  check("pets/HalfCheetah", 0, 9, 0, 0.001, normal_cdf);
  check("pets/HalfCheetah", 9, 9, 0, 0.001, normal_cdf);
  check("pets/CartPole", 0, 2, 0, 0.1, normal_cdf);
  check("pets/CartPole", 2, 2, 0, 0.1, normal_cdf);
  check("pets/Reacher3D", 7, 1, 0, 0.1, normal_cdf);
  check("pets/Reacher3D", 8, 1, 0.25, 0.1, normal_cdf);
  check("pets/Pusher", 7, 1, -0.25, 0.025, normal_cdf);
  check("pets/Pusher", 8, 1, 0.15, 0.025, normal_cdf);
  check("pets/Pusher", 11, 7, 0, 0.005, uniform_cdf);
  check("Hopper-v5", 1, 1, 1.25, 0.005, uniform_cdf);
  check("Hopper-v5", 2, 10, 0, 0.005, uniform_cdf);
  check("Walker2d-v5", 1, 1, 1.25, 0.005, uniform_cdf);
  check("Walker2d-v5", 2, 16, 0, 0.005, uniform_cdf);
  check("Ant-v5", 2, 1, 0.75, 0.1, uniform_cdf);
  check("Ant-v5", 7, 8, 0, 0.1, uniform_cdf);
  check("Ant-v5", 15, 14, 0, 0.1, normal_cdf);
  check("Humanoid-v5", 2, 1, 1.4, 0.01, uniform_cdf);
  check("Humanoid-v5", 7, 17, 0, 0.01, uniform_cdf);
  check("Humanoid-v5", 24, 23, 0, 0.01, uniform_cdf);
  check("HumanoidStandup-v5", 2, 1, 0.105, 0.01, uniform_cdf);
  check("Swimmer-v5", 0, 10, 0, 0.1, uniform_cdf);
  check("InvertedPendulum-v5", 0, 4, 0, 0.01, uniform_cdf);
  check("InvertedDoublePendulum-v5", 0, 3, 0, 0.1, uniform_cdf);
  check("InvertedDoublePendulum-v5", 3, 3, 0, 0.1, normal_cdf);
  check("Reacher-v5", 0, 2, 0, 0.1, uniform_cdf);
  check("Reacher-v5", 4, 2, 0, 0.005, uniform_cdf);
  check("Pusher-v5", 11, 7, 0, 0.005, uniform_cdf);
  check("mbbl/HalfCheetah", 1, 8, 0, 0.1, uniform_cdf);
  check("mbbl/Ant", 15, 14, 0, 0.1, normal_cdf);
  const double pi = std::numbers::pi, degree = pi / 180.0;
  check("dmc/cartpole-swingup", 0, 1, 0, 0.01, normal_cdf);
  check("dmc/cartpole-swingup", 1, 1, pi, 0.01, normal_cdf);
  check("dmc/cartpole-swingup", 2, 2, 0, 0.01, normal_cdf);
  check("dmc/reacher-easy", 0, 1, 0, pi, uniform_cdf);
  check("dmc/reacher-easy", 1, 1, 0, 160 * degree, uniform_cdf);
  check("dmc/walker-walk", 2, 1, 0, pi, uniform_cdf);
  check("dmc/walker-walk", 3, 1, 40 * degree, 60 * degree, uniform_cdf);
  check("dmc/walker-walk", 4, 1, -75 * degree, 75 * degree, uniform_cdf);
  check("dmc/walker-walk", 8, 1, 0, 45 * degree, uniform_cdf);

  AnyEnvironment env = all_environments().make("HalfCheetah-v5");
  // No two entries share their draw.
  env.reset(1);
  auto state = env.physics_state();
  std::sort(state.begin(), state.end());
  CHECK(std::adjacent_find(state.begin(), state.end()) == state.end());
}

TEST_CASE("mujoco environments: places are drawn from discs and rectangles with a hole") {
  AnyEnvironment reacher = all_environments().make("Reacher-v4");
  std::vector<double> areas;  // of the disc inside the target, uniform if the target is
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    reacher.reset(seed);
    const auto state = reacher.physics_state();
    areas.push_back(2.0 * (state[2] * state[2] + state[3] * state[3]) / 0.04 - 1.0);
    CHECK((state[6] == 0.0 && state[7] == 0.0));
  }
  CHECK(kolmogorov(areas, uniform_cdf) < 1.95);
  CHECK(*std::max_element(areas.begin(), areas.end()) <= 1.0);

  AnyEnvironment pusher = all_environments().make("Pusher-v5");
  double x_sum = 0.0;
  int far = 0;
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    pusher.reset(seed);
    const auto state = pusher.physics_state();
    const double y = state[7], x = state[8];
    REQUIRE((y >= -0.3 && y <= 0.0 && std::abs(x) <= 0.2 && std::hypot(x, y) > 0.17));
    x_sum += x;
    far += std::hypot(x, y) > 0.25;
    for (std::size_t i = 0; i < 7; ++i) CHECK(state[i] == 0.0);
  }
  CHECK(std::abs(x_sum / 600) < 5 * 0.13 / std::sqrt(600.0));
  // Area of the rectangle outside the half disc of 0.25 m, over the one outside that of 0.17 m: 0.0320 /
  // 0.0746.
  const double outside = 0.12 - (0.5 * std::numbers::pi * 0.25 * 0.25 -
                                 2 * (0.5 * 0.25 * 0.25 * std::acos(0.8) - 0.5 * 0.2 * 0.15));
  const double share = outside / (0.12 - 0.5 * std::numbers::pi * 0.17 * 0.17);
  CHECK(far / 600.0 == Approx(share).margin(5 * std::sqrt(share * (1 - share) / 600)));
}

TEST_CASE("mujoco environments: a free body starts with a unit quaternion") {
  for (const char* name : {"Ant-v4", "Humanoid-v5", "HumanoidStandup-v4"}) {
    AnyEnvironment env = all_environments().make(name);
    const auto before = (env.reset(3), env.physics_state());
    const double norm = std::sqrt(before[3] * before[3] + before[4] * before[4] + before[5] * before[5] +
                                  before[6] * before[6]);
    CHECK(norm == Approx(1.0).epsilon(1e-14));
    CHECK(before[4] != 0.0);
  }
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
