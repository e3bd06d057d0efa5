// Plans under a deadline on the wall clock: how many of every planner's were late, how long they took and how
// many rollouts they were made of. HalfCheetah-v4 in its simulator (where MuJoCo is built) and a cart-pole of
// closed form. A loaded machine makes plans late: close other programs first. What cannot be closed, a host's other
// guests, is measured: before and behind every plan a fixed piece of arithmetic is timed, and a plan is `disturbed`
// if one of the two took over twice their median. `late_undisturbed` counts the late ones among the others, and
// `p99_undisturbed/deadline` is theirs.
//   mbrl_bench --benchmark_filter=deadline                      1000 plans of each
//   MBRL_DEADLINE_PLANS=10000 mbrl_bench --benchmark_filter=deadline/half_cheetah/cem
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/core/deadline.hpp"
#include "mbrl/core/latency_recorder.hpp"
#include "mbrl/env/registry.hpp"
#include "mbrl/models/analytic/analytic_model.hpp"
#include "mbrl/models/analytic/systems.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/registry/known_dynamics.hpp"
#include "mbrl/planning/registry/registry.hpp"
#include "mbrl/rollout/any_rollout.hpp"
#include "mbrl/rollout/simulator_rollout.hpp"
#include "median.hpp"
#if MBRL_HAS_MUJOCO
#include "mbrl/mujoco/environments.hpp"
#endif

namespace mbrl {
namespace {

int plans() {
  const char* given = std::getenv("MBRL_DEADLINE_PLANS");
  return given != nullptr ? std::atoi(given) : 1000;
}

// Seconds that a fixed piece of arithmetic takes, some 50 microseconds.
double probe() {
  const double start = steady_seconds();
  double x = 0.5;
  for (int i = 0; i < 4000; ++i) benchmark::DoNotOptimize(x = 3.9 * x * (1.0 - x));
  return steady_seconds() - start;
}

// Defaults: more than there is time for at the shorter deadlines.
template <class Planner, class Step>
void report(benchmark::State& state, Planner planner, double deadline, Step&& step) {
  Mpc mpc(std::move(planner), {.deadline = deadline});
  double rollouts = 0, iterations = 0;
  std::vector<double> probes{probe()}, seconds;
  for (auto _ : state) {
    const double before = mpc.latency().total();
    step(mpc);
    seconds.push_back(mpc.latency().total() - before);
    probes.push_back(probe());
    rollouts += static_cast<double>(mpc.last_plan().report.rollouts);
    iterations += mpc.last_plan().report.iterations;
  }
  const double slow = 2 * median(probes);
  LatencyRecorder undisturbed;
  for (std::size_t i = 0; i < seconds.size(); ++i)
    if (probes[i] <= slow && probes[i + 1] <= slow) undisturbed.add(seconds[i], deadline);
  const auto count = static_cast<double>(mpc.latency().count());
  state.counters["disturbed"] = static_cast<double>(seconds.size() - undisturbed.count());
  state.counters["late_undisturbed"] = static_cast<double>(undisturbed.missed());
  state.counters["p99_undisturbed/deadline"] = undisturbed.p99() / deadline;
  state.counters["late"] = static_cast<double>(mpc.latency().missed());
  state.counters["p50_ms"] = 1e3 * mpc.latency().p50();
  state.counters["p99_ms"] = 1e3 * mpc.latency().p99();
  state.counters["p99/deadline"] = mpc.latency().p99() / deadline;
  state.counters["rollouts"] = rollouts / count;
  state.counters["iterations"] = iterations / count;
}

void cart_pole(benchmark::State& state, const std::string& name, double deadline) {
  ThreadPool pool(static_cast<int>(state.range(0)));
  const AnalyticModel model(CartPoleSystem{}, {.dt = 0.05});
  Batchd q = Batchd::Identity(4, 4);
  const QuadraticCost cost(q, 0.01 * Batchd::Identity(1, 1), 10 * q, Vecd::Zero(4));
  Vecd x = Vecd::Zero(4), next(4);
  x(1) = 3.0;
  AnalyticModel<CartPoleSystem>::Workspace workspace;
  const KnownPlannerRegistry<AnalyticModel<CartPoleSystem>, QuadraticCost> registry;
  KnownPlannerSettings settings{.horizon = 40};
  settings.sampling.name = name;
  report(state, registry.make(model, cost, ActionBounds::uniform(1, -20, 20), settings, 1, pool), deadline,
         [&](auto& mpc) {
           model.step(x, mpc.act(x), next, workspace);
           x = next.allFinite() ? next : Vecd::Zero(4);
         });
}

#if MBRL_HAS_MUJOCO
void half_cheetah(benchmark::State& state, const std::string& name, double deadline) {
  ThreadPool pool(static_cast<int>(state.range(0)));
  EnvRegistry registry;
  mujoco::register_environments(registry);
  const auto make = [&] { return registry.make("HalfCheetah-v4"); };
  AnyEnvironment env = make();
  SimulatorRollout<AnyEnvironment> rollout(make, {.horizon = 30}, pool);
  env.reset(1);
  const ActionBounds bounds(env.spec().action_low, env.spec().action_high);
  report(state, make_planner(rollout, bounds, {.name = name}, 1), deadline, [&](auto& mpc) {
    if (env.step(mpc.act(env.state())).truncated) env.reset(1);
  });
}
#endif

const bool registered = [] {
  using Benchmark = void (*)(benchmark::State&, const std::string&, double);
  const std::vector<std::string> sampling = {"rs", "cem", "icem", "mppi", "pddm", "cmaes"};
  const auto add = [](const std::string& system, const std::vector<std::string>& names, Benchmark body) {
    for (const std::string& name : names)
      for (const int ms : {5, 10, 50})
        benchmark::RegisterBenchmark(
            ("deadline/" + system + "/" + name + "/ms:" + std::to_string(ms)).c_str(),
            [=](benchmark::State& state) { body(state, name, 1e-3 * ms); })
            ->ArgName("threads")
            ->Arg(1)
            ->Arg(2)
            ->Iterations(plans())
            ->UseRealTime()
            ->Unit(benchmark::kMillisecond);
  };
  add("cart_pole", sampling, cart_pole);
  add("cart_pole", {"gradient", "ilqr", "ddp"}, cart_pole);
#if MBRL_HAS_MUJOCO
  add("half_cheetah", sampling, half_cheetah);
#endif
  return true;
}();

}  // namespace
}  // namespace mbrl
