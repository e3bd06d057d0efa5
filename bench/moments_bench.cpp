// Moment-matched roll-outs through Gaussian processes, with the gradient by a policy of 50 basis functions: 25 steps, four
// outputs. What takes the time is one exponential for each pair of points, pair of outputs and step; of an output with
// itself, for half of the pairs of points. Baseline: these exponentials alone by Eigen, one thread, without any sum.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "mbrl/core/random.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/policy/moments/rbf_network.hpp"
#include "mbrl/policy/moments/squashed.hpp"
#include "mbrl/rollout/moments/moment_rollout.hpp"

namespace mbrl {
namespace {

using Policy = SquashedPolicy<RbfNetwork>;

Batchd normals(Index rows, Index cols, std::uint32_t which) {
  const RandomStream random(1, Stream::kUser);
  Batchd m(rows, cols);
  for (Index j = 0; j < cols; ++j)
    for (Index i = 0; i < rows; ++i)
      m(i, j) = random.normal(which, static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j));
  return m;
}

// Points, inputs of the processes (features and one action), whether a gradient is asked for, threads.
void moment_rollout(benchmark::State& state) {
  const Index n = state.range(0), inputs = state.range(1), outputs = 4, features = inputs - 1;
  const bool with_gradient = state.range(2) == 1;
  ThreadPool pool(static_cast<int>(state.range(3)));
  KernelSums sums{.centres = normals(inputs, n, 0),
                  .weights = normals(n, outputs, 1) / static_cast<double>(n),
                  .lengthscale2 = Batchd::Constant(inputs, outputs, 2.0),
                  .signal2 = Vecd::Constant(outputs, 0.01)};
  // Any symmetric matrix costs the same as a covariance's inverse; this one keeps variances positive.
  const Batchd inverse = 1e-3 * Batchd::Identity(n, n);
  const KernelMoments targets(std::move(sums), std::vector<const Batchd*>(4, &inverse));
  ObsEncoding encoding = ObsEncoding::identity(static_cast<int>(outputs));
  encoding.features.resize(static_cast<std::size_t>(features), {ObsFeature::Kind::kSin, 3});
  const Policy policy(
      RbfNetwork(normals(features, 50, 2), 0.1 * normals(50, 1, 3), Batchd::Ones(features, 1)),
      {Vecd{{-1.0}}, Vecd{{1.0}}});
  const MomentRollout<Policy> rollout(
      MomentDynamics(targets, encoding), {Batchd::Identity(features, features), Vecd::Zero(features)},
      {Vecd::Zero(outputs), 0.01 * Batchd::Identity(outputs, outputs)}, 25, &pool);
  MomentRollout<Policy>::Workspace workspace;
  Vecd gradient;
  const double exponentials = 25.0 * (6.0 * static_cast<double>(n) * static_cast<double>(n) +
                                      4.0 * 0.5 * static_cast<double>(n) * static_cast<double>(n + 1));
  const Vecd exponents = -normals(50000, 1, 4).cwiseAbs2();
  Vecd result(exponents.size());
  using Clock = std::chrono::steady_clock;
  double own = 0.0, one = 0.0;  // seconds of a roll-out, of an exponential
  for (auto _ : state) {
    const auto start = Clock::now();
    benchmark::DoNotOptimize(rollout.evaluate(policy, workspace, with_gradient ? &gradient : nullptr));
    const auto middle = Clock::now();
    result = exponents.array().exp();
    benchmark::DoNotOptimize(result.data());
    own += std::chrono::duration<double>(middle - start).count();
    one += std::chrono::duration<double>(Clock::now() - middle).count() / static_cast<double>(result.size());
    state.SetIterationTime(std::chrono::duration<double>(middle - start).count());
  }
  state.counters["times_baseline"] = exponentials * one / own;
  state.counters["exp/s"] = exponentials * static_cast<double>(state.iterations()) / own;
}

BENCHMARK(moment_rollout)
    ->ArgNames({"points", "inputs", "gradient", "threads"})
    ->Args({250, 6, 1, 1})
    ->Args({1000, 5, 0, 1})
    ->Args({1000, 5, 1, 1})
    ->Args({1000, 5, 1, 2})
    ->Unit(benchmark::kMillisecond)
    ->UseManualTime();

}  // namespace
}  // namespace mbrl
