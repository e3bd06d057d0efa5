// What mbrl plan can plan on: every environment on its own dynamics, and those whose equations and costs are
// written down with derivatives, too.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mbrl/core/thread_pool.hpp"
#include "mbrl/env/registry.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/registry/known_dynamics.hpp"
#include "mbrl/task/switchable_cost.hpp"

namespace mbrl::cli {

// Every setting of mbrl plan.
struct PlanConfiguration {
  KnownPlannerSettings planner;
  MpcSettings mpc;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    KnownPlannerSettings::describe(s.planner, field);
    field("mpc", s.mpc, "how plans are executed");
  }
};

// A planner in its loop on the dynamics of one environment.
struct PlanController {
  using Planner = AnyPlanner<Vecd, double>;
  Mpc<Planner> mpc;
  std::function<Vecd(const AnyEnvironment&)> state;  // what it plans from
  std::function<std::vector<double>(Planner&)>
      cost_per_iteration;  // of the last plan, iLQR's and DDP's alone

  std::shared_ptr<Vecd> observation{};  // where proposals look for it

  const Vecd& act(const AnyEnvironment& env, const Vecd& obs) {
    if (observation) *observation = obs;
    return mpc.act(state(env));
  }
};

Vecd physics_state(const AnyEnvironment& env);

// Planners over dynamics and cost that are written down; their state is the environment's physical state.
template <class Model, class Cost>
PlanController known_controller(const Model& model, const Cost& cost, const ActionBounds& bounds,
                                const PlanConfiguration& c, std::uint64_t seed, ThreadPool& pool) {
  const KnownPlannerRegistry<Model, Cost> registry;
  return {Mpc(registry.make(model, cost, bounds, c.planner, seed, pool), bounds, c.mpc, seed), physics_state,
          KnownPlannerRegistry<Model, Cost>::cost_per_iteration};
}

struct PlanTask {
  std::function<AnyEnvironment()> make;
  std::function<PlanController(const PlanConfiguration&, std::uint64_t seed, ThreadPool&)> controller;
  // Unless the user says otherwise:
  int horizon = 30;                         // steps a plan looks ahead
  CemSettings cem = {};                     // population and elites are the budget's
  std::optional<SwitchableCost> cost = {};  // with derivatives, where it is written down
};

class LearnedTerminal;

// Throws for an unknown environment; its `controller` throws for a planner that the environment cannot serve. With a
// `terminal`, planners that sample alone: in the environment itself, with its value beyond the horizon and its policy's
// proposals.
PlanTask plan_task(const std::string& environment,
                   const std::shared_ptr<const LearnedTerminal>& terminal = {});

}  // namespace mbrl::cli
