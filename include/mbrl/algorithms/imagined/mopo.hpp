// MOPO: model-based offline policy optimisation. A policy learns from a data set that cannot be added to, mostly from
// short trajectories that an ensemble imagines from its observations, and pays for what the ensemble does not know. Yu,
// Thomas, Yu, Ermon, Zou, Levine, Finn, Ma, "MOPO: Model-based offline policy optimization", NeurIPS 2020, algorithm 2.
#pragma once

#include <cstdint>
#include <string>

#include "mbrl/algorithms/capabilities.hpp"
#include "mbrl/algorithms/imagined/imagined_replay.hpp"
#include "mbrl/algorithms/imagined/mbpo.hpp"
#include "mbrl/algorithms/offline_data.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/learning/sac_agent.hpp"
#include "mbrl/models/neural/ensemble_training.hpp"
#include "mbrl/models/neural/ensemble_uncertainty.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/rollout/imagination.hpp"
#include "mbrl/run/metrics.hpp"
#include "mbrl/run/observer.hpp"
#include "mbrl/run/work_clock.hpp"

namespace mbrl {

/// Defaults are those of a copy of the authors' code, who vary penalty and horizon by data set. The ensemble, its training
/// and soft actor-critic are MBPO's.
struct MopoSettings : OfflineSettings {
  double penalty = 1;                                                 // lambda, in rewards per unit of u
  EnsembleUncertainty uncertainty = EnsembleUncertainty::kDeviation;  // u
  int imagine_every = 1000;  // updates between two rounds of imagined trajectories
  int rollouts = 50'000;     // trajectories in each
  int horizon = 5;           // h: their length
  int keep_rounds = 5;       // rounds whose transitions are kept
  double real_ratio = 0.05;  // share of a batch that is data rather than imagined
  MlpEnsembleSettings model;
  EnsembleTrainingSettings training;
  SacSettings sac;

  MopoSettings();

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    OfflineSettings::describe(s, field);
    field("penalty", s.penalty,
          "what is taken off an imagined reward per unit of the ensemble's uncertainty");
    field("uncertainty", s.uncertainty,
          "of the ensemble: the networks' largest deviation, their disagreement or divergence");
    field("imagine_every", s.imagine_every, "gradient steps between rounds of imagined trajectories");
    field("rollouts", s.rollouts, "trajectories imagined in each round");
    field("horizon", s.horizon, "length of imagined trajectories");
    field("keep_rounds", s.keep_rounds, "rounds whose imagined transitions are kept");
    field("real_ratio", s.real_ratio, "share of a batch that is data rather than imagined");
    field("model", s.model, "the ensemble");
    field("training", s.training, "how it is trained, once");
    field("sac", s.sac, "policy, critics and temperature");
  }

  /// Throws mbrl::Error for settings that make no sense on the environment.
  void validate(const EnvSpec& spec) const;
};

/// Soft actor-critic's settings are those that the environment's name has for MBPO.
MopoSettings mopo_settings(const EnvSpec& spec);

/// An Algorithm. Rewards and terminations as in Mbpo. A round is updates_per_round updates and an episode of the
/// policy's mode, which is not learned from. Numbers are functions of the seed and the data, for any number of threads;
/// a saved run continues exactly.
class Mopo final : public PolicyOwner {
 public:
  Mopo(const MopoSettings& settings, const AlgorithmContext& context);

  bool run(RunObserver& observer) {
    if (rounds_ == 0 && !fit_model(observer)) return false;  // p <- maximum likelihood on D_env
    while (agent_.updates() < settings_.updates) {
      if (imagination_is_due()) imagine();  // D_model <- h-step trajectories in p, rewards r - lambda u
      improve(observer);                    // on D_env and D_model
      const bool over = settings_.round_over(agent_.updates());
      if (over) finish(observer);
      if (!observer.on_safe_point(over)) return false;
    }
    return true;
  }

  const MetricTable& metrics() const { return metrics_; }
  AnyActor actor() const { return mode_actor(agent_.policy()); }
  AnyEnvironment& environment() { return env_; }
  LearnedPolicy policy() const override { return &agent_.policy(); }
  const TransitionBuffer& data() const { return data_.transitions(); }
  /// With the penalty taken off their rewards.
  const TransitionBuffer& imagined() const { return imagined_.buffer(); }
  const MlpEnsemble& model() const { return model_; }
  const Sac& sac() const { return agent_.sac(); }

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  bool fit_model(RunObserver& observer);
  bool imagination_is_due() const {
    return std::int64_t{rounds_} * settings_.imagine_every <= agent_.updates();
  }
  void imagine();
  bool learn();
  void improve(RunObserver& observer);
  void finish(RunObserver& observer);

  MopoSettings settings_;
  std::uint64_t seed_;
  AnyEnvironment env_;
  OfflineData data_;
  ImaginedReplay imagined_;
  MlpEnsemble model_;
  NativeTrainer trainer_;
  Imagination<MlpPolicy> imagination_;
  SacAgent agent_;

  std::uint32_t rounds_ = 0;  // of imagination
  double model_loss_ = MetricTable::kNone, model_epochs_ = MetricTable::kNone;
  double imagined_reward_ = 0, penalty_ = 0;  // of the last round's steps, means
  WorkClock clock_;                           // of the round of the table

  Batchf starts_;
  Trajectories paths_;
  Transitions batch_;
  MetricTable metrics_;
};

/// Registers it as "mopo".
void register_mopo(AlgorithmRegistry& registry);

}  // namespace mbrl
