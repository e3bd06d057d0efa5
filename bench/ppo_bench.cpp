// PPO on one thread, environment and all: Pendulum-v1, 4 environments x 1024 steps an iteration, two epochs in
// minibatches of 256, 2 x 64 networks. Counters: steps_per_s of the fastest repetition; GFLOP/s of the networks'
// products alone, in what the algorithm asks for (actions, values, and forward and backward passes of both networks in
// each epoch: 122 kFLOP a step); fraction_of_peak, of the largest multiply-add peak that one thread reached between the
// repetitions. Times are those that the process had on the core (own_time.hpp).
#include <benchmark/benchmark.h>

#include "whole_run.hpp"

namespace mbrl {
namespace {

constexpr double kSteps = 81'920;

double flops_per_step() {
  constexpr double kObs = 3, kWidth = 64;
  constexpr int kEpochs = 2;
  const double hidden = kObs * kWidth + kWidth * kWidth, policy = 2 * (hidden + 2 * kWidth),
               value = 2 * (hidden + kWidth);
  return policy + value + 3.0 * kEpochs * (policy + value);
}

void ppo(benchmark::State& state) {
  measure_runs(state, "ppo",
               {"steps=81920", "environments=4", "horizon=1024", "ppo.epochs=2", "ppo.minibatch=256"}, kSteps,
               flops_per_step());
}
BENCHMARK(ppo)->Name("ppo/pendulum")->UseManualTime()->Iterations(20)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mbrl
