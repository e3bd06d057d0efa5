// MB-MPO: the models of an ensemble are tasks, and the policy is one from which a single policy gradient step in any of
// them leads to a good policy there. Where the models agree it is good as it is; where they do not, it adapts. Clavera,
// Rothfuss, Schulman, Fujita, Asfour, Abbeel, "Model-based reinforcement learning via meta-policy optimization", CoRL 2018,
// algorithm 1:
//   repeat: D <- D + real episodes of pi_1 ... pi_K;  fit f_1 ... f_K to D
//     for each meta-step: T_k <- trajectories of pi_theta in f_k;  theta_k = theta + a grad J_k(theta; T_k)
//       T'_k <- trajectories of pi_theta_k in f_k;  theta <- trust region step on mean_k J_k(theta_k; T'_k)
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/algorithms/imagined/imagined_batch.hpp"
#include "mbrl/algorithms/imagined/trpo_in_model.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/learning/trpo.hpp"
#include "mbrl/models/neural/ensemble_training.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/rollout/imagination.hpp"
#include "mbrl/run/observer.hpp"

namespace mbrl {

struct MbMpoSettings {
  std::int64_t steps = 100'000;  // environment steps
  int collect = 4000;        // of these between two trainings of the model; an episode under way is finished
  int rollouts = 20;         // trajectories imagined in each model, before its inner step and after it
  int policy_updates = 30;   // meta-steps after each training of the model
  double inner_rate = 1e-3;  // a
  bool normalise_reward = true;  // by the deviation of the imagined discounted returns, each model's
  ImaginationSettings imagination{.horizon = 200};
  MlpEnsembleSettings model{
      .members = 5, .hidden = {512, 512}, .activation = Activation::kRelu, .gaussian = false};
  EnsembleTrainingSettings training{
      .epochs = 200, .batch_size = 256, .bootstrap = false, .holdout_ratio = 0.2, .patience = 10};
  TrpoSettings trpo{.policy = {.hidden = {32, 32}, .activation = Activation::kTanh}};

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("steps", s.steps, "environment steps; an episode under way is finished");
    field("collect", s.collect, "environment steps between two trainings of the model");
    field("rollouts", s.rollouts, "trajectories imagined in each model, before its inner step and after it");
    field("policy_updates", s.policy_updates, "meta-steps after each training of the model");
    field("inner_rate", s.inner_rate, "length of a model's inner step along its policy gradient");
    field("normalise_reward", s.normalise_reward,
          "rewards by the deviation of the imagined discounted returns");
    field("imagination", s.imagination, "length of trajectories");
    field("model", s.model, "the ensemble");
    field("training", s.training, "how it is trained");
    field("trpo", s.trpo, "policy, value function and the meta-steps");
  }

  /// Throws mbrl::Error for settings that make no sense on the environment.
  void validate(const EnvSpec& spec) const;
};

/// An Algorithm. A round is: real episodes of the adapted policies in turn, a training of the models on all of them,
/// meta-steps. Its policy, which acts in evaluations, has the mean of the adapted policies' parameters: theta after a step
/// along the mean of the models' gradients.
class MbMpo final : public TrpoInModel {
 public:
  MbMpo(const MbMpoSettings& settings, const AlgorithmContext& context);

  AnyActor actor() const { return mode_actor(mean_); }
  LearnedPolicy policy() const override { return &mean_; }
  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  bool fit_model(RunObserver& observer) override;
  void improve(RunObserver& observer) override;
  const MlpPolicy& acting(std::int64_t episode) const override;
  void use_models();
  /// What pi_theta does in model k.
  OnPolicyBatch imagine(std::size_t k, const MlpPolicy& policy, std::uint32_t number);
  /// The policy after a step along the gradient of what it did.
  MlpPolicy adapt(const OnPolicyBatch& batch);
  /// The meta-step and one of the value function.
  TrpoReport learn(const std::vector<OnPolicyBatch>& before, const std::vector<OnPolicyBatch>& after);
  void end_round(RunObserver& observer);

  MbMpoSettings settings_;
  ThreadPool& pool_;
  NativeTrainer trainer_;
  std::vector<ImaginedBatches> tasks_;  // of each model alone
  std::vector<MlpPolicy> adapted_;      // to each; none in the first round
  MlpPolicy mean_;                      // of these
  int updates_ = 0;                     // in this round
};

/// Registers it as "mb-mpo".
void register_mb_mpo(AlgorithmRegistry& registry);

}  // namespace mbrl
