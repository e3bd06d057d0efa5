// PPO on one thread, environment and all: Pendulum-v1, 4 environments x 1024 steps an iteration, two epochs in
// minibatches of 256, 2 x 64 networks. Counters: steps_per_s of the fastest repetition; GFLOP/s of the networks'
// products alone, in what the algorithm asks for (actions, values, and forward and backward passes of both networks in
// each epoch: 122 kFLOP a step); fraction_of_peak, of the largest multiply-add peak that one thread reached between the
// repetitions. Times are those that the process had on the core (own_time.hpp).
#include <benchmark/benchmark.h>

#include <algorithm>

#include "mbrl/algorithms/built_in/built_in.hpp"
#include "mbrl/algorithms/load_run.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#include "own_time.hpp"

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
  Registries registries;
  registries.environments.add(Pendulum().spec(), [] { return AnyEnvironment(Pendulum()); });
  register_built_in_algorithms(registries.algorithms);
  RunConfiguration run{.algorithm = "ppo", .environment = "Pendulum-v1", .seed = 1, .eval = {}, .own = {}};
  run.own = registries.algorithms.at("ppo").defaults(Pendulum().spec());
  for (const char* assignment :
       {"steps=81920", "environments=4", "horizon=1024", "ppo.epochs=2", "ppo.minibatch=256"})
    set_assignment(run, assignment);
  ThreadPool one(1);
  RunObserver silent;
  double peak = 0, fastest = 0;
  for (auto _ : state) {
    peak = std::max(peak, own_fma_peak());
    AnyAlgorithm algorithm = make_algorithm(run, registries, one);
    const double start = own_seconds();
    algorithm.run(silent);
    const double seconds = own_seconds() - start;
    fastest = std::max(fastest, kSteps / seconds);
    state.SetIterationTime(seconds);
  }
  state.counters["steps_per_s"] = fastest;
  state.counters["GFLOP/s"] = fastest * flops_per_step() * 1e-9;
  state.counters["fraction_of_peak"] = fastest * flops_per_step() / peak;
}
BENCHMARK(ppo)->Name("ppo/pendulum")->UseManualTime()->Iterations(20)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mbrl
