// SLBO: a policy and a model improved in turns, in small steps, on a lower bound of the real return: trust region steps on
// what one model imagines, between steps of that model down its error two steps ahead. Luo, Xu, Li, Tian, Darrell, Ma,
// "Algorithmic framework for model-based deep reinforcement learning with theoretical guarantees", ICLR 2019, algorithm 2.
#pragma once

#include <cstdint>
#include <string>

#include "mbrl/algorithms/imagined/trpo_in_model.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/learning/trpo.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/models/neural/multi_step_trainer.hpp"
#include "mbrl/policy/actor_noise.hpp"
#include "mbrl/rollout/imagination.hpp"
#include "mbrl/run/metrics.hpp"
#include "mbrl/run/observer.hpp"

namespace mbrl {

struct SlboSettings {
  std::int64_t steps = 200'000;  // environment steps
  int collect = 10'000;          // of these in a stage; an episode under way is finished
  int iterations = 20;           // of a stage: training.updates of the model, then policy_updates
  int policy_updates = 40;
  int rollouts = 8;              // trajectories imagined for each update of the policy
  double entropy = 0.005;        // weight of the policy's entropy in its updates
  int entropy_stages = 50;       // stages with it
  bool normalise_reward = true;  // by the deviation of the imagined discounted returns
  ActorNoiseSettings exploration{{.std = 0.3}, NoiseKind::kOu};
  ImaginationSettings imagination{.horizon = 500};
  MlpEnsembleSettings model{
      .members = 1, .hidden = {500, 500}, .activation = Activation::kRelu, .gaussian = false};
  MultiStepSettings training{.curriculum = {2},
                             .updates = 100,
                             .batch_size = 128,
                             .loss = MultiStepLoss::kNorm,
                             .adam = {.learning_rate = 1e-3, .weight_decay = 1e-5, .max_gradient = 2}};
  TrpoSettings trpo{.policy = {.hidden = {32, 32}, .activation = Activation::kTanh}, .value_epochs = 5};

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("steps", s.steps, "environment steps; an episode under way is finished");
    field("collect", s.collect, "environment steps of a stage");
    field("iterations", s.iterations, "of a stage: updates of the model, then of the policy");
    field("policy_updates", s.policy_updates, "updates of the policy in an iteration");
    field("rollouts", s.rollouts, "trajectories imagined for each update of the policy");
    field("entropy", s.entropy, "weight of the policy's entropy in its updates");
    field("entropy_stages", s.entropy_stages, "stages with that weight; 0 after them");
    field("normalise_reward", s.normalise_reward,
          "rewards by the deviation of the imagined discounted returns");
    field("exploration", s.exploration, "noise on the policy's actions while it collects");
    field("imagination", s.imagination, "length of trajectories, and how they choose among several models");
    field("model", s.model, "the model");
    field("training", s.training, "its updates in an iteration");
    field("trpo", s.trpo, "policy, value function and their updates");
  }

  /// Throws mbrl::Error for settings that make no sense on the environment.
  void validate(const EnvSpec& spec) const;
};

/// An Algorithm. A round, the paper's stage, is: real episodes of the policy, disturbed, then n_inner times a training of
/// the model on all of them and updates of the policy in it.
class Slbo final : public TrpoInModel {
 public:
  Slbo(const SlboSettings& settings, const AlgorithmContext& context);

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  bool fit_model(RunObserver& observer) override;  // n_model steps down the loss of equation 6.1
  void improve(
      RunObserver& observer) override;  // n_policy trust region steps; after n_inner of both, the next stage

  SlboSettings settings_;
  MultiStepTrainer trainer_;

  int iteration_ = 0, updates_ = 0;  // of the stage; of the policy in the iteration
  double imagined_return_ = MetricTable::kNone, policy_entropy_ = MetricTable::kNone;
};

/// Registers it as "slbo".
void register_slbo(AlgorithmRegistry& registry);

}  // namespace mbrl
