// What obstacles cost under a Gaussian, and how likely they are hit: against sampling and differences.
#include "mbrl/task/obstacle_penalty.hpp"

#include <Eigen/Cholesky>
#include <cmath>
#include <cstdint>
#include <limits>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "math/moments/moment_checks.hpp"
#include "mbrl/core/error.hpp"

using namespace mbrl;
using namespace mbrl::moment_checks;

namespace {

// Two discs in the plane of four features; they do not overlap.
ObstaclePenalty two() {
  ObstaclePenalty p;
  p.map = random_matrix(2, 4, 1, 0);
  p.centres.resize(2, 2);
  p.centres << 0.2, 1.9, -0.3, 0.8;
  p.radii = Vecd{{0.6, 0.9}};
  p.widths = Vecd{{0.5, 1.1}};
  p.weight = 1.7;
  return p;
}

GaussianMoments near_both() {
  GaussianMoments in = random_gaussian(4, 0.7, 6);
  in.mean *= 0.3;
  return in;
}

ObstructedCost cost() { return {{random_matrix(2, 4, 5, 0), random_matrix(4, 1, 5, 1)}, two()}; }

}  // namespace

TEST_CASE("obstacle penalty: mean and probability are those of a million samples") {
  const ObstaclePenalty p = two();
  const ObstructedCost c = cost();
  const GaussianMoments in = near_both();
  const Batchd root = Eigen::LLT<Batchd>(in.covariance).matrixL();
  const RandomStream random(7, Stream::kUser);
  constexpr std::uint32_t kSamples = 1000000;
  double sum = 0.0, sum2 = 0.0, all = 0.0, all2 = 0.0;
  std::uint32_t hits = 0;
  Vecd z(4);
  for (std::uint32_t s = 0; s < kSamples; ++s) {
    for (Index i = 0; i < 4; ++i) z(i) = random.normal(s, static_cast<std::uint32_t>(i));
    const Vecd x = in.mean + root * z;
    const double one = p(x), total = c(x);
    sum += one;
    sum2 += one * one;
    all += total;
    all2 += total * total;
    if (p.hit(x)) ++hits;
  }
  const auto check = [&](double expected, double first, double second) {
    const double mean = first / kSamples, error = std::sqrt((second / kSamples - mean * mean) / kSamples);
    CHECK(std::abs(expected - mean) <= 3.0 * error);
  };
  check(p.expected(in), sum, sum2);
  check(c.expected(in), all, all2);
  check(p.hit_probability(in), hits, hits);
  CHECK(hits > kSamples / 10);
}

TEST_CASE("obstacle penalty: gradients are those of differences") {
  const GaussianMoments in = near_both();
  GaussianMoments gradient;
  const ObstaclePenalty p = two();
  CHECK(p.expected(in, &gradient) == p.expected(in));
  check_gradient([&](const GaussianMoments& m) { return p.expected(m); }, in, gradient);
  const ObstructedCost c = cost();
  CHECK(c.expected(in, &gradient) == c.expected(in));
  check_gradient([&](const GaussianMoments& m) { return c.expected(m); }, in, gradient);
}

TEST_CASE("obstacle penalty: the middle of an obstacle costs its weight, and none costs nothing") {
  ObstaclePenalty p = two();
  p.map = Batchd::Identity(2, 2);
  p.centres.col(1).setConstant(100.0);
  CHECK(p(p.centres.col(0)) == Approx(1.7));
  CHECK(p(p.centres.col(0) + Vecd{{0.5, 0.0}}) == Approx(1.7 * std::exp(-0.5)));
  CHECK(p.hit(p.centres.col(0) + Vecd{{0.0, 0.59}}));
  CHECK_FALSE(p.hit(p.centres.col(0) + Vecd{{0.0, 0.61}}));
  ObstructedCost c = cost();
  c.obstacles = {};
  const GaussianMoments in = near_both();
  CHECK(c.expected(in) == c.goal.expected(in));
  CHECK(c(in.mean) == c.goal(in.mean));
  GaussianMoments none = in;
  none.covariance = -100.0 * Batchd::Identity(4, 4);
  CHECK(std::isnan(two().hit_probability(none)));
  c = cost();
  c.obstacles.weight = 0.0;
  CHECK(c.expected(in) == c.goal.expected(in));
  CHECK(c.obstacles.hit_probability(in) == two().hit_probability(in));
}

TEST_CASE("obstacle penalty: the steps of a trajectory by their largest probability and their sum") {
  CollisionProbability p;
  for (const double step : {0.1, 0.3, 0.2}) p.add(step);
  CHECK(p.largest == 0.3);
  CHECK(p.sum == Approx(0.6));
  p.add(0.9);
  CHECK(p.sum == 1.0);
  p.add(std::numeric_limits<double>::quiet_NaN());
  p.add(0.1);
  CHECK(std::isnan(p.sum));
  CHECK(std::isnan(p.largest));
}

TEST_CASE("obstacle penalty: obstacles that make no sense are refused in words") {
  const auto refusal = [](const auto& change) {
    ObstructedCost c = cost();
    change(c.obstacles);
    return error_of([&] { c.validate("test"); });
  };
  using P = ObstaclePenalty;
  CHECK(refusal([](P&) {}).empty());
  CHECK(contains(refusal([](P& p) { p.map = Batchd::Identity(4, 4); }), "expected 1 to 3"));
  CHECK(contains(refusal([](P& p) { p.map = Batchd::Ones(2, 3); }), "one a feature"));
  CHECK(contains(refusal([](P& p) { p.centres = Batchd::Ones(3, 2); }), "centres"));
  CHECK(contains(refusal([](P& p) { p.radii = Vecd::Ones(1); }), "radii"));
  CHECK(contains(refusal([](P& p) { p.widths(0) = 0.0; }), "widths"));
  CHECK(contains(refusal([](P& p) { p.weight = -1.0; }), "weight"));
}
