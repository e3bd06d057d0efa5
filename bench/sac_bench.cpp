// Soft actor-critic: one update from a batch that lies there (two critics, their targets, policy and temperature), and a
// whole run on one thread. Counters: updates_per_s of the fastest repetition; GFLOP/s of the networks' products alone, in
// what the algorithm asks for (0.59 GFLOP an update at HalfCheetah's sizes); fraction_of_peak, of the largest multiply-add
// peak that as many threads reached between the repetitions; times_baseline, the speed of the fastest update over that of
// the fastest in plain LibTorch, on as many threads and on fewer, between the repetitions. On one thread times are those
// that the process had on the core (own_time.hpp), but for LibTorch's; on several they are the clock's.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "mbrl/learning/sac.hpp"
#include "own_time.hpp"
#include "sac_baseline.hpp"
#include "simd/fma_peak.hpp"
#include "whole_run.hpp"

namespace mbrl {
namespace {

// The policy: both observations' actions, and back. A critic: target; forward and back to learn; forward, and back to
// the action, to be climbed.
struct SacFlops {
  double act, update;
  explicit SacFlops(const bench::SacSizes& s) {
    const double hidden = s.width * s.width;
    act = 2.0 * (s.obs_dim * s.width + hidden + s.width * 2 * s.action_dim);
    const double critic = 2.0 * ((s.obs_dim + s.action_dim) * s.width + hidden + s.width);
    update = s.batch * (4 * act + 2 * 6 * critic);
  }
};

double clock_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void sac(benchmark::State& state) {
  const bench::SacSizes sizes{static_cast<int>(state.range(0)), static_cast<int>(state.range(1)),
                              static_cast<int>(state.range(2)), static_cast<int>(state.range(3))};
  const auto threads = static_cast<int>(state.range(4));
  SacSettings settings;
  settings.policy.hidden = settings.critic.hidden = {sizes.width, sizes.width};
  ThreadPool pool(threads);
  Sac sac(sizes.obs_dim, ActionBounds::uniform(sizes.action_dim, -1, 1), settings, 1, pool);
  Transitions data;
  data.obs = data.next_obs = Batchf::Random(sizes.obs_dim, sizes.batch);
  data.action = 0.9f * Batchf::Random(sizes.action_dim, sizes.batch);
  data.reward = Vecf::Random(sizes.batch);
  data.terminated.assign(static_cast<std::size_t>(sizes.batch), 0);
  data.truncated = data.terminated;
  const double flops = SacFlops(sizes).update;
  const int updates = std::max(1, static_cast<int>(1e9 / flops));
  const auto now = [&] { return threads == 1 ? own_seconds() : clock_seconds(); };
  double peak = 0, fastest = 0, baseline = std::numeric_limits<double>::infinity();
  [[maybe_unused]] int repetition = 0;
  for (auto _ : state) {
    peak = std::max(peak, threads == 1 ? own_fma_peak() : simd::fma_peak(pool, 0.02));
    const double start = now();
    for (int i = 0; i < updates; ++i) sac.update(data);
    const double seconds = (now() - start) / updates;
    fastest = std::max(fastest, 1 / seconds);
    state.SetIterationTime(seconds);
#if MBRL_HAS_TORCH
    if (repetition++ % 20 == 0)
      for (int t = 1; t <= threads; ++t)
        baseline = std::min(baseline, bench::torch_sac_seconds(sizes, t, 0.3));
#endif
  }
  state.counters["updates_per_s"] = fastest;
  state.counters["GFLOP/s"] = fastest * flops * 1e-9;
  state.counters["fraction_of_peak"] = fastest * flops / peak;
  if (baseline < 1) state.counters["times_baseline"] = fastest * baseline;
}
BENCHMARK(sac)
    ->Name("sac/update/obs/actions/width/batch/threads")
    ->Args({17, 6, 256, 256, 1})
    ->Args({17, 6, 256, 256, 2})
    ->Args({3, 1, 64, 100, 1})
    ->UseManualTime()
    ->Iterations(100)
    ->Unit(benchmark::kMicrosecond);

// Environment, replay and all.
void pendulum(benchmark::State& state) {
  constexpr double kSteps = 20'000, kRandomSteps = 100;
  const SacFlops flops({3, 1, 64, 100});
  measure_runs(state, "sac",
               {"steps=20000", "random_steps=100", "batch_size=100", "sac.policy.hidden=64,64",
                "sac.critic.hidden=64,64"},
               kSteps, (kSteps - kRandomSteps) / kSteps * (flops.act + flops.update));
}
BENCHMARK(pendulum)->Name("sac/pendulum")->UseManualTime()->Iterations(5)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mbrl
