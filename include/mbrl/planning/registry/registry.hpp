// Planners by name, for settings files and command lines. The library's own are compiled in the library, once
// for all evaluators: whoever makes them by name does not compile them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/planning/any_planner.hpp"
#include "mbrl/planning/planner_settings.hpp"
#include "mbrl/planning/registry/opaque_rollout.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

/// The names of the library's planners, in order.
const std::vector<std::string>& planner_names();
[[noreturn]] void unknown_planner(const std::string& name, const std::vector<std::string>& known);

namespace detail {
// The planner `settings.name`, where actions are choices one that plans choices: CategoricalCem for cem,
// random shooting for rs; the others plan numbers, which are rounded before they are evaluated.
AnyPlanner<OpaqueState, float> make_planner(OpaqueRollout<float> rollout, const ActionBounds& bounds,
                                            const PlannerSettings& settings, std::uint64_t seed);
AnyPlanner<OpaqueState, double> make_planner(OpaqueRollout<double> rollout, const ActionBounds& bounds,
                                             const PlannerSettings& settings, std::uint64_t seed);

// Such a planner for the states of an evaluator.
template <class StateType, class S>
class OpaquePlanner {
 public:
  using Scalar = S;
  using State = StateType;

  explicit OpaquePlanner(AnyPlanner<OpaqueState, S> planner) : planner_(std::move(planner)) {}
  ActionPlan<S> plan(const State& state, int t) { return planner_.plan({&state}, t); }
  void plan(const State& state, int t, ActionPlan<S>& result) { planner_.plan({&state}, t, result); }
  void set_deadline(const Deadline& deadline) { planner_.set_deadline(deadline); }
  void advance(int steps) { planner_.advance(steps); }
  void reset() { planner_.reset(); }
  void save(StateDict& out, const std::string& prefix) const { planner_.save(out, prefix); }
  void load(const StateDict& in, const std::string& prefix) { planner_.load(in, prefix); }

 private:
  AnyPlanner<OpaqueState, S> planner_;
};
}  // namespace detail

/// One of the library's planners by name; throws with the known names if there is none. The evaluator must
/// outlive it.
template <RolloutEvaluator E>
AnyPlanner<typename E::State, typename E::Scalar> make_planner(E& evaluator, const ActionBounds& bounds,
                                                               const PlannerSettings& settings,
                                                               std::uint64_t seed) {
  using State = typename E::State;
  using Scalar = typename E::Scalar;
  return AnyPlanner<State, Scalar>(detail::OpaquePlanner<State, Scalar>(
      detail::make_planner(OpaqueRollout<Scalar>(evaluator), bounds, settings, seed)));
}

/// Name -> factory, for one type of evaluator. Starts with the library's planners; users add theirs.
template <RolloutEvaluator E>
class PlannerRegistry {
 public:
  using Any = AnyPlanner<typename E::State, typename E::Scalar>;
  using Factory = std::function<Any(E& evaluator, const ActionBounds& bounds, const PlannerSettings& settings,
                                    std::uint64_t seed)>;

  PlannerRegistry() {
    for (const std::string& name : planner_names())
      add(name, [name](E& e, const ActionBounds& b, const PlannerSettings& s, std::uint64_t seed) {
        PlannerSettings named = s;
        named.name = name;
        return make_planner(e, b, named, seed);
      });
  }

  /// Throws if the name is taken.
  void add(const std::string& name, Factory factory) {
    require(factories_.emplace(name, std::move(factory)).second, "planners: '", name,
            "' is registered already");
  }

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [name, factory] : factories_) all.push_back(name);
    return all;
  }

  /// The planner `settings.name`; throws with the known names if there is none. The evaluator must outlive it.
  Any make(E& evaluator, const ActionBounds& bounds, const PlannerSettings& settings,
           std::uint64_t seed) const {
    const auto it = factories_.find(settings.name);
    if (it == factories_.end()) unknown_planner(settings.name, names());
    return it->second(evaluator, bounds, settings, seed);
  }

 private:
  std::map<std::string, Factory> factories_;
};

}  // namespace mbrl
