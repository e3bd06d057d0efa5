// The probability of a ball: against closed forms, a million samples and where axes vanish.
#include "mbrl/math/ball_probability.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "catch.hpp"
#include "math/moments/moment_checks.hpp"
#include "mbrl/core/error.hpp"

using namespace mbrl;
using namespace mbrl::moment_checks;

namespace {

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

GaussianMoments isotropic(Index dim, double sd) {
  return {Vecd::Zero(dim), sd * sd * Batchd::Identity(dim, dim)};
}

// Independent along the axes, by Simpson's rule over the first one: P(|x| < 1).
double by_simpson(double m1, double sd1, double m2, double sd2) {
  constexpr int kSteps = 20000;
  const double first = std::asin(std::max(-1.0, m1 - 10.0 * sd1)),
               last = std::asin(std::min(1.0, m1 + 10.0 * sd1));
  const double step = (last - first) / kSteps;
  double sum = 0.0;
  for (int i = 0; i <= kSteps; ++i) {
    const double angle = first + i * step, chord = std::max(0.0, std::cos(angle));
    const double apart = (std::sin(angle) - m1) / sd1;
    sum += (i == 0 || i == kSteps ? 1.0
            : i % 2               ? 4.0
                                  : 2.0) *
           chord * std::exp(-0.5 * apart * apart) *
           (normal_cdf((chord - m2) / sd2) - normal_cdf((-chord - m2) / sd2));
  }
  return sum * step / 3.0 / (sd1 * std::sqrt(2.0 * std::numbers::pi));
}

}  // namespace

// The second and third touch the edge where it lies along the wider axis: the integrand is a step in a wide range.
TEST_CASE("ball probability: that of ten thousands of nodes, for long and flat Gaussians anywhere") {
  const double cases[][4] = {{0.2, 0.3, -0.1, 0.8},          {1.001, 6.1e-4, 0.02, 1.2e-3},
                             {0.977, 1.5e-4, 0.214, 1.8e-4}, {0.019, 0.12, 1.263, 0.82},
                             {-0.3, 1e-3, 0.9, 0.09},        {0.4, 2.0, 1.5, 9.0}};
  for (const auto& c : cases) {
    const GaussianMoments x{Vecd{{c[0], c[2]}}, Vecd{{c[1] * c[1], c[3] * c[3]}}.asDiagonal()};
    CAPTURE(c[0], c[1], c[2], c[3]);
    CHECK(std::abs(ball_probability(x, Vecd::Zero(2), 1.0) - by_simpson(c[0], c[1], c[2], c[3])) < 1e-10);
  }
}

TEST_CASE("ball probability: closed forms where the Gaussian is round and the ball about its mean") {
  for (const double sd : {1e-3, 0.2, 1.0, 30.0}) {
    for (const double radius : {0.05, 0.7, 3.0}) {
      const double z = radius / sd;
      CHECK(ball_probability(isotropic(1, sd), Vecd::Zero(1), radius) ==
            Approx(std::erf(z / std::numbers::sqrt2)));
      CHECK(ball_probability(isotropic(2, sd), Vecd::Zero(2), radius) ==
            Approx(-std::expm1(-0.5 * z * z)).epsilon(1e-9));
      const double chi3 =
          std::erf(z / std::numbers::sqrt2) - std::sqrt(2.0 / std::numbers::pi) * z * std::exp(-0.5 * z * z);
      CHECK(ball_probability(isotropic(3, sd), Vecd::Zero(3), radius) ==
            Approx(chi3).epsilon(1e-8).margin(1e-10));
    }
  }
}

TEST_CASE("ball probability: that of a million samples, wherever the ball lies") {
  for (const Index dim : {Index{1}, Index{2}, Index{3}}) {
    for (const std::uint64_t seed : {1u, 2u, 3u}) {
      GaussianMoments x = random_gaussian(dim, 1.0, seed);
      if (dim > 1 && seed == 3) {  // flat along the first axis
        x.covariance.row(0) *= 0.02;
        x.covariance.col(0) *= 0.02;
      }
      const Batchd root = Eigen::LLT<Batchd>(x.covariance).matrixL();
      const Vecd centre = x.mean + root * Vecd::Constant(dim, 0.4 * static_cast<double>(seed));
      const double radius = 0.3 + 0.3 * static_cast<double>(seed);
      const RandomStream random(seed, Stream::kUser);
      constexpr std::uint32_t kSamples = 1000000;
      std::uint32_t inside = 0;
      Vecd z(dim);
      for (std::uint32_t s = 0; s < kSamples; ++s) {
        for (Index i = 0; i < dim; ++i) z(i) = random.normal(s, static_cast<std::uint32_t>(i));
        if ((x.mean + root * z - centre).norm() < radius) ++inside;
      }
      const double p = ball_probability(x, centre, radius);
      CAPTURE(dim, seed, p);
      CHECK(std::abs(p - inside / 1e6) <= 3.5 * std::sqrt(p * (1.0 - p) / 1e6));
    }
  }
}

// A narrow Gaussian sees a straight edge of the ball.
TEST_CASE("ball probability: a narrow Gaussian at the edge, in the tail, and without variance") {
  GaussianMoments x{Vecd{{2.0, 0.0}}, Batchd::Zero(2, 2)};
  for (const double sd : {1e-2, 1e-4, 1e-6}) {
    x.covariance = sd * sd * Batchd::Identity(2, 2);
    for (const double apart : {-3.0, 0.0, 1.5, 6.0}) {  // in standard deviations beyond the edge
      const double p = ball_probability(x, Vecd{{2.0, -1.0 - apart * sd}}, 1.0);
      CHECK(p == Approx(normal_cdf(-apart)).epsilon(20.0 * sd + 1e-9));
    }
  }
  // Within a line, a point.
  x.covariance << 0.25, 0.0, 0.0, 0.0;
  CHECK(ball_probability(x, Vecd{{2.0, 0.6}}, 1.0) == Approx(std::erf(0.8 / 0.5 / std::numbers::sqrt2)));
  CHECK(ball_probability(x, Vecd{{2.0, 1.1}}, 1.0) == 0.0);
  x.covariance.setZero();
  CHECK(ball_probability(x, Vecd{{2.0, 0.6}}, 1.0) == 1.0);
  CHECK(ball_probability(x, Vecd{{2.0, 1.6}}, 1.0) == 0.0);
}

TEST_CASE("ball probability: what is none is refused or NaN") {
  const GaussianMoments x = isotropic(2, 1.0);
  CHECK_THROWS_AS(ball_probability(isotropic(4, 1.0), Vecd::Zero(4), 1.0), Error);
  CHECK_THROWS_AS(ball_probability(x, Vecd::Zero(3), 1.0), Error);
  CHECK_THROWS_AS(ball_probability(x, Vecd::Zero(2), 0.0), Error);
  GaussianMoments none = x;
  none.covariance(0, 0) = -1.0;
  CHECK(std::isnan(ball_probability(none, Vecd::Zero(2), 1.0)));
  none.covariance << 1e-8, 0.0, 0.0, -1e-4;
  CHECK(std::isnan(ball_probability(none, Vecd::Zero(2), 1.0)));
  none.covariance << 1e-8, 0.0, 0.0, -1e-9;  // by rounding
  CHECK(ball_probability(none, Vecd::Zero(2), 1.0) == Approx(1.0));
}
