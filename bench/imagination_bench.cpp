// Imagination of MBPO's size: a policy of 2 x 256 in an ensemble of 5 x (24 - 4 x 200 - 36), beside the
// multiply-add peak measured in turns with it. Counters as in ensemble_bench.cpp; the multiply-adds of policy
// and ensemble are counted, nothing else.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "mbrl/models/neural/packed_ensemble.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/rollout/imagination.hpp"
#include "median.hpp"
#include "simd/fma_peak.hpp"

namespace mbrl {
namespace {

double policy_flops_per_row(const nn::Network& network) {
  double flops = 0.0;
  for (const nn::Network::Layer& layer : network.layers()) flops += 2.0 * layer.in * layer.out;
  return flops;
}

void imagination(benchmark::State& state) {
  using Clock = std::chrono::steady_clock;
  constexpr int kHorizon = 5;
  constexpr double kSlice = 0.02;  // seconds
  ThreadPool pool(static_cast<int>(state.range(0)));
  const auto starts = static_cast<Index>(state.range(1));
  MlpEnsemble model = MlpEnsemble::create({}, ObsEncoding::identity(18), 6, 1);
  model.max_logvar.assign(18, -4.0f);
  const MlpPolicy policy(18, ActionBounds::uniform(6, -1.0, 1.0), {}, 1);
  const auto reward = [](ConstBatchRef<float>, ConstBatchRef<float> action, ConstBatchRef<float> next_obs,
                         int, VecRef<float> out) {
    out = next_obs.row(0).transpose() - 0.1f * action.colwise().squaredNorm().transpose();
  };
  ImaginationSettings settings;
  settings.horizon = kHorizon;
  settings.propagation = state.range(2) == 0 ? Propagation::kTS1 : Propagation::kTSinf;
  Imagination<MlpPolicy> imagination(model, reward, {}, settings, pool, 1);
  const Batchf obs = 0.1f * Batchf::Random(18, starts);
  Trajectories out;
  const double rows = static_cast<double>(starts) * kHorizon;
  const double flops = rows * (flops_per_row(model) + policy_flops_per_row(policy.network()));
  std::vector<double> fraction, seconds;
  imagination.run(policy, obs, {}, out);
  std::uint32_t round = 0;
  for (auto _ : state) {
    const double before = simd::fma_peak(pool, kSlice);
    const auto start = Clock::now();
    imagination.run(policy, obs, {++round, 0, 0}, out);
    const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    const double after = simd::fma_peak(pool, kSlice);
    state.SetIterationTime(elapsed);
    seconds.push_back(elapsed);
    fraction.push_back(flops / elapsed / std::max(before, after));
  }
  const double typical = median(seconds);
  state.counters["GFLOP/s"] = flops / typical * 1e-9;
  state.counters["rows/s"] = rows / typical;
  state.counters["fraction_of_peak"] = median(fraction);
}

BENCHMARK(imagination)
    ->Name("imagination/5x(24-4x200-36)+(18-2x256-12)/threads/starts/tsinf")
    ->Args({1, 2000, 0})
    ->Args({2, 2000, 0})
    ->Args({2, 2000, 1})
    ->Args({2, 100, 0})
    ->UseManualTime()
    ->MinTime(2.0)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mbrl
