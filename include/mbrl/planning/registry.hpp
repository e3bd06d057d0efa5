// Planners by name, for settings files and command lines.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/planning/action_bounds.hpp"
#include "mbrl/planning/any_planner.hpp"
#include "mbrl/planning/cem.hpp"
#include "mbrl/planning/cma_es_planner.hpp"
#include "mbrl/planning/icem.hpp"
#include "mbrl/planning/mppi.hpp"
#include "mbrl/planning/pddm.hpp"
#include "mbrl/planning/random_shooting.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"

namespace mbrl {

// Which planner, and the settings of each.
struct PlannerSettings {
  std::string name = "icem";        // rs, cem, icem, mppi, pddm, cmaes
  RandomShootingSettings rs = {};   // random shooting
  CemSettings cem = {};             // the cross-entropy method of PETS
  ICemSettings icem = {};           // the frugal planner
  MppiSettings mppi = {};           // model-predictive path integral control
  PddmSettings pddm = {};           // smooth candidates weighted by their returns
  CmaEsPlannerSettings cmaes = {};  // covariance matrix adaptation

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("name", s.name, "planner: rs, cem, icem, mppi, pddm or cmaes");
    field("rs", s.rs, "random shooting");
    field("cem", s.cem, "the cross-entropy method of PETS");
    field("icem", s.icem, "the frugal planner");
    field("mppi", s.mppi, "model-predictive path integral control");
    field("pddm", s.pddm, "smooth candidates weighted by their returns");
    field("cmaes", s.cmaes, "covariance matrix adaptation");
  }
};

[[noreturn]] inline void unknown_planner(const std::string& name, const std::vector<std::string>& known) {
  std::string list;
  for (const std::string& other : known) list += (list.empty() ? "" : ", ") + other;
  if (name == "gradient" || name == "ilqr" || name == "ddp" || name == "collocation")
    fail("planners: '", name, "' needs derivatives of the dynamics and the cost, which are not given here; ",
         "expected one of ", list);
  fail("planners: no planner named '", name, "', expected one of ", list);
}

// Name -> factory, for one type of evaluator. Starts with the library's planners; users add theirs.
template <RolloutEvaluator E>
class PlannerRegistry {
 public:
  using Any = AnyPlanner<typename E::State, typename E::Scalar>;
  using Factory = std::function<Any(E& evaluator, const ActionBounds& bounds, const PlannerSettings& settings,
                                    std::uint64_t seed)>;

  PlannerRegistry() {
    add("rs", [](E& e, const ActionBounds& b, const PlannerSettings& s, std::uint64_t seed) {
      return Any(RandomShooting<E>(e, b, s.rs, seed));
    });
    add("cem", [](E& e, const ActionBounds& b, const PlannerSettings& s, std::uint64_t seed) {
      return Any(Cem<E>(e, b, s.cem, seed));
    });
    add("icem", [](E& e, const ActionBounds& b, const PlannerSettings& s, std::uint64_t seed) {
      return Any(ICem<E>(e, b, s.icem, seed));
    });
    add("mppi", [](E& e, const ActionBounds& b, const PlannerSettings& s, std::uint64_t seed) {
      return Any(Mppi<E>(e, b, s.mppi, seed));
    });
    add("pddm", [](E& e, const ActionBounds& b, const PlannerSettings& s, std::uint64_t seed) {
      return Any(Pddm<E>(e, b, s.pddm, seed));
    });
    add("cmaes", [](E& e, const ActionBounds& b, const PlannerSettings& s, std::uint64_t seed) {
      return Any(CmaEsPlanner<E>(e, b, s.cmaes, seed));
    });
  }

  // Throws if the name is taken.
  void add(const std::string& name, Factory factory) {
    require(factories_.emplace(name, std::move(factory)).second, "planners: '", name,
            "' is registered already");
  }

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [name, factory] : factories_) all.push_back(name);
    return all;
  }

  // The planner `settings.name`; throws with the known names if there is none. The evaluator must outlive it.
  Any make(E& evaluator, const ActionBounds& bounds, const PlannerSettings& settings,
           std::uint64_t seed) const {
    const auto it = factories_.find(settings.name);
    if (it == factories_.end()) unknown_planner(settings.name, names());
    return it->second(evaluator, bounds, settings, seed);
  }

 private:
  std::map<std::string, Factory> factories_;
};

// One of the library's planners by name.
template <RolloutEvaluator E>
AnyPlanner<typename E::State, typename E::Scalar> make_planner(E& evaluator, const ActionBounds& bounds,
                                                               const PlannerSettings& settings,
                                                               std::uint64_t seed) {
  return PlannerRegistry<E>().make(evaluator, bounds, settings, seed);
}

}  // namespace mbrl
