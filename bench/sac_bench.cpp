// One update of soft actor-critic on one thread: two critics, their targets, policy and temperature, from a batch that
// lies there. Counters: updates_per_s of the fastest repetition; GFLOP/s of the networks' products alone, in what the
// algorithm asks for (0.59 GFLOP an update at HalfCheetah's sizes); fraction_of_peak, of the largest multiply-add peak
// that one thread reached between the repetitions. Times are those that the process had on the core (own_time.hpp).
#include <benchmark/benchmark.h>

#include <algorithm>

#include "mbrl/learning/sac.hpp"
#include "own_time.hpp"

namespace mbrl {
namespace {

void sac(benchmark::State& state) {
  const auto obs_dim = static_cast<int>(state.range(0)), action_dim = static_cast<int>(state.range(1)),
             width = static_cast<int>(state.range(2)), batch = static_cast<int>(state.range(3));
  SacSettings settings;
  settings.policy.hidden = settings.critic.hidden = {width, width};
  ThreadPool one(1);
  Sac sac(obs_dim, ActionBounds::uniform(action_dim, -1, 1), settings, 1, one);
  Transitions data;
  data.obs = data.next_obs = Batchf::Random(obs_dim, batch);
  data.action = 0.9f * Batchf::Random(action_dim, batch);
  data.reward = Vecf::Random(batch);
  data.terminated.assign(static_cast<std::size_t>(batch), 0);
  data.truncated = data.terminated;
  // The policy: both observations' actions, and back. A critic: target; forward and back to learn; forward, and back to
  // the action, to be climbed.
  const double hidden = width * width,
               policy = 2.0 * batch * (obs_dim * width + hidden + width * 2 * action_dim),
               critic = 2.0 * batch * ((obs_dim + action_dim) * width + hidden + width);
  const double flops = 4 * policy + 2 * 6 * critic;
  const int updates = std::max(1, static_cast<int>(1e9 / flops));
  double peak = 0, fastest = 0;
  for (auto _ : state) {
    peak = std::max(peak, own_fma_peak());
    const double start = own_seconds();
    for (int i = 0; i < updates; ++i) sac.update(data);
    const double seconds = (own_seconds() - start) / updates;
    fastest = std::max(fastest, 1 / seconds);
    state.SetIterationTime(seconds);
  }
  state.counters["updates_per_s"] = fastest;
  state.counters["GFLOP/s"] = fastest * flops * 1e-9;
  state.counters["fraction_of_peak"] = fastest * flops / peak;
}
BENCHMARK(sac)
    ->Name("sac/update/obs/actions/width/batch")
    ->Args({17, 6, 256, 256})
    ->Args({3, 1, 64, 100})
    ->UseManualTime()
    ->Iterations(100)
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mbrl
