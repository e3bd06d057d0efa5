// Sampling planners over a model that costs next to nothing, at an equal number of rollouts: what is timed is
// the planners' own work, their random numbers and their updates.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <string>

#include "mbrl/planning/registry/registry.hpp"
#include "mbrl/rollout/model_rollout.hpp"

namespace mbrl {
namespace {

constexpr int kHorizon = 30, kActions = 6;

// Six carts on six lines: position and velocity, driven by a force each.
struct Carts {
  using Scalar = float;
  struct Workspace {};
  int obs_dim() const { return 2 * kActions; }
  int action_dim() const { return kActions; }
  void step(ConstBatchRef<float> obs, ConstBatchRef<float> action, BatchRef<float> next, Workspace&) const {
    next.topRows(kActions) = obs.topRows(kActions) + 0.1f * obs.bottomRows(kActions);
    next.bottomRows(kActions) = obs.bottomRows(kActions) + 0.1f * action;
  }
};

struct Distance {
  void operator()(ConstBatchRef<float>, ConstBatchRef<float> action, ConstBatchRef<float> next, int,
                  VecRef<float> out) const {
    out = -(next.colwise().squaredNorm() + 0.1f * action.colwise().squaredNorm()).transpose();
  }
};

// About 1024 rollouts a plan; nothing stops early.
PlannerSettings equal_budget(const char* name) {
  PlannerSettings s;
  s.name = name;
  s.rs.population = 1024;
  s.cem = {.population = 256, .elites = 25, .iterations = 4, .epsilon = 0.0};
  s.icem.population = 256;
  s.icem.elites = 25;
  s.icem.decay = 1.0;
  s.icem.stop_std = 0.0;
  s.mppi.population = 256;
  s.pddm.population = 1024;
  s.cmaes.population = 128;
  s.cmaes.iterations = 8;
  s.cmaes.stop_std = 0.0;
  return s;
}

void plan(benchmark::State& state, const PlannerSettings& settings) {
  ThreadPool pool(1);
  ModelRollout<Carts, Distance> rollout({}, {}, {kHorizon}, pool);
  auto planner = make_planner(rollout, ActionBounds::uniform(kActions, -1, 1), settings, 1);
  const Vecf obs = Vecf::Ones(2 * kActions);
  ActionPlan<float> plan;
  std::int64_t rollouts = 0;
  for (auto _ : state) {
    planner.plan(obs, 0, plan);
    planner.advance(1);
    rollouts += plan.report.rollouts;
    benchmark::DoNotOptimize(plan.actions.data());
  }
  state.counters["rollouts"] = static_cast<double>(rollouts) / static_cast<double>(state.iterations());
  state.counters["rollouts/s"] =
      benchmark::Counter(static_cast<double>(rollouts), benchmark::Counter::kIsRate);
}

const bool registered = [] {
  for (const char* name : {"rs", "cem", "icem", "mppi", "pddm", "cmaes"})
    benchmark::RegisterBenchmark((std::string("plan/carts_1024x30/") + name).c_str(), plan,
                                 equal_budget(name))
        ->Unit(benchmark::kMillisecond);
  PlannerSettings full = equal_budget("cmaes");
  full.cmaes.separable = false;
  benchmark::RegisterBenchmark("plan/carts_1024x30/cmaes_full", plan, full)->Unit(benchmark::kMillisecond);
  return true;
}();

}  // namespace
}  // namespace mbrl
