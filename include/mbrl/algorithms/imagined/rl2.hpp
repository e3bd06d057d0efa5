// RL^2 in an ensemble of models: a policy that remembers is trained to do well in whichever model an imagined episode
// happens in, and so learns to find out within the episode which it is. Duan, Schulman, Chen, Bartlett, Sutskever, Abbeel,
// "RL^2: Fast reinforcement learning via slow reinforcement learning", arXiv 1611.02779; models in the place of tasks as in
// MB-MPO (mb_mpo.hpp), which adapts by a gradient step instead:
//   repeat: D <- D + real episodes of pi;  fit f_1 ... f_K to D
//     for each update: an episode in one of the models from each of n starts;  proximal step of pi through its memory
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "mbrl/algorithms/imagined/return_scale.hpp"
#include "mbrl/algorithms/imagined/rounds_in_model.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/learning/recurrent_ppo.hpp"
#include "mbrl/models/neural/ensemble_training.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/policy/recurrent_policy.hpp"
#include "mbrl/rollout/imagination.hpp"
#include "mbrl/rollout/start_states.hpp"
#include "mbrl/run/observer.hpp"

namespace mbrl {

struct Rl2Settings {
  std::int64_t steps = 100'000;  // environment steps
  int collect = 4000;       // of these between two trainings of the model; an episode under way is finished
  int rollouts = 100;       // episodes imagined for each update
  int policy_updates = 30;  // after each training of the model
  bool normalise_reward = true;  // by the deviation of the imagined discounted returns
  ImaginationSettings imagination{.horizon = 200, .propagation = Propagation::kTSinf};
  MlpEnsembleSettings model{
      .members = 5, .hidden = {512, 512}, .activation = Activation::kRelu, .gaussian = false};
  EnsembleTrainingSettings training{
      .epochs = 200, .batch_size = 256, .bootstrap = false, .holdout_ratio = 0.2, .patience = 10};
  RecurrentPpoSettings ppo;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("steps", s.steps, "environment steps; an episode under way is finished");
    field("collect", s.collect, "environment steps between two trainings of the model");
    field("rollouts", s.rollouts, "episodes imagined for each update of the policy");
    field("policy_updates", s.policy_updates, "updates of the policy after each training of the model");
    field("normalise_reward", s.normalise_reward,
          "rewards by the deviation of the imagined discounted returns");
    field("imagination", s.imagination, "length of imagined episodes");
    field("model", s.model, "the ensemble");
    field("training", s.training, "how it is trained");
    field("ppo", s.ppo, "policy, value function and their updates");
  }

  /// Throws mbrl::Error for settings that make no sense on the environment.
  void validate(const EnvSpec& spec) const;
};

/// An Algorithm. A round is: real episodes of the policy, a training of the models on all of them, updates of the policy.
/// An episode is imagined in one model throughout, and begins as a real one did.
class Rl2 final : public RoundsInModel {
 public:
  Rl2(const Rl2Settings& settings, const AlgorithmContext& context);

  AnyActor actor() const { return mode_actor(ppo_.policy()); }
  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  void begin_real_episode(std::int64_t episode) override;
  Vecd act_in_real(std::int64_t episode) override;
  void collected() override { starts_.find(buffer_); }
  bool fit_model(RunObserver& observer) override;
  void improve(RunObserver& observer) override;
  void imagine();

  Rl2Settings settings_;
  std::uint64_t seed_;
  NativeTrainer trainer_;
  Imagination<RecurrentPolicy> imagination_;
  RecurrentPpo ppo_;
  ReturnScale return_scale_;
  EpisodeStarts starts_;
  Trajectories paths_;
  SequenceBatch batch_;
  Batchf obs_, memory_, action_;  // of the real episode
  RecurrentPolicy::Workspace workspace_;
  int updates_ = 0;  // in this round
  double imagined_return_ = MetricTable::kNone;
};

/// Registers it as "rl2".
void register_rl2(AlgorithmRegistry& registry);

}  // namespace mbrl
