// Planners by name for dynamics and cost that are written down: those that sample and those that use
// derivatives, for the same problem.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/planning/registry/registry.hpp"
#include "mbrl/planning/trajectory/collocation_planner.hpp"
#include "mbrl/planning/trajectory/cost_reward.hpp"
#include "mbrl/planning/trajectory/gradient_planner.hpp"
#include "mbrl/planning/trajectory/ilqr_planner.hpp"
#include "mbrl/planning/trajectory/multi_start.hpp"
#include "mbrl/planning/trajectory/refined_planner.hpp"
#include "mbrl/rollout/any_rollout.hpp"

namespace mbrl {

/// Which planner, how far it looks, and the settings of each.
struct KnownPlannerSettings {
  int horizon = 30;                       // steps a plan looks ahead, whichever the planner
  PlannerSettings sampling = {};          // name: one of these, or gradient, ilqr, ddp, collocation, or one
                                          // of each: icem+ilqr
  MultiStartSettings starts = {};         // of all planners that descend
  GradientPlannerSettings gradient = {};  // descent on the actions (its horizon and starts are those above)
  IlqrSettings ilqr = {};                 // iLQR and DDP (which of the two is the name's choice)
  // direct collocation, one segment a control step; what it starts from obeys the dynamics already
  CollocationSettings collocation = {.solver = {.initial_penalty = 1000}};

  /// The sampling planners' settings are not nested: icem.population, as everywhere.
  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("horizon", s.horizon, "steps a plan looks ahead");
    PlannerSettings::describe(s.sampling, field);
    field("starts", s.starts, "what planners that descend start from");
    field("gradient", s.gradient, "descent on the actions");
    field("ilqr", s.ilqr, "iLQR and DDP");
    field("collocation", s.collocation, "direct collocation, one segment a control step");
  }
};

/// A planner that brings the evaluator it plans through.
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

/// Name -> factory, for one type of dynamics and cost. Starts with the library's planners; users add theirs. A
/// planner whose derivatives the dynamics do not offer throws when it is made, and says what is missing. Any
/// sampling planner can be refined by one that descends: "icem+ilqr" (RefinedPlanner).
template <DynamicsModel Model, TrajectoryCost Cost>
  requires std::same_as<typename Model::Scalar, double>
class KnownPlannerRegistry {
 public:
  using Any = AnyPlanner<Vecd, double>;
  using Factory =
      std::function<Any(const Model& model, const Cost& cost, const ActionBounds& bounds,
                        const KnownPlannerSettings& settings, std::uint64_t seed, ThreadPool& pool)>;

  KnownPlannerRegistry() {
    for (const std::string& name : sampling_names())
      add(name, [name](const Model& model, const Cost& cost, const ActionBounds& bounds,
                       const KnownPlannerSettings& settings, std::uint64_t seed, ThreadPool& pool) {
        return Any(sampler(name, model, cost, bounds, settings, seed, pool));
      });
    for (const char* name : {"gradient", "ilqr", "ddp", "collocation"})
      add(name, [name = std::string(name)](const Model& model, const Cost& cost, const ActionBounds& bounds,
                                           const KnownPlannerSettings& settings, std::uint64_t seed,
                                           ThreadPool& pool) {
        return with_local(name, model, cost, bounds, settings, seed, pool,
                          [](auto local) { return Any(std::move(local)); });
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

  /// The planner `settings.sampling.name`; throws with the known names if there is none. The pool must outlive
  /// it.
  Any make(const Model& model, const Cost& cost, const ActionBounds& bounds,
           const KnownPlannerSettings& settings, std::uint64_t seed, ThreadPool& pool) const {
    const std::string& name = settings.sampling.name;
    const auto it = factories_.find(name);
    if (it != factories_.end()) return it->second(model, cost, bounds, settings, seed, pool);
    const std::size_t plus = name.find('+');
    if (plus == std::string::npos) unknown_planner(name, names());
    const std::string first = name.substr(0, plus), second = name.substr(plus + 1);
    const std::vector<std::string> samplers = sampling_names();
    require(std::find(samplers.begin(), samplers.end(), first) != samplers.end() &&
                (second == "gradient" || second == "ilqr" || second == "ddp" || second == "collocation"),
            "planners: '", name,
            "' is not a planner that samples, +, and one that descends, such as icem+ilqr or cem+gradient");
    return with_local(second, model, cost, bounds, settings, seed, pool, [&](auto local) {
      return Any(RefinedPlanner(sampler(first, model, cost, bounds, settings, seed, pool), std::move(local)));
    });
  }

  /// Costs after each iteration of the last plan, the initial one first; empty for planners that do not
  /// descend.
  static std::vector<double> cost_per_iteration([[maybe_unused]] Any& planner) {
    std::vector<double> costs;
    if constexpr (DifferentiableModel<Model>) {
      using Ilqr = IlqrPlanner<Model, Cost>;
      const auto* refined = planner.template target<RefinedPlanner<Sampler, Ilqr>>();
      if (const Ilqr* ilqr = refined ? &refined->local() : planner.template target<Ilqr>()) {
        costs.push_back(ilqr->solver().report().initial_cost);
        for (const IlqrIteration& iteration : ilqr->solver().trace()) costs.push_back(iteration.cost);
      }
    }
    return costs;
  }

 private:
  using Sampler = OwningPlanner<AnyRollout<Vecd, double>>;

  static std::vector<std::string> sampling_names() {
    return PlannerRegistry<AnyRollout<Vecd, double>>().names();
  }
  static Sampler sampler(const std::string& name, const Model& model, const Cost& cost,
                         const ActionBounds& bounds, const KnownPlannerSettings& settings, std::uint64_t seed,
                         ThreadPool& pool) {
    PlannerSettings sampling = settings.sampling;
    sampling.name = name;
    return Sampler(AnyRollout<Vecd, double>(cost_rollout(model, cost, {.horizon = settings.horizon}, pool)),
                   bounds, sampling, seed);
  }

  // Calls `use` with the planner of that name, which descends.
  template <class Use>
  static Any with_local(const std::string& name, const Model& model, const Cost& cost,
                        const ActionBounds& bounds, const KnownPlannerSettings& settings, std::uint64_t seed,
                        ThreadPool& pool, const Use& use) {
    if (name == "collocation") {
      MultiStartSettings starts = settings.starts;
      if (settings.sampling.name != name) starts.starts = std::max(2, starts.starts);  // one is suggested
      if constexpr (requires { AnalyticFlow(model.system()), model.integrator().dt; })
        return use(step_collocation(AnalyticFlow(model.system()), cost, model.integrator().dt,
                                    settings.horizon, bounds, settings.collocation, starts, seed));
      else
        fail(
            "planners: 'collocation' needs equations of motion in continuous time (AnalyticModel), which "
            "these dynamics are not; take ilqr, or one that samples");
    }
    if constexpr (DifferentiableModel<Model>) {
      if (name == "gradient") {
        GradientPlannerSettings gradient = settings.gradient;
        gradient.horizon = settings.horizon;
        gradient.starts = settings.starts;
        return use(GradientPlanner(model, cost, bounds, gradient, seed, pool));
      }
      if (name == "ddp" && !TwiceDifferentiableModel<Model>)
        fail(
            "planners: 'ddp' needs second derivatives of the dynamics (weighted_hessian), which these do "
            "not offer; "
            "wrap them in HessianByDifferences, or take ilqr");
      IlqrSettings ilqr = settings.ilqr;
      ilqr.second_order = name == "ddp";
      bounds.validate("planners", static_cast<int>(model.action_dim()));
      const std::vector<double> mid = bounds.mid<double>();
      const Vecd start = Eigen::Map<const Vecd>(mid.data(), model.action_dim());
      return use(
          IlqrPlanner(model, cost, settings.horizon, ilqr, bounds, start, nullptr, settings.starts, seed));
    } else {
      no_derivatives(name);
    }
  }
  [[noreturn]] static void no_derivatives(const std::string& name) {
    fail("planners: '", name,
         "' needs derivatives of the dynamics (linearize), which these do not offer; "
         "wrap them in FiniteDifferenceModel, or take one that samples: rs, cem, icem, mppi, pddm, cmaes, "
         "mcts");
  }

  std::map<std::string, Factory> factories_;
};

/// One of the library's planners by name.
template <DynamicsModel Model, TrajectoryCost Cost>
AnyPlanner<Vecd, double> make_known_planner(const Model& model, const Cost& cost, const ActionBounds& bounds,
                                            const KnownPlannerSettings& settings, std::uint64_t seed,
                                            ThreadPool& pool) {
  return KnownPlannerRegistry<Model, Cost>().make(model, cost, bounds, settings, seed, pool);
}

}  // namespace mbrl
