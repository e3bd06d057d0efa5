// What the library asks of whoever fits a model to data.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <vector>

#include "mbrl/core/types.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

/// What a training round did. A model of one part reports as an ensemble of one member.
struct TrainingReport {
  int epochs = 0;                    // passes over the data
  std::int64_t steps = 0;            // optimiser steps, each updating all members; 0: fitted in closed form
  std::vector<double> train_loss;    // per member, over the last epoch
  std::vector<double> holdout_loss;  // per member: mean squared error on rows kept aside; empty without any
};

/// Called after each epoch with (epoch, epochs, mean loss); returning false stops the training (it can be
/// resumed from the last checkpoint only).
using EpochCallback = std::function<bool(int epoch, int epochs, double loss)>;

// clang-format off
/// `train` fits the model to the data (the model's dimensions; at least one column) and reports. It continues from what
/// the model and the trainer have learned before where the method can (warm start); `round` counts training rounds, and
/// every random number is a function of it and the trainer's seed. Throws for data that do not fit or are not finite.
template <class T, class M>
concept ModelTrainer = requires(T& trainer, const TransitionBatch& data, M& model, std::uint32_t round,
                                const EpochCallback& on_epoch) {
  { trainer.train(data, model, round, on_epoch) } -> std::same_as<TrainingReport>;
};
// clang-format on

/// For a model that is not fitted, such as the true dynamics: what an algorithm does in it bounds what any
/// learned model can bring.
struct NoTraining {
  template <class M>
  TrainingReport train(const TransitionBatch& /*data*/, M& /*model*/, std::uint32_t /*round*/,
                       const EpochCallback& /*on_epoch*/ = {}) {
    return {};
  }
};

/// Throws unless there is data of these dimensions, as many columns of each, all numbers finite. `reward` is
/// checked only on demand.
void check_transitions(const TransitionBatch& data, int obs_dim, int action_dim, bool reward);

}  // namespace mbrl
