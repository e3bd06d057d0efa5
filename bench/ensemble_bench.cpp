// The ensemble's forward pass and whole rollouts of the published PETS network (5 members of 24 - 4 x 200 -
// 36), beside the multiply-add peak measured in turns with them, and beside LibTorch where it is built.
// Counters: GFLOP/s counts the networks' multiply-adds only; fraction_of_peak is the median over iterations
// of their share of the peak that the same threads reached just before; times_baseline is the speed against
// LibTorch's.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "ensemble_baseline.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/models/neural/packed_ensemble.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"
#include "median.hpp"
#include "simd/fma_peak.hpp"

namespace mbrl {
namespace {

constexpr int kHorizon = 30, kParticles = 20, kCandidates = 500;
constexpr int kRows = 2000;  // a member's share of 10,000 particles

MlpEnsemble pets_ensemble() {
  MlpEnsemble model = MlpEnsemble::create({}, ObsEncoding::identity(18), 6, 1);
  model.max_logvar.assign(18, -4.0f);  // keeps random networks' rollouts in bounds, as trained ones are
  return model;
}

// Times work() in turns with the peak and with LibTorch: other programs then disturb all three alike.
template <class Work, class Baseline>
void measure(benchmark::State& state, ThreadPool& pool, double rows, double flops, Work&& work,
             [[maybe_unused]] Baseline&& baseline) {
  using Clock = std::chrono::steady_clock;
  constexpr double kSlice = 0.02;  // seconds
  std::vector<double> fraction, seconds, times_baseline;
#if MBRL_HAS_TORCH
  const bench::RateMeasurement torch_rate = baseline();
  state.SetLabel(bench::torch_description());
#endif
  work();
  for (auto _ : state) {
    const double before = simd::fma_peak(pool, kSlice);
    const auto start = Clock::now();
    work();
    const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    const double after = simd::fma_peak(pool, kSlice);
    state.SetIterationTime(elapsed);
    seconds.push_back(elapsed);
    fraction.push_back(flops / elapsed / std::max(before, after));
#if MBRL_HAS_TORCH
    times_baseline.push_back(rows / elapsed / torch_rate(std::min(elapsed, 0.5)));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // its threads spin for a while yet
#endif
  }
  const double typical = median(seconds);
  state.counters["GFLOP/s"] = flops / typical * 1e-9;
  state.counters["rows/s"] = rows / typical;
  state.counters["fraction_of_peak"] = median(fraction);
  if (!times_baseline.empty()) state.counters["times_baseline"] = median(times_baseline);
}

// Every member on 2,000 prepared rows of its own.
void forward(benchmark::State& state) {
  const auto threads = static_cast<int>(state.range(0));
  ThreadPool pool(threads);
  const MlpEnsemble model = pets_ensemble();
  const PackedEnsemble packed(model);
  const Batchf input = Batchf::Random(model.input_dim(), kRows);
  Batchf output(model.output_dim(), kRows);
  measure(
      state, pool, 5.0 * kRows, 5.0 * kRows * flops_per_row(model),
      [&] {
        for (int m = 0; m < 5; ++m) packed.forward(m, input, output, pool);
        benchmark::DoNotOptimize(output.data());
      },
      [&] { return bench::torch_forward(model, threads); });
}

// TSinf rollouts of `candidates` x `particles` over 30 steps, noise, reward and all.
void rollout(benchmark::State& state) {
  const auto threads = static_cast<int>(state.range(0));
  const auto candidates = static_cast<int>(state.range(1)), particles = static_cast<int>(state.range(2));
  ThreadPool pool(threads);
  const MlpEnsemble model = pets_ensemble();
  EnsembleRolloutSettings settings;
  settings.horizon = kHorizon;
  settings.particles = particles;
  const auto reward = [](ConstBatchRef<float>, ConstBatchRef<float> action, ConstBatchRef<float> next_obs,
                         int, VecRef<float> out) {
    out = next_obs.row(0).transpose() - 0.1f * action.colwise().squaredNorm().transpose();
  };
  EnsembleRollout evaluator(model, reward, {}, settings, pool, 1);
  const Batchf actions = Batchf::Random(kHorizon * model.action_dim, candidates);
  Vecf returns(candidates);
  std::uint32_t plan = 0;
  const double rows = static_cast<double>(candidates) * particles * kHorizon;
  measure(
      state, pool, rows, rows * flops_per_row(model),
      [&] {
        evaluator.evaluate(Vecf::Zero(18), actions, {plan++, 0, 0}, returns);
        benchmark::DoNotOptimize(returns.data());
      },
      [&] { return bench::torch_rollout(model, threads); });
}

BENCHMARK(forward)
    ->Name("forward/5x(24-4x200-36)/threads")
    ->Arg(1)
    ->Arg(2)
    ->UseManualTime()
    ->MinTime(1.0)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(rollout)
    ->Name("rollout/TSinf/threads/candidates/particles")
    ->Args({1, kCandidates, kParticles})
    ->Args({2, kCandidates, kParticles})
    ->Args({2, 64, 5})
    ->UseManualTime()
    ->MinTime(3.0)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mbrl
