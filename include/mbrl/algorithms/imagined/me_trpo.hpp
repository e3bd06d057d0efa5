// ME-TRPO: a policy improved by trust region steps on trajectories that an ensemble imagines from the starts of real
// episodes, for as long as most of the models agree that it improves. Kurutach, Clavera, Duan, Tamar, Abbeel,
// "Model-ensemble trust-region policy optimization", ICLR 2018, algorithm 2.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/algorithms/capabilities.hpp"
#include "mbrl/algorithms/imagined/imagined_batch.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/learning/trpo.hpp"
#include "mbrl/models/neural/ensemble_training.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/rollout/imagination.hpp"
#include "mbrl/run/collector.hpp"
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
  EnsembleTrainingSettings training;
  TrpoSettings trpo;

  MeTrpoSettings();

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
/// in it. Rewards come from the environment's specification, or are learned with the dynamics where it has none;
/// terminations come from the specification. Numbers are functions of the seed, for any number of threads; a saved run
/// continues exactly.
class MeTrpo final : public PolicyOwner, public DataOwner {
 public:
  MeTrpo(const MeTrpoSettings& settings, const AlgorithmContext& context);

  bool run(RunObserver& observer) {
    while (phase_ != kCollecting || collector_.running() || collector_.steps() < settings_.steps) {
      if (phase_ == kCollecting) {
        collect(observer);  // D <- episodes of the policy
      } else if (phase_ == kFitting) {
        if (!fit_model(observer)) return false;  // f_1 ... f_K <- least squares on D
      } else {
        improve(observer);  // trust region steps on imagined trajectories, until too few models agree
      }
      if (!observer.on_safe_point(new_row_)) return false;
      new_row_ = false;
    }
    return true;
  }

  const MetricTable& metrics() const { return metrics_; }
  AnyActor actor() const { return mode_actor(trpo_.policy()); }
  AnyEnvironment& environment() { return env_; }
  LearnedPolicy policy() const override { return &trpo_.policy(); }
  const TransitionBuffer& buffer() const override { return buffer_; }
  const MlpEnsemble& model() const { return model_; }

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  enum : int { kCollecting, kFitting, kImproving };

  void collect(RunObserver& observer);
  bool fit_model(RunObserver& observer);
  void improve(RunObserver& observer);
  void use_model();
  std::vector<double> returns_by_model();
  void finish(RunObserver& observer);

  MeTrpoSettings settings_;
  std::uint64_t seed_;
  AnyEnvironment env_;
  TransitionBuffer buffer_;
  Collector<AnyEnvironment> collector_;
  MlpEnsemble model_;
  NativeTrainer trainer_;
  ImaginedBatches imagined_;
  std::vector<Imagination<MlpPolicy>> single_;  // of each model alone
  Trpo trpo_;

  int phase_ = kCollecting;
  std::int64_t episodes_ = 0;   // begun
  std::uint32_t rounds_ = 0;    // finished
  std::int64_t collected_ = 0;  // environment steps of the round
  double real_total_ = 0;       // of the round's episodes
  int real_episodes_ = 0;
  int updates_ = 0, idle_ = 0;        // of the policy in this round; validations without an improvement
  std::vector<double> best_returns_;  // in each model, of the best policy of the round
  StateDict best_;                    // that policy and its value function
  double model_loss_ = MetricTable::kNone, kl_ = MetricTable::kNone, agreement_ = MetricTable::kNone;
  double seconds_ = 0;
  bool new_row_ = false;

  Trajectories paths_;
  MlpPolicy::Workspace workspace_;
  MetricTable metrics_;
};

/// Registers it as "me-trpo".
void register_me_trpo(AlgorithmRegistry& registry);

}  // namespace mbrl
