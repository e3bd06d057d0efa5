// Predictions of a Gaussian process, and its evidence with gradient, beside the double-precision multiply-add peak that one
// thread reached in turns with them. The flops counted are those of matrix products and factorisations, of symmetric and
// triangular matrices one triangle; exponentials are not counted. bench/scikit_learn_gp.py times the same in scikit-learn.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "mbrl/core/random.hpp"
#include "mbrl/models/gp/gp_model.hpp"
#include "median.hpp"
#include "own_time.hpp"

namespace mbrl {
namespace {

constexpr int kDims = 6, kProbes = 1024;

Batchd points(Index rows, Index cols, std::uint32_t id) {
  const RandomStream random(1, Stream::kUser);
  Batchd x(rows, cols);
  for (Index i = 0; i < x.size(); ++i) x.data()[i] = random.normal(id, static_cast<std::uint32_t>(i));
  return x;
}

const GpHyperparameters kHyperparameters{Vecd::Constant(kDims, std::log(2.0)), 0.0, std::log(0.1)};

// Calls work between measurements of the peak: own seconds and fraction of the peak, medians.
template <class Work>
void measure(benchmark::State& state, double flops, const Work& work) {
  std::vector<double> seconds, fraction;
  work();
  for (auto _ : state) {
    const double before = own_fma_peak<double>();
    const double start = own_seconds();
    int repeat = 0;
    do {
      work();
      ++repeat;
    } while (own_seconds() - start < 0.02);
    const double elapsed = (own_seconds() - start) / repeat;
    state.SetIterationTime(elapsed);
    seconds.push_back(elapsed);
    fraction.push_back(flops / elapsed / std::max(before, own_fma_peak<double>()));
  }
  state.counters["ms"] = 1e3 * median(seconds);
  state.counters["GFLOP/s"] = 1e-9 * flops / median(seconds);
  state.counters["fraction_of_peak"] = median(fraction);
}

template <bool kVariance>
void predict(benchmark::State& state) {
  const auto n = static_cast<Index>(state.range(0));
  GpModel model(1, kDims - 1);
  const Batchd x = points(kDims, n, 0), probe = points(kDims, kProbes, 1);
  model.condition(x, x.colwise().norm(), {kHyperparameters});
  GpModel::Workspace w;
  Batchd mean, variance;
  const double size = static_cast<double>(n);
  const double flops =
      kProbes * (size * (2.0 * (kDims + 2) + 2.0) + (kVariance ? size * (size + 1.0) + 2.0 * size : 0.0));
  measure(state, flops, [&] {
    model.predict_targets(probe, mean, kVariance ? &variance : nullptr, w);
    benchmark::DoNotOptimize(mean.data());
  });
  state.counters["points_per_s"] = 1e3 * kProbes / state.counters["ms"];
}

// Cholesky factor, its inverse and that of the matrix, n^3 / 3 each; of covariances and the gradient's sums one triangle.
void evidence(benchmark::State& state) {
  const auto n = static_cast<Index>(state.range(0));
  const Batchd x = points(kDims, n, 0);
  const Vecd y = x.colwise().norm();
  const double size = static_cast<double>(n);
  GpEvidence e;
  GpEvidenceWorkspace workspace;
  measure(state, size * size * size + size * size * ((kDims + 2.0) + 2.0 * kDims + 2.0), [&] {
    log_evidence(x, y, kHyperparameters, e, workspace);
    benchmark::DoNotOptimize(e.value);
  });
}

BENCHMARK(predict<true>)
    ->Name("gp/predict/n")
    ->Arg(100)
    ->Arg(300)
    ->Arg(1000)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(predict<false>)->Name("gp/mean/n")->Arg(300)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(evidence)
    ->Name("gp/evidence/n")
    ->Arg(100)
    ->Arg(300)
    ->Arg(1000)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mbrl
