// A model's training within a loop that acts: whatever a loop does with the model after it.
#pragma once

#include <cstdint>
#include <numeric>
#include <optional>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/models/model_trainer.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/run/metrics.hpp"
#include "mbrl/run/observer.hpp"
#include "mbrl/task/env_spec.hpp"

namespace mbrl {

/// The settings with a reward that is learned where the specification has none.
inline MlpEnsembleSettings ensemble_settings(MlpEnsembleSettings settings, const EnvSpec& spec) {
  settings.learned_reward = settings.learned_reward || !spec.reward;
  return settings;
}

/// What is given of the reward: empty where the ensemble predicts it.
inline RewardFunction<float> given_reward(const MlpEnsemble& model, const EnvSpec& spec) {
  return model.settings.learned_reward ? RewardFunction<float>{} : spec.reward;
}

/// What is given of the termination: empty where the ensemble predicts it, or nothing ends early.
inline TerminationFunction<float> given_termination(const MlpEnsemble& model, const EnvSpec& spec) {
  return model.settings.learned_termination ? TerminationFunction<float>{} : spec.termination;
}

/// Training number `number` of the run, told as part of its `round` after `steps` environment steps. One that is
/// stopped is undone, so that the steps before it can be kept, and gives nothing.
inline std::optional<TrainingReport> fit_or_undo(const TransitionBatch& data, std::uint32_t number, int round,
                                                 std::int64_t steps, MlpEnsemble& model,
                                                 NativeTrainer& trainer, RunObserver& observer) {
  StateDict before;
  model.save(before, "model.");
  trainer.save(before, "trainer.");
  bool stopped = false;
  TrainingReport report = trainer.train(data, model, number, [&](int epoch, int epochs, double loss) {
    observer.on_progress({.phase = RunPhase::kTraining,
                          .round = round,
                          .done = epoch,
                          .total = epochs,
                          .value = loss,
                          .steps = steps});
    stopped = observer.stop_requested();
    return !stopped;
  });
  if (!stopped) return report;
  model.load(before, "model.");
  trainer.load(before, "trainer.");
  observer.on_safe_point(false);
  return std::nullopt;
}

/// Mean over the networks, on held-out rows where there are any; MetricTable::kNone without a network.
inline double mean_loss(const TrainingReport& report) {
  const std::vector<double>& losses = report.holdout_loss.empty() ? report.train_loss : report.holdout_loss;
  if (losses.empty()) return MetricTable::kNone;
  return std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(losses.size());
}

}  // namespace mbrl
