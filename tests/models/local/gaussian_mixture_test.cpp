// Mixtures against the ones that data were drawn from.
#include "mbrl/models/local/gaussian_mixture.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"

namespace mbrl {
namespace {

const GaussianMoments kParts[] = {{Vecd{{0.0, 0.0}}, Batchd{{1.0, 0.8}, {0.8, 1.0}}},
                                  {Vecd{{4.0, 0.0}}, Batchd{{0.3, 0.0}, {0.0, 2.0}}},
                                  {Vecd{{0.0, 6.0}}, Batchd{{0.5, -0.3}, {-0.3, 0.5}}}};
constexpr double kShare[] = {0.5, 0.3, 0.2};

Batchd draws(int n) {
  const RandomStream random(17, Stream::kUser);
  Batchd x(2, n);
  for (int j = 0; j < n; ++j) {
    const auto i = static_cast<std::uint32_t>(j);
    const double u = random.uniform(i, 0);
    const GaussianMoments& part = kParts[u < kShare[0] ? 0 : u < kShare[0] + kShare[1] ? 1 : 2];
    x.col(j) =
        part.mean + sampling_factor(part.covariance) * Vecd{{random.normal(i, 1), random.normal(i, 2)}};
  }
  return x;
}

double true_log_density(const Vecd& x) {
  double p = 0;
  for (int k = 0; k < 3; ++k) p += kShare[k] * std::exp(log_density(kParts[k], x)(0));
  return std::log(p);
}

TEST_CASE("mixture: parts are found again") {
  const Batchd x = draws(5000);
  const GaussianMixture fit = GaussianMixture::fit(x, {.max_clusters = 3}, 1);
  REQUIRE(fit.clusters() == 3);
  for (int k = 0; k < 3; ++k) {
    double best = std::numeric_limits<double>::infinity();
    for (int j = 0; j < 3; ++j)
      best = std::min(best, (fit.part(j).mean - kParts[k].mean).norm() +
                                (fit.part(j).covariance - kParts[k].covariance).norm() +
                                std::abs(fit.weights()(j) - kShare[k]));
    CHECK(best < 0.25);
  }
  double truth = 0;
  for (Index j = 0; j < x.cols(); ++j) truth += true_log_density(x.col(j));
  CHECK(fit.log_density(x).sum() > truth - 5);  // it is the maximum over all mixtures, or close to one
  const Batchd share = fit.responsibilities(x);
  CHECK((share.colwise().sum().array() - 1.0).abs().maxCoeff() < 1e-9);
  CHECK(share.rowwise().mean().isApprox(fit.weights(), 1e-2));
  const GaussianMoments all = fit.moments(fit.weights()), direct = moments_of(x);
  CHECK(all.mean.isApprox(direct.mean, 1e-2));
  CHECK(all.covariance.isApprox(direct.covariance, 1e-2));
}

TEST_CASE("mixture: as many clusters as there is data for, and the same from a checkpoint") {
  const Batchd x = draws(200);
  CHECK(GaussianMixture::fit(x, {}, 1).clusters() <= 5);
  const GaussianMixture fit = GaussianMixture::fit(x, {}, 1), same = GaussianMixture::fit(x, {}, 1);
  CHECK(fit.log_density(x) == same.log_density(x));
  StateDict dict;
  fit.save(dict, "m.");
  GaussianMixture loaded;
  loaded.load(dict, "m.");
  CHECK(loaded.log_density(x) == fit.log_density(x));
}

TEST_CASE("mixture: duplicated, constant and broken samples") {
  Batchd x(2, 60);
  x << draws(3).replicate(1, 20);
  CHECK(GaussianMixture::fit(x, {.min_per_cluster = 5}, 1).clusters() <= 3);
  x.row(1).setConstant(4.0);
  CHECK(GaussianMixture::fit(x, {}, 1).log_density(x).allFinite());
  CHECK_THROWS_WITH(GaussianMixture::fit(x.leftCols(1), {}, 1), Catch::Contains("1 sample"));
  CHECK_THROWS_WITH(GaussianMixture::fit(x.col(0).replicate(1, 50), {}, 1), Catch::Contains("are equal"));
  x(0, 7) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(GaussianMixture::fit(x, {}, 1), Catch::Contains("not finite"));
  CHECK_THROWS_AS(GaussianMixture::fit(draws(50), {.iterations = 0}, 1), Error);
  CHECK_THROWS_AS(GaussianMixture().log_density(draws(2)), Error);
}

}  // namespace
}  // namespace mbrl
