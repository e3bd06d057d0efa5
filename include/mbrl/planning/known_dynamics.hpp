// Planners by name for dynamics and cost that are written down: those that sample and those that use
// derivatives, for the same problem.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/planning/collocation_planner.hpp"
#include "mbrl/planning/cost_reward.hpp"
#include "mbrl/planning/gradient_planner.hpp"
#include "mbrl/planning/ilqr_planner.hpp"
#include "mbrl/planning/registry.hpp"
#include "mbrl/rollout/any_rollout.hpp"

namespace mbrl {

// Which planner, how far it looks, and the settings of each.
struct KnownPlannerSettings {
  int horizon = 30;                       // steps a plan looks ahead, whichever the planner
  PlannerSettings sampling = {};          // name: one of these, or gradient, ilqr, ddp, collocation
  GradientPlannerSettings gradient = {};  // Adam on the actions (its horizon is the one above)
  IlqrSettings ilqr = {};                 // iLQR and DDP (which of the two is the name's choice)
  CollocationSettings collocation = {};   // direct collocation, one segment a control step

  // The sampling planners' settings are not nested: icem.population, as everywhere.
  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("horizon", s.horizon, "steps a plan looks ahead");
    PlannerSettings::describe(s.sampling, field);
    field("gradient", s.gradient, "Adam on the actions");
    field("ilqr", s.ilqr, "iLQR and DDP");
    field("collocation", s.collocation, "direct collocation, one segment a control step");
  }
};

// A planner that brings the evaluator it plans through.
template <RolloutEvaluator E>
class OwningPlanner {
 public:
  using Scalar = typename E::Scalar;
  using State = typename E::State;

  OwningPlanner(E evaluator, const ActionBounds& bounds, const PlannerSettings& settings, std::uint64_t seed)
      : evaluator_(std::make_unique<E>(std::move(evaluator))),
        planner_(make_planner(*evaluator_, bounds, settings, seed)) {}

  ActionPlan<Scalar> plan(const State& state, int t) { return planner_.plan(state, t); }
  void plan(const State& state, int t, ActionPlan<Scalar>& result) { planner_.plan(state, t, result); }
  void set_deadline(const Deadline& deadline) { planner_.set_deadline(deadline); }
  void advance(int steps) { planner_.advance(steps); }
  void reset() { planner_.reset(); }
  void save(StateDict& out, const std::string& prefix) const { planner_.save(out, prefix); }
  void load(const StateDict& in, const std::string& prefix) { planner_.load(in, prefix); }

  E& evaluator() { return *evaluator_; }
  AnyPlanner<State, Scalar>& planner() { return planner_; }

 private:
  std::unique_ptr<E> evaluator_;
  AnyPlanner<State, Scalar> planner_;
};

// Name -> factory, for one type of dynamics and cost. Starts with the library's planners; users add theirs. A
// planner whose derivatives the dynamics do not offer throws when it is made, and says what is missing.
template <DynamicsModel Model, TrajectoryCost Cost>
  requires std::same_as<typename Model::Scalar, double>
class KnownPlannerRegistry {
 public:
  using Any = AnyPlanner<Vecd, double>;
  using Factory =
      std::function<Any(const Model& model, const Cost& cost, const ActionBounds& bounds,
                        const KnownPlannerSettings& settings, std::uint64_t seed, ThreadPool& pool)>;

  KnownPlannerRegistry() {
    for (const std::string& name : PlannerRegistry<AnyRollout<Vecd, double>>().names())
      add(name, [name](const Model& model, const Cost& cost, const ActionBounds& bounds,
                       const KnownPlannerSettings& settings, std::uint64_t seed, ThreadPool& pool) {
        PlannerSettings sampling = settings.sampling;
        sampling.name = name;
        AnyRollout<Vecd, double> rollout(cost_rollout(model, cost, {.horizon = settings.horizon}, pool));
        return Any(OwningPlanner(std::move(rollout), bounds, sampling, seed));
      });
    add("gradient",
        [](const Model& model, const Cost& cost, const ActionBounds& bounds,
           const KnownPlannerSettings& settings, std::uint64_t seed, ThreadPool& pool) -> Any {
          if constexpr (DifferentiableModel<Model>) {
            GradientPlannerSettings gradient = settings.gradient;
            gradient.horizon = settings.horizon;
            return Any(GradientPlanner(model, cost, bounds, gradient, seed, pool));
          } else {
            no_derivatives("gradient");
          }
        });
    add("ilqr",
        [](const Model& model, const Cost& cost, const ActionBounds& bounds,
           const KnownPlannerSettings& settings, std::uint64_t, ThreadPool&) -> Any {
          if constexpr (DifferentiableModel<Model>)
            return ilqr(model, cost, bounds, settings, false);
          else
            no_derivatives("ilqr");
        });
    add("ddp",
        [](const Model& model, const Cost& cost, const ActionBounds& bounds,
           const KnownPlannerSettings& settings, std::uint64_t, ThreadPool&) -> Any {
          if constexpr (TwiceDifferentiableModel<Model>)
            return ilqr(model, cost, bounds, settings, true);
          else if constexpr (DifferentiableModel<Model>)
            fail(
                "planners: 'ddp' needs second derivatives of the dynamics (weighted_hessian), which these do "
                "not offer; "
                "wrap them in HessianByDifferences, or take ilqr");
          else
            no_derivatives("ddp");
        });
    add("collocation",
        [](const Model& model, const Cost& cost, const ActionBounds& bounds,
           const KnownPlannerSettings& settings, std::uint64_t, ThreadPool&) -> Any {
          if constexpr (requires { AnalyticFlow(model.system()), model.integrator().dt; })
            return Any(step_collocation(AnalyticFlow(model.system()), cost, model.integrator().dt,
                                        settings.horizon, bounds, settings.collocation));
          else
            fail(
                "planners: 'collocation' needs equations of motion in continuous time (AnalyticModel), which "
                "these dynamics are not; take ilqr, or one that samples");
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

  // The planner `settings.sampling.name`; throws with the known names if there is none. The pool must outlive
  // it.
  Any make(const Model& model, const Cost& cost, const ActionBounds& bounds,
           const KnownPlannerSettings& settings, std::uint64_t seed, ThreadPool& pool) const {
    const auto it = factories_.find(settings.sampling.name);
    if (it == factories_.end()) unknown_planner(settings.sampling.name, names());
    return it->second(model, cost, bounds, settings, seed, pool);
  }

  // Costs after each iteration of the last plan, the initial one first; empty for planners that do not
  // descend.
  static std::vector<double> cost_per_iteration([[maybe_unused]] Any& planner) {
    std::vector<double> costs;
    if constexpr (DifferentiableModel<Model>)
      if (const auto* ilqr = planner.template target<IlqrPlanner<Model, Cost>>()) {
        costs.push_back(ilqr->solver().report().initial_cost);
        for (const IlqrIteration& iteration : ilqr->solver().trace()) costs.push_back(iteration.cost);
      }
    return costs;
  }

 private:
  static Any ilqr(const Model& model, const Cost& cost, const ActionBounds& bounds,
                  const KnownPlannerSettings& settings, bool second_order) {
    IlqrSettings ilqr = settings.ilqr;
    ilqr.second_order = second_order;
    const auto middle = [&](std::size_t i) { return 0.5 * (bounds.low[i] + bounds.high[i]); };
    bounds.validate("planners", static_cast<int>(model.action_dim()));
    Vecd start(model.action_dim());
    for (Index i = 0; i < start.size(); ++i) start(i) = middle(static_cast<std::size_t>(i));
    return Any(IlqrPlanner(model, cost, settings.horizon, ilqr, bounds, start));
  }
  [[noreturn]] static void no_derivatives(const std::string& name) {
    fail("planners: '", name,
         "' needs derivatives of the dynamics (linearize), which these do not offer; "
         "wrap them in FiniteDifferenceModel, or take one that samples: rs, cem, icem, mppi, pddm, cmaes");
  }

  std::map<std::string, Factory> factories_;
};

// One of the library's planners by name.
template <DynamicsModel Model, TrajectoryCost Cost>
AnyPlanner<Vecd, double> make_known_planner(const Model& model, const Cost& cost, const ActionBounds& bounds,
                                            const KnownPlannerSettings& settings, std::uint64_t seed,
                                            ThreadPool& pool) {
  return KnownPlannerRegistry<Model, Cost>().make(model, cost, bounds, settings, seed, pool);
}

}  // namespace mbrl
