// ME-TRPO: a policy improved by trust region steps on trajectories that an ensemble imagines from the starts of real
// episodes, for as long as most of the models agree that it improves. Kurutach, Clavera, Duan, Tamar, Abbeel,
// "Model-ensemble trust-region policy optimization", ICLR 2018, algorithm 2.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/algorithms/imagined/trpo_in_model.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/learning/trpo.hpp"
#include "mbrl/models/neural/ensemble_training.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/rollout/imagination.hpp"
#include "mbrl/run/metrics.hpp"
#include "mbrl/run/observer.hpp"

namespace mbrl {

struct MeTrpoSettings {
  std::int64_t steps = 100'000;  // environment steps
  int collect = 3000;       // of these between two trainings of the model; an episode under way is finished
  int rollouts = 500;       // trajectories imagined for each update of the policy
  int policy_updates = 50;  // after each training of the model, at most
  int validate_every = 5;   // updates between two validations
  double improving_models = 0.7;  // share of the models in which the policy must have improved
  int patience = 2;               // validations without that before the updates end
  bool normalise_reward = true;   // by the deviation of the imagined discounted returns
  // How a trajectory chooses among the models: TS1 (one a step, the paper's), TSinf (one a trajectory), E (their mean).
  ImaginationSettings imagination{.horizon = 100};
  MlpEnsembleSettings model{
      .members = 5, .hidden = {512, 512}, .activation = Activation::kRelu, .gaussian = false};
  EnsembleTrainingSettings training{
      .epochs = 200, .batch_size = 256, .bootstrap = false, .holdout_ratio = 0.2, .patience = 10};
  TrpoSettings trpo{.policy = {.hidden = {32, 32}, .activation = Activation::kTanh}};

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("steps", s.steps, "environment steps; an episode under way is finished");
    field("collect", s.collect, "environment steps between two trainings of the model");
    field("rollouts", s.rollouts, "trajectories imagined for each update of the policy");
    field("policy_updates", s.policy_updates, "updates after each training of the model, at most");
    field("validate_every", s.validate_every, "updates between two validations of the policy");
    field("improving_models", s.improving_models, "share of the models in which it must have improved");
    field("patience", s.patience, "validations without that before the updates end");
    field("normalise_reward", s.normalise_reward,
          "rewards by the deviation of the imagined discounted returns");
    field("imagination", s.imagination, "length of trajectories, and how they choose among the models");
    field("model", s.model, "the ensemble");
    field("training", s.training, "how it is trained");
    field("trpo", s.trpo, "policy, value function and their updates");
  }

  /// Throws mbrl::Error for settings that make no sense on the environment.
  void validate(const EnvSpec& spec) const;
};

/// An Algorithm. A round is: real episodes of the policy, a training of the model on all of them, updates of the policy
/// in it.
class MeTrpo final : public TrpoInModel {
 public:
  MeTrpo(const MeTrpoSettings& settings, const AlgorithmContext& context);

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  bool fit_model(RunObserver& observer) override;  // f_1 ... f_K <- least squares on D
  void improve(RunObserver& observer)
      override;  // trust region steps on imagined trajectories, until too few models agree
  void use_model();
  std::vector<double> returns_by_model();
  void end_round(RunObserver& observer);

  MeTrpoSettings settings_;
  NativeTrainer trainer_;
  std::vector<Imagination<MlpPolicy>> single_;  // of each model alone

  int updates_ = 0, idle_ = 0;        // of the policy in this round; validations without an improvement
  std::vector<double> best_returns_;  // in each model, of the best policy of the round
  StateDict best_;                    // that policy and its value function
  double agreement_ = MetricTable::kNone;
  Trajectories paths_;
};

/// Registers it as "me-trpo".
void register_me_trpo(AlgorithmRegistry& registry);

}  // namespace mbrl
