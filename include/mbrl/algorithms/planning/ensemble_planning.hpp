// What an algorithm offers that plans in an ensemble it has learned: its planner can be watched (`mbrl view`)
// and set beside others on its own data (`mbrl compare`).
#pragma once

#include <cstdint>

#include "mbrl/algorithms/capabilities.hpp"
#include "mbrl/algorithms/planning/any_ensemble_evaluator.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/planner_settings.hpp"
#include "mbrl/planning/registry/own_planners.hpp"

namespace mbrl {

struct EnsemblePlanningSettings {
  EnsembleRolloutSettings rollout;
  PlannerSettings planner;
  OwnPlanners own_planners;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("rollout", s.rollout, "how plans are evaluated in the model");
    field("planner", s.planner, "which planner, and the settings of each");
    field("planner", s.own_planners, "planners of the user's own");
  }
};

class EnsemblePlanning : public DataOwner {
 public:
  virtual EnsemblePlanningSettings planning() const = 0;
  virtual MpcSettings execution() const = 0;
  virtual std::uint64_t seed() const = 0;
  virtual ThreadPool& pool() = 0;
  /// Evaluators of plans in the model as it is now: the one the algorithm plans with, under other settings,
  /// and our own on the CPU, which can be asked for the particles' paths.
  virtual AnyEnsembleEvaluator evaluator(const EnsembleRolloutSettings& settings, std::uint64_t seed) = 0;
  virtual EnsembleRollout native_rollout() = 0;
};

/// iCEM with racing as good as the published CEM in the same model, at a fraction of its time (docs/results).
/// Many iterations with few candidates each; five particles, one a network, are enough once all candidates
/// share their noise.
inline EnsemblePlanningSettings matched_planning(EnsemblePlanningSettings run) {
  run.planner.name = "icem";
  run.planner.icem = {};
  run.planner.icem.population = 92;
  run.planner.icem.elites = 10;
  run.planner.icem.iterations = 7;
  run.planner.icem.decay = 1.0;
  run.planner.icem.initial_std = 0.4;
  run.rollout.common_noise = true;
  run.rollout.particles = 5;
  return run;
}

}  // namespace mbrl
