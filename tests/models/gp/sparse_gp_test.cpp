// Sparse Gaussian processes against exact ones: equal where the inducing inputs are the data, below them elsewhere.
#include "mbrl/models/gp/sparse_gp.hpp"

#include <cmath>
#include <cstdint>
#include <limits>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"

namespace mbrl {
namespace {

constexpr SparseApproximation kBoth[] = {SparseApproximation::kFitc, SparseApproximation::kVfe};

struct NoisySamples {
  explicit NoisySamples(Index n) : x(2, n), y(n) {
    const RandomStream random(3, Stream::kUser);
    for (Index i = 0; i < n; ++i) {
      const auto at = static_cast<std::uint32_t>(i);
      x.col(i) << random.uniform(-3.0, 3.0, at, 0), random.uniform(-3.0, 3.0, at, 1);
      y[i] = std::sin(2.0 * x(0, i)) + 0.5 * x(1, i) + 0.1 * random.normal(at, 2);
    }
  }
  Batchd x;
  Vecd y;
};

const GpHyperparameters kHyperparameters{Vecd{{std::log(0.8), std::log(1.6)}}, std::log(1.2), std::log(0.15)};

TEST_CASE("sparse gp: with the data as inducing inputs it is the exact process") {
  const NoisySamples data(60), fresh(20);
  const Batchd probe = 1.2 * fresh.x;
  const GpEvidence exact = log_evidence(data.x, data.y, kHyperparameters);
  const GpPosterior whole = exact_posterior(data.x, data.y, kHyperparameters);
  Batchd k;
  se_covariance(data.x, probe, whole.lengthscale2, whole.signal2, k);
  for (const SparseApproximation kind : kBoth) {
    const SparseEvidence e = sparse_evidence(kind, data.x, data.y, data.x, kHyperparameters);
    CHECK(e.value == Approx(exact.value).margin(1e-6));
    CHECK((e.gradient - exact.gradient).cwiseAbs().maxCoeff() < 1e-5);
    const GpPosterior p = sparse_posterior(kind, data.x, data.y, data.x, kHyperparameters);
    CHECK((k.transpose() * (p.beta - whole.beta)).cwiseAbs().maxCoeff() < 1e-6);
    const Vecd exact_reduction = (whole.root * k).colwise().squaredNorm(),
               reduction = (p.root * k).colwise().squaredNorm();
    CHECK((reduction - exact_reduction).cwiseAbs().maxCoeff() < 1e-6);
    CHECK((k.cwiseProduct(p.inverse * k).colwise().sum().transpose() - reduction).cwiseAbs().maxCoeff() <
          1e-6);
  }
}

TEST_CASE(
    "sparse gp: the bound lies below the exact evidence, the nearer the more inducing inputs there are") {
  const NoisySamples data(200);
  const double exact = log_evidence(data.x, data.y, kHyperparameters).value;
  double last = -std::numeric_limits<double>::infinity();
  for (const Index m : {5, 20, 60, 120}) {
    const SparseEvidence e =
        sparse_evidence(SparseApproximation::kVfe, data.x, data.y, data.x.leftCols(m), kHyperparameters);
    CAPTURE(m, e.value, exact);
    CHECK(e.value < exact + 1e-6);
    CHECK(e.value > last);
    last = e.value;
  }
  CHECK(last > exact - 1.0);
}

TEST_CASE("sparse gp: gradients are those of differences") {
  const NoisySamples data(80);
  const Batchd inducing = NoisySamples(100).x.rightCols(9);
  for (const SparseApproximation kind : kBoth) {
    const SparseEvidence e = sparse_evidence(kind, data.x, data.y, inducing, kHyperparameters);
    const Vecd packed = kHyperparameters.packed();
    constexpr double kStep = 1e-5;
    for (Index i = 0; i < packed.size(); ++i) {
      const auto value = [&](double step) {
        Vecd moved = packed;
        moved[i] += step;
        return sparse_evidence(kind, data.x, data.y, inducing, GpHyperparameters::unpacked(moved)).value;
      };
      CAPTURE(static_cast<int>(kind), i);
      CHECK(e.gradient[i] ==
            Approx((value(kStep) - value(-kStep)) / (2.0 * kStep)).epsilon(1e-6).margin(1e-5));
    }
    for (Index i = 0; i < inducing.size(); ++i) {
      const auto value = [&](double step) {
        Batchd moved = inducing;
        moved.data()[i] += step;
        return sparse_evidence(kind, data.x, data.y, moved, kHyperparameters).value;
      };
      CAPTURE(static_cast<int>(kind), i);
      CHECK(e.of_inducing.data()[i] ==
            Approx((value(kStep) - value(-kStep)) / (2.0 * kStep)).epsilon(1e-6).margin(1e-5));
    }
  }
}

TEST_CASE("sparse gp: mistakes are named") {
  const NoisySamples data(20);
  for (const SparseApproximation kind : kBoth) {
    CHECK_THROWS_AS(sparse_evidence(kind, data.x, data.y, Batchd(2, 0), kHyperparameters), Error);
    CHECK_THROWS_AS(sparse_evidence(kind, data.x, data.y, Batchd::Zero(3, 4), kHyperparameters), Error);
    CHECK_THROWS_AS(sparse_evidence(kind, data.x, data.y.head(4), data.x, kHyperparameters), Error);
    CHECK_THROWS_AS(
        sparse_posterior(kind, data.x, data.y, Batchd::Constant(2, 3, std::nan("")), kHyperparameters),
        Error);
    // Equal inducing inputs: jitter takes them apart.
    const GpPosterior p =
        sparse_posterior(kind, data.x, data.y, data.x.leftCols(1).replicate(1, 5), kHyperparameters);
    CHECK(p.jitter >= 1e-10 * p.signal2);
    CHECK(p.beta.allFinite());
  }
}

}  // namespace
}  // namespace mbrl
