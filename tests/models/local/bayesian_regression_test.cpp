// Posteriors against what defines them: order does not count, and limits are least squares or the prior.
#include "mbrl/models/local/bayesian_regression.hpp"

#include <limits>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "normals.hpp"

namespace mbrl {
namespace {

Batchd normals(Index rows, Index cols, std::uint32_t id) {
  return testing::normals<Batchd>(RandomStream(13, Stream::kUser), rows, cols, id);
}

const Batchd kGain{{1.0, -0.5, 0.2}, {0.0, 0.3, 2.0}};
const Vecd kOffset{{0.4, -1.0}};

Batchd outputs(const Batchd& x, double noise) {
  return (kGain * x + noise * normals(2, x.cols(), 99)).colwise() + kOffset;
}

TEST_CASE("matrix-normal regression: one by one is all at once, and in any order") {
  const Batchd x = normals(3, 6, 1), y = outputs(x, 0.1);
  const auto prior = MatrixNormalInverseWishart::vague(3, 2, 0.5, 0.1);
  const auto whole = posterior(prior, x, y);
  auto parts = prior;
  for (const Index j : {5, 2, 0, 3, 1, 4}) parts = posterior(parts, x.col(j), y.col(j));
  CHECK(parts.mean.isApprox(whole.mean, 1e-10));
  CHECK(parts.precision.isApprox(whole.precision, 1e-10));
  CHECK(parts.scale.isApprox(whole.scale, 1e-8));
  CHECK(parts.degrees == whole.degrees);
}

TEST_CASE("matrix-normal regression: a vague prior is least squares, a strong one does not move") {
  const Batchd x = normals(3, 400, 1), y = outputs(x, 0.1);
  Batchd both(5, 400);
  both << x, y;
  const ConditionalGaussian least = fit_linear_gaussian(both, 3, 0),
                            vague = posterior(MatrixNormalInverseWishart::vague(3, 2, 1e-9, 1e-9), x, y)
                                        .expected();
  CHECK(vague.gain.isApprox(least.gain, 1e-6));
  CHECK(vague.offset.isApprox(least.offset, 1e-6));
  CHECK(vague.covariance.isApprox(least.covariance, 1e-2));  // n + 1 degrees in place of n
  const auto strong = posterior(MatrixNormalInverseWishart::vague(3, 2, 1e12, 1.0), x, y).expected();
  CHECK(strong.gain.cwiseAbs().maxCoeff() < 1e-6);
}

TEST_CASE("matrix-normal regression: the predictive covariance is what predictions are off by") {
  // Many small data sets; the noise and the error of the fit together, far from the data.
  const auto prior = MatrixNormalInverseWishart::vague(3, 2, 1e-6, 1e-6);
  const Vecd far{{2.0, -2.0, 2.0}};
  double off = 0, believed = 0;
  for (std::uint32_t i = 0; i < 2000; ++i) {
    const Batchd x = normals(3, 30, 100 + 3 * i);
    const Batchd y = (kGain * x + 0.1 * normals(2, 30, 101 + 3 * i)).colwise() + kOffset;
    const auto fit = posterior(prior, x, y);
    const Vecd next = kGain * far + kOffset + 0.1 * normals(2, 1, 102 + 3 * i);
    off += (next - fit.expected().mean(far)).squaredNorm();
    believed += fit.predictive_covariance(far).trace();
  }
  // The residuals of 30 samples have 26 degrees of freedom, the belief counts 31.
  CHECK(believed / off == Approx(26.0 / 31.0).epsilon(0.08));
}

TEST_CASE("normal-inverse-Wishart: its moments are those of the imagined samples beside the real ones") {
  // Prior of m samples with these moments: as if they were there.
  const Batchd past = normals(5, 8, 1), seen = normals(5, 4, 2);
  const GaussianMoments before = moments_of(past);
  Batchd both(5, 12);
  both << past, seen;
  const GaussianMoments joined = moments_of(both),
                        after = posterior_moments({before.mean, 8 * before.covariance, 8, 8}, seen);
  CHECK(after.mean.isApprox(joined.mean, 1e-12));
  CHECK(after.covariance.isApprox(joined.covariance, 1e-12));
}

TEST_CASE("regression: samples that tell nothing are refused by name") {
  const Batchd x = normals(3, 10, 1);
  Batchd both(5, 10);
  both << x, outputs(x, 0.1);
  CHECK_THROWS_WITH(fit_linear_gaussian(both.leftCols(1), 3),
                    Catch::Contains("1 sample, expected at least 2"));
  CHECK_THROWS_WITH(fit_linear_gaussian(both.col(0).replicate(1, 4), 3),
                    Catch::Contains("all 4 samples are equal"));
  CHECK_THROWS_AS(fit_linear_gaussian(both, 5), Error);
  CHECK_THROWS_AS(fit_linear_gaussian(both, 3, -1.0), Error);
  CHECK_THROWS_AS(posterior_moments({Vecd::Zero(4), Batchd::Identity(4, 4), 1, 1}, both), Error);
  CHECK_THROWS_AS(posterior_moments({Vecd::Zero(5), Batchd::Identity(5, 5), 0, 1}, both), Error);
  CHECK_THROWS_AS(posterior(MatrixNormalInverseWishart::vague(3, 2), x, both.topRows(3)), Error);
  both.bottomRows(2).setConstant(1.0);
  CHECK_THROWS_WITH(fit_linear_gaussian(both, 3), Catch::Contains("no output varies"));
  both(0, 0) = std::numeric_limits<double>::infinity();
  CHECK_THROWS_WITH(fit_linear_gaussian(both, 3), Catch::Contains("not finite"));
}

}  // namespace
}  // namespace mbrl
