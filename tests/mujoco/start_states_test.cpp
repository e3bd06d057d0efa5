// Start states of the MuJoCo environments: their published distributions.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "catch.hpp"
#include "mbrl/mujoco/environments.hpp"
#include "support.hpp"

using namespace mbrl;

namespace {

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

}  // namespace

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
  check("pilco/Reacher", 0, 1, -1.5, 0.03, normal_cdf);
  check("pilco/Reacher", 1, 1, 1.6, 0.03, normal_cdf);
  check("pilco/Reacher", 2, 2, 0, 0.03, normal_cdf);
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
