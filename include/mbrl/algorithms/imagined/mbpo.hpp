// MBPO: model-based policy optimisation. A policy learns by soft actor-critic, mostly from short trajectories
// that a learned ensemble imagines from observations of the past. Janner, Fu, Zhang, Levine, "When to trust your
// model: model-based policy optimization", NeurIPS 2019, algorithm 2.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/algorithms/capabilities.hpp"
#include "mbrl/algorithms/imagined/imagined_replay.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/learning/sac_agent.hpp"
#include "mbrl/models/neural/ensemble_training.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/rollout/horizon_schedule.hpp"
#include "mbrl/rollout/imagination.hpp"
#include "mbrl/rollout/uncertainty_cut.hpp"
#include "mbrl/run/collector.hpp"
#include "mbrl/run/metrics.hpp"
#include "mbrl/run/observer.hpp"
#include "mbrl/run/work_clock.hpp"

namespace mbrl {

/// Defaults are the authors' for HalfCheetah; mbpo_settings has those of their other tasks.
struct MbpoSettings {
  std::int64_t steps = 100'000;            // environment steps
  std::int64_t random_steps = 5000;        // of these random ones at the beginning
  int train_every = 250;                   // environment steps between trainings of the model
  int rollouts = 100'000;                  // trajectories imagined after each training
  HorizonSchedule horizon;                 // their length: 1 throughout
  UncertaintyCutSettings uncertainty_cut;  // off; on it is MACURA's
  int keep_steps = 1000;                   // environment steps for which imagined transitions are kept
  double real_ratio = 0.05;                // share of a batch that was experienced rather than imagined
  int updates_per_step = 40;               // G: updates of the policy per environment step
  int batch_size = 256;
  MlpEnsembleSettings model{.members = 7};
  EnsembleTrainingSettings training;
  SacSettings sac;

  MbpoSettings();

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("steps", s.steps,
          "environment steps, the random ones among them; an episode under way is finished");
    field("random_steps", s.random_steps, "random steps at the beginning, before the first model");
    field("train_every", s.train_every, "environment steps between trainings of the model");
    field("rollouts", s.rollouts, "trajectories imagined after each training");
    field("horizon", s.horizon, "length of imagined trajectories, by environment step");
    field("uncertainty_cut", s.uncertainty_cut, "where they end before");
    field("keep_steps", s.keep_steps, "environment steps for which imagined transitions are kept");
    field("real_ratio", s.real_ratio, "share of a batch that was experienced rather than imagined");
    field("updates_per_step", s.updates_per_step, "gradient steps per environment step");
    field("batch_size", s.batch_size, "transitions drawn for each gradient step");
    field("model", s.model, "the ensemble");
    field("training", s.training, "how it is trained");
    field("sac", s.sac, "policy, critics and temperature");
  }

  /// Throws mbrl::Error for settings that make no sense on the environment.
  void validate(const EnvSpec& spec) const;
  /// Trainings whose trajectories are kept.
  int rounds_kept() const { return std::max(1, keep_steps / train_every); }
};

/// The authors' settings for the environment, by its name: HalfCheetah, Hopper, Walker2d, Ant, Humanoid (its own or
/// mbpo's with fewer observations) and InvertedPendulum; for any other HalfCheetah's.
MbpoSettings mbpo_settings(const EnvSpec& spec);
/// The same with ten imagined steps, twenty updates a step and 20,000 steps in all: the preset "lean".
MbpoSettings lean_mbpo_settings(const EnvSpec& spec);
/// Small networks and 3,000 steps: the preset "quick".
MbpoSettings quick_mbpo_settings();

/// An Algorithm. Rewards come from the environment's specification, or are learned with the dynamics where it
/// has none; terminations come from the specification. A round is an episode. Numbers are functions of the seed,
/// for any number of threads; a saved run continues exactly.
class Mbpo final : public PolicyOwner, public DataOwner {
 public:
  Mbpo(const MbpoSettings& settings, const AlgorithmContext& context);

  bool run(RunObserver& observer) {
    while (collector_.running() || collector_.steps() < settings_.steps) {
      if (model_is_due()) {
        if (!fit_model(observer)) return false;  // p <- maximum likelihood on D_env
        imagine();                               // D_model <- k-step trajectories of the policy in p
      }
      if (!collector_.running()) begin_episode();
      act();  // D_env <- (s, a, r, s')
      for (int g = 0; rounds_ > 0 && g < settings_.updates_per_step; ++g) improve(observer);  // on D_model
      report(observer);
      if (!observer.on_safe_point(!collector_.running())) return false;
    }
    return true;
  }

  const MetricTable& metrics() const { return metrics_; }
  AnyActor actor() const { return mode_actor(agent_.policy()); }
  AnyEnvironment& environment() { return env_; }
  LearnedPolicy policy() const override { return &agent_.policy(); }
  /// What was experienced, not what was imagined.
  const TransitionBuffer& buffer() const override { return real_; }
  const TransitionBuffer& imagined() const { return imagined_.buffer(); }
  const MlpEnsemble& model() const { return model_; }

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  bool model_is_due() const;
  bool fit_model(RunObserver& observer);
  void imagine();
  void begin_episode();
  void act();
  void improve(RunObserver& observer);
  void report(RunObserver& observer);

  MbpoSettings settings_;
  std::uint64_t seed_;
  AnyEnvironment env_;
  TransitionBuffer real_;
  ImaginedReplay imagined_;
  Collector<AnyEnvironment> collector_;
  MlpEnsemble model_;
  NativeTrainer trainer_;
  Imagination<MlpPolicy> imagination_;
  UncertaintyThreshold threshold_;
  SacAgent agent_;

  std::int64_t episodes_ = 0;    // finished
  std::uint32_t rounds_ = 0;     // trainings of the model
  std::int64_t trained_at_ = 0;  // environment step of the last
  double model_loss_ = MetricTable::kNone, model_epochs_ = 0, imagined_reward_ = MetricTable::kNone;
  WorkClock clock_;

  Batchf starts_;
  Trajectories paths_;
  Transitions batch_;
  MetricTable metrics_;
};

/// Registers it as "mbpo".
void register_mbpo(AlgorithmRegistry& registry);

}  // namespace mbrl
