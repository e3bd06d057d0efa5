// DHMBPO: a policy climbs the gradient of a learned model over a few steps, from states that the model has led it to
// over many. Kubo, Parmas, Ishii, "Double horizon model-based policy optimization", TMLR 2025, algorithm 1. From replayed states
// alone it is SVG(H) (svg.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/algorithms/imagined/value_gradient.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/learning/replay_agent.hpp"
#include "mbrl/models/neural/differentiable_ensemble.hpp"
#include "mbrl/models/neural/differentiable_trainer.hpp"
#include "mbrl/rollout/differentiable_rollout.hpp"
#include "mbrl/run/metrics.hpp"
#include "mbrl/run/observer.hpp"
#include "mbrl/task/task_functions.hpp"

namespace mbrl {

/// Defaults are the authors' (4kubo/erl_lib, config/agent), but for the model's training, which is shorter: docs/dhmbpo.md.
struct DhmbpoSettings : ReplaySettings {
  int train_every = 1000;  // environment steps between trainings of the model
  int distribution_horizon =
      20;  // steps the model leads the policy on to where updates begin; 0: replayed states
  int distribution_every = 20;  // updates between these
  int distribution_keep = 10;   // of these, the newest whose states are drawn from
  int critic_updates = 250;     // updates of the critics alone behind each training
  bool warm_start = true;       // behind the first training, the updates of the random steps, too
  DifferentiableEnsembleSettings model;
  DifferentiableTrainingSettings training;
  ValueGradientSettings learner;

  DhmbpoSettings();

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    ReplaySettings::describe(s, field);
    field("train_every", s.train_every, "environment steps between trainings of the model");
    field("distribution_horizon", s.distribution_horizon,
          "steps the model leads the policy on to where updates begin; 0: updates begin at replayed states");
    field("distribution_every", s.distribution_every, "updates between these rollouts");
    field("distribution_keep", s.distribution_keep, "newest of these rollouts whose states are drawn from");
    field("critic_updates", s.critic_updates, "updates of the critics alone behind each training");
    field("warm_start", s.warm_start,
          "behind the first training, make the updates of the random steps as well");
    field("model", s.model, "the ensemble");
    field("training", s.training, "how it is trained");
    field("learner", s.learner, "policy, critics and temperature");
  }

  /// Throws mbrl::Error, which begins with `who`, for settings that make no sense on the environment.
  void validate(const char* who, const EnvSpec& spec) const;
};

/// A ReplayAgent. Every `distribution_every` updates the policy acts in the model from replayed states on; all states
/// that it comes through are kept for a while, and each update (ValueGradient) begins at some of them. The reward is
/// learned, the termination is the specification's.
class DhmbpoAgent {
 public:
  /// Throws mbrl::Error for settings that make no sense. The pool must outlive it.
  DhmbpoAgent(const char* who, const EnvSpec& spec, const DhmbpoSettings& settings, std::uint64_t seed,
              ThreadPool& pool);
  DhmbpoAgent(const DhmbpoAgent&) = delete;  // its parts point to its model
  DhmbpoAgent& operator=(const DhmbpoAgent&) = delete;

  bool fit_model(const TransitionBuffer& buffer, std::int64_t steps, int round, RunObserver& observer);
  void begin_episode(int lane = 0);
  Vecd explore(ConstVecRef<double> obs, std::int64_t step, int t, int lane = 0) {
    return explorer_.act(acting_, obs, step, t, lane);
  }
  /// One update, from the batch's observations.
  bool learn(const Transitions& batch);
  std::string trouble() const;
  std::int64_t updates() const { return learner_.updates(); }
  const Vecf& errors() const { return errors_; }  // none: transitions are drawn uniformly
  double discount() const { return learner_.settings().discount; }
  /// Smallest critic's value of each column, observations as they are; 0 without critics.
  void values(ConstBatchRef<float> obs, ConstBatchRef<float> action, VecRef<float> out) const;
  double value_bias(const Transitions& episode) const;
  /// Throws mbrl::Error where there are no critics.
  TerminalValueFunction<float> value() const;

  /// It takes observations as they are.
  const MlpPolicy& policy() const { return acting_; }
  const DifferentiableEnsemble& model() const { return model_; }
  const ValueGradient& learner() const { return learner_; }
  static AnyActor load_actor(const EnvSpec& spec, const DhmbpoSettings& settings, std::uint64_t seed,
                             const StateDict& in, const std::string& prefix);

  static std::vector<AgentFigure> figure_columns();
  std::vector<double> figures() const;

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  bool train(const TransitionBuffer& buffer, std::int64_t steps, int round, RunObserver& observer);
  bool improve(ConstBatchRef<float> replayed, bool critics_alone);
  void spread(ConstBatchRef<float> replayed);

  const char* who_;
  DhmbpoSettings settings_;
  std::uint64_t seed_;
  DifferentiableEnsemble model_;
  DifferentiableTrainer trainer_;
  ValueGradient learner_;
  DifferentiableRollout<MlpPolicy> distribution_;
  MlpPolicy acting_;
  PolicyExplorer<MlpPolicy> explorer_;

  Batchf states_;  // of the distribution rollouts, a ring in the environment's units
  Index filled_ = 0, next_ = 0;
  std::int64_t trainings_ = 0, trained_at_ = 0;
  std::int64_t owed_critic_updates_ = 0, owed_updates_ = 0;
  double model_loss_ = MetricTable::kNone, model_epochs_ = MetricTable::kNone;
  ValueGradientReport last_;
  UpdateMeans means_{5};
  Batchf starts_, normalised_;
  Vecf errors_;
};

static_assert(ReplayAgent<DhmbpoAgent>);

/// Small networks and 3,000 steps.
void quicken(DhmbpoSettings& settings);

/// Registers it as "dhmbpo".
void register_dhmbpo(AlgorithmRegistry& registry);

}  // namespace mbrl
