// What critics with targets from a learned model have in common, MVE and STEVE: their settings, and the model, which
// is trained on everything experienced every so many steps.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/learning/replay_agent.hpp"
#include "mbrl/learning/td3.hpp"
#include "mbrl/models/neural/ensemble_training.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/policy/actor_noise.hpp"
#include "mbrl/run/metrics.hpp"
#include "mbrl/run/observer.hpp"
#include "mbrl/task/env_spec.hpp"
#include "mbrl/task/task_functions.hpp"

namespace mbrl {

/// The loop's settings, the noise's, the model's and the updates'. Defaults are those of the authors of STEVE, for MVE
/// as well (their code: research/steve in tensorflow/models), but for the model's training, which is MBPO's.
struct ExpansionSettings : ReplaySettings {
  ActorNoiseSettings exploration{{.std = 0.1}};
  int horizon = 3;        // H: steps imagined from where a transition leads; 0: none, and no model
  int train_every = 250;  // environment steps between trainings of the model
  MlpEnsembleSettings model{.members = 1,
                            .hidden = {512, 512, 512, 512, 512, 512, 512},
                            .activation = Activation::kRelu,
                            .gaussian = false};
  EnsembleTrainingSettings training;
  Td3Settings td3 = ddpg_settings();

  ExpansionSettings();

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    ReplaySettings::describe(s, field);
    field("exploration", s.exploration, "noise on executed actions");
    field("horizon", s.horizon, "steps imagined from where a transition leads; 0: none, and no model");
    field("train_every", s.train_every, "environment steps between trainings of the model");
    field("model", s.model, "the model's networks");
    field("training", s.training, "how they are trained");
    field("td3", s.td3, "policy and critics");
  }

  /// Throws mbrl::Error, which begins with `who`, for settings that make no sense on the environment.
  void validate(const char* who, const EnvSpec& spec) const;
};

/// A small model and networks, 3,000 steps.
void quicken(ExpansionSettings& settings);

enum class FitOutcome : int { kNotDue = 0, kStopped = 1, kFitted = 2 };

constexpr auto enum_names(FitOutcome) {
  return std::array{std::pair{FitOutcome::kNotDue, "not due"}, std::pair{FitOutcome::kStopped, "stopped"},
                    std::pair{FitOutcome::kFitted, "fitted"}};
}

/// The model of such an agent.
class ExpansionModel {
 public:
  /// The reward is learned with the dynamics where the specification has none. The pool must outlive it.
  ExpansionModel(const ExpansionSettings& settings, const EnvSpec& spec, std::uint64_t seed,
                 ThreadPool& pool);

  /// Trains on the whole buffer where `steps` environment steps say that it is due: after the random ones, and
  /// every train_every after that. A training that the observer stops is undone. `round` is the episode's number.
  FitOutcome fit(const TransitionBuffer& buffer, std::int64_t steps, int round, RunObserver& observer);

  const MlpEnsemble& ensemble() const { return ensemble_; }
  /// Empty where it is learned.
  const RewardFunction<float>& reward() const { return given_; }
  /// The same of the termination, or empty where nothing ends early.
  const TerminationFunction<float>& termination() const { return termination_; }
  /// Mean over the networks after the last training, on held-out rows where there are any; NaN before.
  double loss() const { return loss_; }

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  std::int64_t first_, every_;  // environment steps; first_ < 0: never
  MlpEnsemble ensemble_;
  RewardFunction<float> given_;
  TerminationFunction<float> termination_;
  NativeTrainer trainer_;
  std::int64_t trainings_ = 0, trained_at_ = 0;
  double loss_ = MetricTable::kNone;
};

}  // namespace mbrl
