// The library's planners by name, compiled here for every evaluator there may be.
#include "mbrl/planning/registry/registry.hpp"

#include <memory>

#include "mbrl/planning/sampling/categorical_cem.hpp"
#include "mbrl/planning/sampling/cem.hpp"
#include "mbrl/planning/sampling/cma_es_planner.hpp"
#include "mbrl/planning/sampling/icem.hpp"
#include "mbrl/planning/sampling/mppi.hpp"
#include "mbrl/planning/sampling/pddm.hpp"
#include "mbrl/planning/sampling/random_shooting.hpp"
#include "mbrl/planning/sampling/spline_cem.hpp"
#include "mbrl/planning/tree/mcts.hpp"

namespace mbrl {
namespace {

// A planner of one type and the rollout it plans through, which stays where it is.
template <template <class> class P, class S>
class Held {
 public:
  using Scalar = S;
  using State = OpaqueState;

  template <class Settings>
  Held(const OpaqueRollout<S>& rollout, ActionBounds bounds, const Settings& settings, std::uint64_t seed,
       bool round)
      : choices_(round ? bounds.choices : 0), rollout_(std::make_unique<OpaqueRollout<S>>(rollout)) {
    bounds.validate<S>("planners", rollout.action_dim());
    rollout_->set_choices(choices_);
    if (choices_ > 0) bounds = ActionBounds::uniform(bounds.dim(), -0.5, choices_ - 0.5);  // all as likely
    planner_ = std::make_unique<P<OpaqueRollout<S>>>(*rollout_, bounds, settings, seed);
  }
  ActionPlan<S> plan(const State& state, int t) {
    ActionPlan<S> result;
    plan(state, t, result);
    return result;
  }
  void plan(const State& state, int t, ActionPlan<S>& result) {
    planner_->plan(state, t, result);
    if (choices_ > 0)
      for (S& action : result.actions.reshaped()) action = nearest_choice(action, choices_);
  }
  void set_deadline(const Deadline& deadline) { planner_->set_deadline(deadline); }
  void advance(int steps) { planner_->advance(steps); }
  void reset() { planner_->reset(); }
  void save(StateDict& out, const std::string& prefix) const { planner_->save(out, prefix); }
  void load(const StateDict& in, const std::string& prefix) { planner_->load(in, prefix); }

 private:
  int choices_;
  std::unique_ptr<OpaqueRollout<S>> rollout_;
  std::unique_ptr<P<OpaqueRollout<S>>> planner_;
};

template <class S>
AnyPlanner<OpaqueState, S> make(const OpaqueRollout<S>& rollout, const ActionBounds& bounds,
                                const PlannerSettings& s, std::uint64_t seed) {
  const auto held = [&]<template <class> class P>(const auto& settings, bool round = true) {
    return AnyPlanner<OpaqueState, S>(Held<P, S>(rollout, bounds, settings, seed, round));
  };
  if (s.name == "rs") return held.template operator()<RandomShooting>(s.rs, false);
  if (s.name == "cem") {
    const bool splines = s.cem.spline.knots != 0;
    require(bounds.choices == 0 || !splines, "cem: spline.knots is ", s.cem.spline.knots,
            ", expected 0: actions that are choices cannot be interpolated");
    if (bounds.choices > 0) return held.template operator()<CategoricalCem>(s.cem, false);
    return splines ? held.template operator()<SplineCem>(s.cem) : held.template operator()<Cem>(s.cem);
  }
  if (s.name == "icem") return held.template operator()<ICem>(s.icem);
  if (s.name == "mppi") return held.template operator()<Mppi>(s.mppi);
  if (s.name == "pddm") return held.template operator()<Pddm>(s.pddm);
  if (s.name == "cmaes") return held.template operator()<CmaEsPlanner>(s.cmaes);
  if (s.name == "mcts") return held.template operator()<Mcts>(s.mcts, false);
  unknown_planner(s.name, planner_names());
}

}  // namespace

const std::vector<std::string>& planner_names() {
  static const std::vector<std::string> names = {"cem", "cmaes", "icem", "mcts", "mppi", "pddm", "rs"};
  return names;
}

void unknown_planner(const std::string& name, const std::vector<std::string>& known) {
  std::string list;
  for (const std::string& other : known) list += (list.empty() ? "" : ", ") + other;
  if (name == "gradient" || name == "ilqr" || name == "ddp" || name == "collocation" ||
      name.find('+') != std::string::npos)
    fail("planners: '", name, "' needs derivatives of the dynamics and the cost, which are not given here; ",
         "expected one of ", list);
  fail("planners: no planner named '", name, "', expected one of ", list);
}

AnyPlanner<OpaqueState, float> detail::make_planner(OpaqueRollout<float> rollout, const ActionBounds& bounds,
                                                    const PlannerSettings& settings, std::uint64_t seed) {
  return make(rollout, bounds, settings, seed);
}
AnyPlanner<OpaqueState, double> detail::make_planner(OpaqueRollout<double> rollout,
                                                     const ActionBounds& bounds,
                                                     const PlannerSettings& settings, std::uint64_t seed) {
  return make(rollout, bounds, settings, seed);
}

}  // namespace mbrl
