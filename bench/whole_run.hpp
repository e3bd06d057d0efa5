// A whole learning run on the pendulum by name, on one thread: environment and all, in the time that the process had on
// the core (own_time.hpp). Counters: steps_per_s of the fastest run, GFLOP/s, fraction_of_peak.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <initializer_list>
#include <string>

#include "mbrl/algorithms/built_in/built_in.hpp"
#include "mbrl/algorithms/load_run.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#include "own_time.hpp"

namespace mbrl {

/// Runs of `steps` steps, each worth `flops_per_step` of the networks' products, once an iteration.
inline void measure_runs(benchmark::State& state, const std::string& algorithm_name,
                         std::initializer_list<const char*> assignments, double steps,
                         double flops_per_step) {
  Registries registries;
  registries.environments.add(Pendulum().spec(), [] { return AnyEnvironment(Pendulum()); });
  register_built_in_algorithms(registries.algorithms);
  RunConfiguration run{
      .algorithm = algorithm_name, .environment = "Pendulum-v1", .seed = 1, .eval = {}, .own = {}};
  run.own = registries.algorithms.at(algorithm_name).defaults(Pendulum().spec());
  for (const char* assignment : assignments) set_assignment(run, assignment);
  ThreadPool one(1);
  RunObserver silent;
  double peak = 0, fastest = 0;
  for (auto _ : state) {
    peak = std::max(peak, own_fma_peak());
    AnyAlgorithm algorithm = make_algorithm(run, registries, one);
    const double start = own_seconds();
    algorithm.run(silent);
    const double seconds = own_seconds() - start;
    fastest = std::max(fastest, steps / seconds);
    state.SetIterationTime(seconds);
  }
  state.counters["steps_per_s"] = fastest;
  state.counters["GFLOP/s"] = fastest * flops_per_step * 1e-9;
  state.counters["fraction_of_peak"] = fastest * flops_per_step / peak;
}

}  // namespace mbrl
