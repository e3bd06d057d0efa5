// The gradient planner in an ensemble that is learned: Adam on the actions, through the networks' mean prediction and the
// environment's own reward.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "mbrl/algorithms/planning/any_ensemble_evaluator.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/models/neural/ensemble_mean_model.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/planning/planner.hpp"
#include "mbrl/planning/trajectory/gradient_planner.hpp"
#include "mbrl/planning/trajectory/rewarded_model.hpp"
#include "mbrl/task/env_spec.hpp"

namespace mbrl {

/// GradientPlannerSettings but for the horizon, which is the rollouts'.
struct EnsembleGradientSettings : GradientPlannerSettings {
  EnsembleGradientSettings() { method = Descent::kAdam; }

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    GradientPlannerSettings::describe(s, [&](const char* name, auto& value, const char* help) {
      if (std::string_view(name) != "horizon") field(name, value, help);
    });
  }
};

/// A Planner of observations. It descends in the model that the evaluator keeps (AnyEnsembleEvaluator::keep_model), as it
/// is when a plan is made; rewards are those of the horizon without a discount, and what a termination would end counts.
class EnsembleGradient {
 public:
  using Scalar = float;
  using State = Vecf;

  /// Throws mbrl::Error where the specification has no reward, or one is learned, the actions are choices, or the evaluator
  /// keeps no model. Evaluator and pool must outlive it.
  EnsembleGradient(const AnyEnsembleEvaluator& evaluator, const EnvSpec& spec,
                   const EnsembleGradientSettings& settings, std::uint64_t seed, ThreadPool& pool);

  ActionPlan<float> plan(const Vecf& obs, int t);
  void set_deadline(const Deadline& deadline) { planner_.set_deadline(deadline); }
  void advance(int steps) { planner_.advance(steps); }
  void reset() { planner_.reset(); }
  void save(StateDict& out, const std::string& prefix) const { planner_.save(out, prefix); }
  void load(const StateDict& in, const std::string& prefix) { planner_.load(in, prefix); }

 private:
  // Whose model can be exchanged from without.
  struct Shared {
    using Scalar = double;
    using Inner = RewardedModel<EnsembleMeanModel>;
    using Workspace = Inner::Workspace;
    std::shared_ptr<Inner> inner;
    int obs_dim() const { return inner->obs_dim(); }
    int action_dim() const { return inner->action_dim(); }
    void step(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> next_obs,
              Workspace& w) const {
      inner->step(obs, action, next_obs, w);
    }
    void linearize(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> jacobian,
                   Workspace& w) const {
      inner->linearize(obs, action, jacobian, w);
    }
  };

  const AnyEnsembleEvaluator* evaluator_;
  std::shared_ptr<const MlpEnsemble> seen_;  // the model that is descended in
  Shared model_;
  GradientPlanner<Shared, EarnedCost> planner_;
};

}  // namespace mbrl
