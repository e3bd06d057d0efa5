#include "mbrl/algorithms/planning/ensemble_gradient.hpp"

#include "mbrl/core/error.hpp"

namespace mbrl {
namespace {

const std::shared_ptr<const MlpEnsemble>& kept_by(const AnyEnsembleEvaluator& evaluator,
                                                  const EnvSpec& spec) {
  require(spec.choices == 0, "gradient: ", spec.name, " has choices, expected real actions");
  require(static_cast<bool>(spec.reward), "gradient: ", spec.name,
          " has no reward that a planner can compute, expected one in its specification");
  require(evaluator.model() != nullptr, "gradient: the evaluator keeps no model to descend in");
  require(!evaluator.model()->settings.learned_reward,
          "gradient: model.learned_reward is true, expected false: it descends in the environment's own");
  return evaluator.model();
}

GradientPlannerSettings looking(GradientPlannerSettings settings, int horizon) {
  settings.horizon = horizon;
  return settings;
}

}  // namespace

EnsembleGradient::EnsembleGradient(const AnyEnsembleEvaluator& evaluator, const EnvSpec& spec,
                                   const EnsembleGradientSettings& settings, std::uint64_t seed,
                                   ThreadPool& pool)
    : evaluator_(&evaluator),
      seen_(kept_by(evaluator, spec)),
      model_{std::make_shared<Shared::Inner>(EnsembleMeanModel(*seen_), spec.reward)},
      planner_(model_, EarnedCost(), action_bounds(spec), looking(settings, evaluator.horizon()), seed,
               pool) {}

ActionPlan<float> EnsembleGradient::plan(const Vecf& obs, int t) {
  if (seen_ != evaluator_->model()) {
    seen_ = evaluator_->model();
    model_.inner->set_model(EnsembleMeanModel(*seen_));
  }
  const ActionPlan<double> plan = planner_.plan(model_.inner->state(obs.cast<double>(), t), t);
  ActionPlan<float> out;
  out.actions = plan.actions.cast<float>();
  out.predicted_return = static_cast<float>(plan.predicted_return);
  out.report = plan.report;
  return out;
}

}  // namespace mbrl
