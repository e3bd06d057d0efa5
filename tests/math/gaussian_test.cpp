// Gaussians against Monte-Carlo, and against what conditioning and joining must undo.
#include "mbrl/math/gaussian.hpp"

#include <cmath>
#include <limits>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "normals.hpp"

namespace mbrl {
namespace {

const GaussianMoments kP{Vecd{{0.5, -1.0, 0.2}}, Batchd{{1.0, 0.3, 0.1}, {0.3, 0.7, -0.2}, {0.1, -0.2, 0.5}}};
const GaussianMoments kQ{Vecd{{0.0, -0.5, 0.4}}, Batchd{{1.5, -0.2, 0.0}, {-0.2, 0.9, 0.3}, {0.0, 0.3, 0.8}}};

Batchd draws(const GaussianMoments& p, int n) {
  const Batchd z = testing::normals<Batchd>(RandomStream(7, Stream::kUser), p.dim(), n);
  return (sampling_factor(p.covariance) * z).colwise() + p.mean;
}

// Mean and standard error of the entries.
std::pair<double, double> average(const Vecd& values) {
  const double n = static_cast<double>(values.size()), mean = values.mean();
  return {mean, std::sqrt((values.array() - mean).square().sum() / n / n)};
}

TEST_CASE("gaussian: divergence and entropy are the expectations that define them") {
  const Batchd x = draws(kP, 100000);
  const Vecd surprise = -log_density(kP, x), ratio = -surprise - log_density(kQ, x);
  const auto [kl, kl_error] = average(ratio);
  CHECK(std::abs(kl_divergence(kP, kQ) - kl) < 3 * kl_error);
  const auto [h, h_error] = average(surprise);
  CHECK(std::abs(entropy(kP.covariance) - h) < 3 * h_error);
  CHECK(kl_divergence(kP, kP) == Approx(0).margin(1e-12));
}

TEST_CASE("gaussian: conditioning undoes joining, and densities factorise") {
  const ConditionalGaussian p = condition(kP, 2);
  const GaussianMoments both = joint(marginal(kP, 0, 2), p);
  CHECK(both.mean.isApprox(kP.mean, 1e-12));
  CHECK(both.covariance.isApprox(kP.covariance, 1e-12));
  const Batchd x = draws(kQ, 5);
  for (Index j = 0; j < 5; ++j)
    CHECK(log_density(marginal(kP, 0, 2), x.col(j).head(2))(0) +
              log_density(p, x.col(j).head(2), x.col(j).tail(1))(0) ==
          Approx(log_density(kP, x.col(j))(0)));
}

TEST_CASE("gaussian: the expected divergence of conditionals is that of the joints") {
  const ConditionalGaussian p = condition(kP, 2), q = condition(kQ, 2);
  const GaussianMoments x = marginal(kP, 0, 2);
  CHECK(expected_kl(p, q, x) == Approx(kl_divergence(joint(x, p), joint(x, q))));
}

TEST_CASE("gaussian: moments of samples, plain and weighted") {
  const Batchd x = draws(kP, 50000);
  const GaussianMoments p = moments_of(x);
  CHECK((p.mean - kP.mean).cwiseAbs().maxCoeff() < 3e-2);
  CHECK((p.covariance - kP.covariance).cwiseAbs().maxCoeff() < 3e-2);
  // A weight of 2 is a sample that comes twice.
  Batchd twice(3, 4);
  twice << x.leftCols(3), x.col(2);
  const GaussianMoments a = moments_of(twice), b = moments_of(x.leftCols(3), Vecd{{1.0, 1.0, 2.0}});
  CHECK(a.mean.isApprox(b.mean));
  CHECK(a.covariance.isApprox(b.covariance));
}

TEST_CASE("gaussian: roots of semidefinite covariances, and mistakes") {
  const Batchd flat{{1.0, 1.0, 0.0}, {1.0, 1.0, 0.0}, {0.0, 0.0, 0.0}};
  const Batchd root = sampling_factor(flat);
  CHECK((root * root.transpose()).isApprox(flat, 1e-12));
  CHECK_THROWS_AS(sampling_factor(Batchd(-Batchd::Identity(2, 2))), Error);
  CHECK_THROWS_AS(kl_divergence(kP, {kQ.mean, flat}), Error);
  CHECK_THROWS_AS(condition(kP, 3), Error);
  CHECK_THROWS_AS(condition(kP, 0), Error);
  CHECK_THROWS_AS(moments_of(Batchd(3, 0)), Error);
  CHECK_THROWS_AS(mixture_moments({}, Vecd()), Error);
  CHECK_THROWS_AS(mixture_moments({kP, kQ}, Vecd::Ones(1)), Error);
  CHECK_THROWS_AS(log_density(kP, Vecd::Zero(2)), Error);
  CHECK_THROWS_AS(log_density({kQ.mean, flat}, kP.mean), Error);
  GaussianMoments broken = kP;
  broken.covariance(0, 0) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(entropy(broken.covariance), Error);
}

}  // namespace
}  // namespace mbrl
