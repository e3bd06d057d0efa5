// Gaussian processes of one output: evidence, gradient and prediction as scikit-learn has them.
#include "mbrl/models/gp/gaussian_process.hpp"

#include <Eigen/Cholesky>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>

#include "allocation_counter.hpp"
#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "each_target.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/thread_pool.hpp"

namespace mbrl {
namespace {

constexpr Index kDims = 2, kPoints = 15, kProbes = 4;

// As in scikit_learn_gp.py beside this file.
Batchd wave(Index rows, Index cols, double phase) {
  Batchd out(rows, cols);
  for (Index k = 0; k < out.size(); ++k) {
    const auto at = static_cast<double>(k);
    out.data()[k] = std::sin(1.7 * at + 0.37 * at * at + phase);
  }
  return out;
}

struct Data {
  Batchd x = 2.0 * wave(kDims, kPoints, 0.0), probe = 2.5 * wave(kDims, kProbes, 2.0);
  Vecd y = (2.0 * x.row(0)).array().sin().matrix().cwiseProduct(x.row(1)).transpose() +
           0.1 * wave(kPoints, 1, 1.0);
};

GpHyperparameters hyperparameters(double first, double second, double signal, double noise) {
  return {Vecd{{std::log(first), std::log(second)}}, std::log(signal), std::log(noise)};
}

// Of scikit_learn_gp.py; variances with the noise.
struct Reference {
  GpHyperparameters h;
  double evidence;
  Vecd gradient, mean, variance;
};
const Reference kReferences[] = {{hyperparameters(0.7, 1.3, 0.9, 0.2), -18.563839295,
                                  Vecd{{-8.87457556324, 0.315297961745, 8.54248337837, -1.11119070444}},
                                  Vecd{{-0.0699757593885, -0.664491752734, -0.796296631699, 0.979133330079}},
                                  Vecd{{0.787462353555, 0.309516250509, 0.22548725908, 0.159879508568}}},
                                 {hyperparameters(2.0, 0.4, 1.7, 0.05), -42.9419292942,
                                  Vecd{{-48.5765455861, -50.9258461285, 41.31690871, 2.86087059491}},
                                  Vecd{{-2.23120690948, -2.41742135612, -1.63002199795, 1.48971469749}},
                                  Vecd{{1.59232454931, 1.25474418201, 0.107175650654, 0.0320722465026}}}};

TEST_CASE("gaussian process: evidence, gradient and prediction are scikit-learn's") {
  const Data data;
  for (const Reference& r : kReferences) {
    const GpEvidence e = log_evidence(data.x, data.y, r.h);
    CHECK(e.value == Approx(r.evidence).epsilon(1e-9));
    REQUIRE(e.gradient.size() == kDims + 2);
    CHECK((e.gradient - r.gradient).cwiseAbs().maxCoeff() < 1e-7);
    CHECK(e.jitter == 0.0);

    const GpPosterior p = exact_posterior(data.x, data.y, r.h);
    Batchd k;
    se_covariance(data.x, data.probe, p.lengthscale2, p.signal2, k);
    CHECK((k.transpose() * p.beta - r.mean).cwiseAbs().maxCoeff() < 1e-9);
    const Vecd variance =
        (p.signal2 + p.noise2 - k.cwiseProduct(p.inverse * k).colwise().sum().array()).transpose();
    CHECK((variance - r.variance).cwiseAbs().maxCoeff() < 1e-9);
    CHECK((p.root.transpose() * p.root - p.inverse).cwiseAbs().maxCoeff() <
          1e-12 * p.inverse.cwiseAbs().maxCoeff());
  }
}

TEST_CASE("gaussian process: every instruction set gives scikit-learn's numbers") {
  const Data data;
  testing::for_each_target([&](const std::string& target) {
    CAPTURE(target);
    for (const Reference& r : kReferences) {
      const GpEvidence e = log_evidence(data.x, data.y, r.h);
      CHECK(e.value == Approx(r.evidence).epsilon(1e-9));
      CHECK((e.gradient - r.gradient).cwiseAbs().maxCoeff() < 1e-7);
    }
    Batchd k;
    se_covariance(data.x, Batchd::Constant(kDims, 1, std::nan("")), Vecd::Ones(kDims), 1.0, k);
    CHECK(k.array().isNaN().all());
  });
}

// Of several blocks of 48, the last one not whole.
struct Blocks {
  Batchd x = 2.0 * wave(3, 130, 0.0);
  Vecd y = x.colwise().norm();
  GpHyperparameters h{Vecd{{std::log(0.7), std::log(1.3), std::log(2.9)}}, std::log(1.2), std::log(0.15)};
};

TEST_CASE("gaussian process: of many points the evidence and its gradient are those of their formulas") {
  const Blocks data;
  const Index n = data.x.cols();
  Batchd k(n, n);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j)
      k(i, j) =
          data.h.signal2() *
          std::exp(-0.5 *
                   ((data.x.col(i) - data.x.col(j)).array().square() / data.h.lengthscale2().array()).sum());
  const Eigen::LLT<Batchd> factor(k + data.h.noise2() * Batchd::Identity(n, n));
  const Vecd beta = factor.solve(data.y);
  const Batchd weights = 0.5 * (beta * beta.transpose() - factor.solve(Batchd::Identity(n, n)));
  const double value = -0.5 * (data.y.dot(beta) + static_cast<double>(n) * std::log(2.0 * std::numbers::pi)) -
                       factor.matrixLLT().diagonal().array().log().sum();
  Vecd gradient(5);
  for (Index d = 0; d < 3; ++d) {
    const Batchd across = data.x.row(d).replicate(n, 1);
    gradient[d] = weights.cwiseProduct(k).cwiseProduct((across - across.transpose()).cwiseAbs2()).sum() /
                  data.h.lengthscale2()[d];
  }
  gradient[3] = 2.0 * weights.cwiseProduct(k).sum();
  gradient[4] = 2.0 * data.h.noise2() * weights.trace();
  testing::for_each_target([&](const std::string& target) {
    CAPTURE(target);
    const GpEvidence e = log_evidence(data.x, data.y, data.h);
    CHECK(e.value == Approx(value).epsilon(1e-9));
    CHECK((e.gradient - gradient).cwiseAbs().maxCoeff() < 1e-9 * gradient.cwiseAbs().maxCoeff());
    const GpPosterior p = exact_posterior(data.x, data.y, data.h);
    CHECK((p.beta - beta).cwiseAbs().maxCoeff() < 1e-9 * beta.cwiseAbs().maxCoeff());
    CHECK((p.root.transpose() * p.root - p.inverse).cwiseAbs().maxCoeff() <
          1e-12 * p.inverse.cwiseAbs().maxCoeff());
  });
}

TEST_CASE("gaussian process: neither threads nor what a workspace has seen change the evidence") {
  const Blocks data;
  const GpEvidence expected = log_evidence(data.x, data.y, data.h);
  for (const int threads : {1, 2, 3}) {
    ThreadPool pool(threads);
    GpEvidenceWorkspace workspace;
    for (const Index n : {Index{130}, Index{20}, Index{130}}) {
      GpEvidence e;
      log_evidence(data.x.leftCols(n), data.y.head(n), data.h, e, workspace, &pool);
      if (n == 20)
        CHECK(e.value == log_evidence(data.x.leftCols(n), data.y.head(n), data.h).value);
      else
        CHECK((e.value == expected.value && e.gradient == expected.gradient));
    }
  }
}

TEST_CASE("gaussian process: the evidence allocates in its first call only") {
  if (!test::can_count_allocations()) return;
  const Blocks data;
  ThreadPool pool(2);
  for (ThreadPool* threads : {static_cast<ThreadPool*>(nullptr), &pool}) {
    GpEvidence e;
    GpEvidenceWorkspace workspace;
    const auto evidence = [&] { log_evidence(data.x, data.y, data.h, e, workspace, threads); };
    CHECK(test::allocations_during(evidence) > 0);
    CHECK(test::allocations_during(evidence) == 0);
  }
}

TEST_CASE("gaussian process: the covariance is its formula, far from the origin too") {
  const Batchd a = 2.0 * wave(3, 7, 0.0), b = 2.0 * wave(3, 5, 1.0);
  const Vecd lengthscale2{{0.3, 1.0, 9.0}};
  for (const double shift : {0.0, 1e4}) {
    Batchd k;
    se_covariance(a.array() + shift, b.array() + shift, lengthscale2, 1.7, k);
    for (Index i = 0; i < 7; ++i)
      for (Index j = 0; j < 5; ++j)
        CHECK(k(i, j) ==
              Approx(1.7 *
                     std::exp(-0.5 * ((a.col(i) - b.col(j)).array().square() / lengthscale2.array()).sum()))
                  .epsilon(shift > 0.0 ? 1e-8 : 1e-12));
  }
  Batchd k;
  se_covariance(a, Batchd::Constant(3, 1, std::nan("")), lengthscale2, 1.7, k);
  CHECK(k.array().isNaN().all());
}

TEST_CASE("gaussian process: priors have the gradient of their density") {
  const GpPriors priors{.max_signal_to_noise = 30.0};
  const GpHyperparameters h = hyperparameters(0.7, 13.0, 1.9, 0.08);
  Vecd gradient = Vecd::Zero(4), unused = gradient;
  const double value = priors.log_density(h, gradient);
  const double ratio = std::log(1.9 / 0.08) / std::log(30.0);
  CHECK(value == Approx(0.1 * std::log(0.7) - 0.07 + 0.1 * std::log(13.0) - 1.3 + 0.5 * std::log(3.61) -
                        0.5 * 3.61 - std::pow(ratio, 30)));
  for (Index i = 0; i < 4; ++i) {
    constexpr double kStep = 1e-6;
    Vecd low = h.packed(), high = low;
    low[i] -= kStep;
    high[i] += kStep;
    const double difference = (priors.log_density(GpHyperparameters::unpacked(high), unused) -
                               priors.log_density(GpHyperparameters::unpacked(low), unused)) /
                              (2.0 * kStep);
    CHECK(gradient[i] == Approx(difference).epsilon(1e-6));
  }
  Vecd zero = Vecd::Zero(4);
  CHECK(GpPriors{{}, {}, 0.0}.log_density(h, zero) == 0.0);
  CHECK(zero.isZero(0.0));
}

TEST_CASE("gaussian process: jitter is reported, and its part of the gradient counted") {
  // Every point twice and hardly any noise.
  Data data;
  Batchd x(kDims, 2 * kPoints);
  x << data.x, data.x;
  Vecd y(2 * kPoints);
  y << data.y, data.y;
  const GpHyperparameters h = hyperparameters(1.0, 2.0, 1.5, 1e-9);
  const GpEvidence e = log_evidence(x, y, h);
  CHECK(e.jitter > 0.0);
  CHECK(exact_posterior(x, y, h).jitter == e.jitter);
  const auto value = [&](Index i, double step) {
    Vecd packed = h.packed();
    packed[i] += step;
    return log_evidence(x, y, GpHyperparameters::unpacked(packed)).value;
  };
  for (Index i = 0; i < 3; ++i)
    CHECK(e.gradient[i] == Approx((value(i, 1e-3) - value(i, -1e-3)) / 2e-3).epsilon(5e-3));
}

TEST_CASE("gaussian process: mistakes are named") {
  const Data data;
  const GpHyperparameters h = kReferences[0].h;
  CHECK_THROWS_AS(log_evidence(data.x, data.y.head(3), h), Error);
  CHECK_THROWS_AS(log_evidence(data.x.topRows(1), data.y, h), Error);
  CHECK_THROWS_AS(log_evidence(Batchd(2, 0), Vecd(), h), Error);
  Batchd x = data.x;
  x(0, 3) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(exact_posterior(x, data.y, h), Error);
  GpHyperparameters bad = h;
  bad.log_noise = -std::numeric_limits<double>::infinity();
  CHECK_THROWS_AS(exact_posterior(data.x, data.y, bad), Error);
  // No number of jitter helps where the signal overflows.
  bad = h;
  bad.log_signal = 400.0;
  CHECK(log_evidence(data.x, data.y, bad).value == -std::numeric_limits<double>::infinity());
  CHECK(contains(error_of([&] { exact_posterior(data.x, data.y, bad); }), "lengthscales apart"));
}

}  // namespace
}  // namespace mbrl
