// MBMF: a model that a planner acts in, a policy that imitates the planner, and model-free steps from there on.
// Nagabandi, Kahn, Fearing, Levine, "Neural network dynamics for model-based deep reinforcement learning with
// model-free fine-tuning", ICRA 2018, algorithm 1 and section V:
//   D <- random actions;  repeat: fit f to D; act by random shooting in f; D <- D + what that brought
//   repeat: what the planner would do in the states of its own, then of the policy's episodes; fit the policy to it
//   a Gaussian around that policy climbs by TRPO on the real environment
#pragma once

#include <cstdint>

#include "mbrl/algorithms/model_free/on_policy_settings.hpp"
#include "mbrl/algorithms/planning/pets_settings.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/learning/trpo.hpp"
#include "mbrl/models/neural/ensemble_training.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/nn/adam.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/planner_settings.hpp"
#include "mbrl/planning/registry/own_planners.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"

namespace mbrl {

/// The second part; the policy's layers are those of tuning.trpo.policy.
struct MbmfImitation {
  int rounds = 4;          // the planner acts in the first, the policy in the others (DAgger)
  int episodes = 5;        // of a round
  int check_episodes = 5;  // of the policy alone, after every round; the planner's once
  nn::AdamSettings adam = {.learning_rate = 1e-3};
  int batch_size = 64;
  int epochs = 200;         // at most
  int patience = 20;        // epochs without a better validation loss that end a fit
  double validation = 0.1;  // share of the states held out for that

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("rounds", s.rounds, "the planner acts in the first, the policy in the others (DAgger)");
    field("episodes", s.episodes, "episodes of a round");
    field("check_episodes", s.check_episodes,
          "episodes of the policy alone after every round, from the same start states as the planner's");
    field("adam", s.adam, "steps of the fit");
    field("batch_size", s.batch_size, "states of a step");
    field("epochs", s.epochs, "passes over the data at most");
    field("patience", s.patience, "epochs without a better validation loss that end a fit");
    field("validation", s.validation, "share of the states held out; 0: the training loss decides");
  }
};

/// The third part.
struct MbmfTuning {
  double std = 0.5;              // of the Gaussian that it begins with, before tanh
  int environments = 8;          // stepped together
  int horizon = 256;             // steps of each between two updates
  bool normalise_reward = true;  // by the deviation of the discounted return
  TrpoSettings trpo;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("std", s.std, "deviation of the Gaussian that it begins with, before tanh");
    field("environments", s.environments, "environments that are stepped together");
    field("horizon", s.horizon, "steps of each environment between two updates");
    field("normalise_reward", s.normalise_reward, "rewards by the deviation of the discounted return");
    field("trpo", s.trpo, "policy, value function and their updates");
  }
};

/// `mbrl train mbmf`.
struct MbmfConfiguration {
  std::int64_t steps =
      500'000;  // environment steps in all; the first two parts are finished whatever they take
  PetsSettings planning;
  MlpEnsembleSettings model{
      .members = 1, .hidden = {200, 200}, .activation = Activation::kRelu, .gaussian = false};
  EnsembleTrainingSettings training;
  EnsembleRolloutSettings rollout{.horizon = 20, .particles = 1, .propagation = Propagation::kExpectation};
  PlannerSettings planner{.name = "rs"};
  OwnPlanners own_planners;
  MpcSettings mpc;
  MbmfImitation imitation;
  MbmfTuning tuning;

  MbmfConfiguration();

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("steps", s.steps,
          "environment steps in all; the first two parts and an iteration under way are finished");
    field("planning", s.planning, "first part: acting by a planner in the model that is learned");
    field("model", s.model, "the networks of that model");
    field("training", s.training, "how they learn");
    field("rollout", s.rollout, "how plans are evaluated in the model");
    field("planner", s.planner, "which planner, and the settings of each");
    field("planner", s.own_planners, "planners of the user's own");
    field("mpc", s.mpc, "how plans are executed");
    field("imitation", s.imitation, "second part: a policy that does what the planner would");
    field("tuning", s.tuning, "third part: it learns on without the model");
  }

  /// Throws mbrl::Error for settings that make no sense on the environment.
  void validate(const EnvSpec& spec) const;
};

/// Registers it as "mbmf".
void register_mbmf(AlgorithmRegistry& registry, const OwnPlanners& planners = {});

}  // namespace mbrl
