// What bench/gp_against.py sets beside other libraries: a Gaussian process' evidence with gradient, and the expected cost of
// 25 steps of a policy by moment matching with its gradient, for 1,000 points, five inputs and four outputs. Data are
// formulas, so that the others can make the same; counters are results, and the best time of the repetitions.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "mbrl/core/thread_pool.hpp"
#include "mbrl/models/gp/gaussian_process.hpp"
#include "mbrl/policy/moments/rbf_network.hpp"
#include "mbrl/policy/moments/squashed.hpp"
#include "mbrl/rollout/moments/moment_rollout.hpp"
#include "own_time.hpp"

namespace mbrl {
namespace {

constexpr Index kPoints = 1000, kInputs = 5, kOutputs = 4, kCentres = 50;
constexpr int kHorizon = 25;

Batchd wave(Index rows, Index cols, double phase) {
  Batchd out(rows, cols);
  for (Index k = 0; k < out.size(); ++k) {
    const auto at = static_cast<double>(k);
    out.data()[k] = std::sin(1.7 * at + 0.37 * at * at + phase);
  }
  return out;
}

Batchd inputs() { return 2.0 * wave(kInputs, kPoints, 0.0); }
Vecd targets(const Batchd& x, Index output) {
  const auto phase = static_cast<double>(output);
  return (0.2 * (x.row(output).array() + 0.5 * phase).sin() * x.row(output + 1).array().cos()).transpose() +
         0.02 * wave(kPoints, 1, phase).array();
}
GpHyperparameters hyperparameters(Index output) {
  Vecd lengthscale(kInputs);
  for (Index d = 0; d < kInputs; ++d) lengthscale[d] = 1.5 + 0.2 * static_cast<double>(d + output);
  return {lengthscale.array().log(), std::log(0.2), std::log(0.02)};
}

// Calls work() once a repetition, after one that does not count.
template <class Work>
void measure(benchmark::State& state, const Work& work) {
  using Clock = std::chrono::steady_clock;
  double processor = std::numeric_limits<double>::infinity(), wall = processor;
  work();
  for (auto _ : state) {
    const double own = own_seconds();
    const auto start = Clock::now();
    work();
    const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    processor = std::min(processor, own_seconds() - own);
    wall = std::min(wall, elapsed);
    state.SetIterationTime(elapsed);
  }
  state.counters["processor_ms"] = 1e3 * processor;
  state.counters["wall_ms"] = 1e3 * wall;
}

void report(benchmark::State& state, double value, const Vecd& gradient) {
  state.counters["value"] = value;
  state.counters["gradient_norm"] = gradient.norm();
  state.counters["gradient_along"] = gradient.dot(wave(gradient.size(), 1, 5.0).col(0));
}

void evidence(benchmark::State& state) {
  ThreadPool pool(static_cast<int>(state.range(0)));
  const Batchd x = inputs();
  const Vecd y = targets(x, 0);
  const GpHyperparameters h = hyperparameters(0);
  GpEvidence e;
  GpEvidenceWorkspace workspace;
  measure(state, [&] { log_evidence(x, y, h, e, workspace, &pool); });
  report(state, e.value, e.gradient);
}

void rollout(benchmark::State& state) {
  using Policy = SquashedPolicy<RbfNetwork>;
  ThreadPool pool(static_cast<int>(state.range(0)));
  KernelSums sums{.centres = inputs(),
                  .weights = Batchd(kPoints, kOutputs),
                  .lengthscale2 = Batchd(kInputs, kOutputs),
                  .signal2 = Vecd(kOutputs)};
  std::vector<GpPosterior> posteriors;
  std::vector<const Batchd*> inverse;
  for (Index a = 0; a < kOutputs; ++a)
    posteriors.push_back(exact_posterior(sums.centres, targets(sums.centres, a), hyperparameters(a)));
  for (Index a = 0; a < kOutputs; ++a) {
    const GpPosterior& p = posteriors[static_cast<std::size_t>(a)];
    sums.weights.col(a) = p.beta;
    sums.lengthscale2.col(a) = p.lengthscale2;
    sums.signal2(a) = p.signal2;
    inverse.push_back(&p.inverse);
  }
  const Policy policy(
      RbfNetwork(wave(kOutputs, kCentres, 3.0), wave(kCentres, 1, 4.0), Batchd::Ones(kOutputs, 1)),
      {Vecd{{-1.0}}, Vecd{{1.0}}});
  const MomentRollout<Policy> moments(
      MomentDynamics(KernelMoments(std::move(sums), inverse), ObsEncoding::identity(kOutputs)),
      {Batchd::Identity(kOutputs, kOutputs), Vecd::Constant(kOutputs, 0.5)},
      {Vecd::Zero(kOutputs), 0.01 * Batchd::Identity(kOutputs, kOutputs)}, kHorizon, &pool);
  MomentRollout<Policy>::Workspace workspace;
  double cost = 0.0;
  Vecd gradient;
  measure(state, [&] { cost = moments.evaluate(policy, workspace, &gradient); });
  report(state, cost, gradient);
}

BENCHMARK(evidence)
    ->Name("gp/against/evidence")
    ->ArgName("threads")
    ->Arg(1)
    ->Arg(2)
    ->Iterations(10)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(rollout)
    ->Name("gp/against/rollout")
    ->ArgName("threads")
    ->Arg(1)
    ->Arg(2)
    ->Iterations(2)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mbrl
