// Sines and cosines of a Gaussian, and the saturating cost under one: against sampling and differences.
#include "mbrl/task/feature_moments.hpp"

#include <Eigen/Cholesky>
#include <cmath>
#include <cstdint>

#include "catch.hpp"
#include "math/moments/moment_checks.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/task/saturating_cost.hpp"

using namespace mbrl;
using namespace mbrl::moment_checks;

namespace {

using Kind = ObsFeature::Kind;

// Two angles, one of them seen three ways, and scales of their own.
FeatureMoments features() {
  Vecd scale(5);
  scale << 1.0, 0.7, 2.0, -1.5, 0.4;
  return {3,
          {{Kind::kIdentity, 0}, {Kind::kSin, 1}, {Kind::kCos, 1}, {Kind::kSin, 2}, {Kind::kIdentity, 1}},
          scale};
}

}  // namespace

TEST_CASE("feature moments: those of a million samples") {
  const GaussianMoments in = random_gaussian(3, 1.0, 1);
  check_by_sampling(
      [](const Vecd& x, std::uint32_t, Vecd& y) {
        y << x(0), 0.7 * std::sin(x(1)), 2.0 * std::cos(x(1)), -1.5 * std::sin(x(2)), 0.4 * x(1);
      },
      in, image_of(features(), in));
}

TEST_CASE("feature moments: gradients are those of differences") {
  const FeatureMoments f = features();
  const GaussianMoments in = random_gaussian(3, 0.8, 2);
  const MomentImage adjoint = random_adjoint(3, 5, 3);
  MomentImage out;
  FeatureMoments::Tape tape;
  GaussianMoments gradient;
  f.forward(in, out, tape);
  f.backward(adjoint, tape, gradient);
  check_gradient([&](const GaussianMoments& m) { return inner(adjoint, image_of(f, m)); }, in, gradient);
}

TEST_CASE("feature moments: an encoding's, and entries that are not there") {
  ObsEncoding encoding = ObsEncoding::identity(2);
  encoding.features = {{Kind::kIdentity, 0}, {Kind::kSin, 1}, {Kind::kCos, 1}};
  GaussianMoments in = random_gaussian(2, 1.0, 4);
  in.covariance.setZero();
  Batchd encoded(3, 1);
  encoding.encode<double>(in.mean, encoded);
  const MomentImage image = image_of(FeatureMoments(encoding), in);
  CHECK((image.mean - encoded).cwiseAbs().maxCoeff() <= 1e-15);
  CHECK(image.covariance.isZero());
  CHECK_THROWS_AS(FeatureMoments(2, {{Kind::kSin, 2}}, Vecd::Ones(1)), Error);
  CHECK_THROWS_AS(FeatureMoments(2, {{Kind::kSin, 1}}, Vecd::Ones(2)), Error);
}

TEST_CASE("saturating cost: its mean is that of a million samples, its gradient that of differences") {
  const SaturatingCost cost{random_matrix(2, 4, 5, 0), random_matrix(4, 1, 5, 1)};
  GaussianMoments in = random_gaussian(4, 0.6, 6);
  in.mean = cost.target + 0.3 * in.mean;
  const Batchd root = Eigen::LLT<Batchd>(in.covariance).matrixL();
  const RandomStream random(3, Stream::kUser);
  double sum = 0.0, sum2 = 0.0;
  constexpr std::uint32_t kSamples = 1000000;
  Vecd z(4);
  for (std::uint32_t s = 0; s < kSamples; ++s) {
    for (Index i = 0; i < 4; ++i) z(i) = random.normal(s, static_cast<std::uint32_t>(i));
    const double c = cost(in.mean + root * z);
    sum += c;
    sum2 += c * c;
  }
  const double mean = sum / kSamples, error = std::sqrt((sum2 / kSamples - mean * mean) / kSamples);
  CHECK(std::abs(cost.expected(in) - mean) <= 3.0 * error);

  GaussianMoments gradient;
  cost.expected(in, &gradient);
  check_gradient([&](const GaussianMoments& m) { return cost.expected(m); }, in, gradient);
  CHECK(cost(cost.target) == 0.0);

  in.covariance(0, 0) = -1e3;
  CHECK(std::isnan(cost.expected(in)));
  SaturatingCost wrong = cost;
  wrong.target.resize(3);
  CHECK_THROWS_AS(wrong.validate("test"), Error);
}
