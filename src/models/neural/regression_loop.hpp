// Epochs of batches over scaled rows, with some kept aside: what trainers of networks by gradients share.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "mbrl/core/random.hpp"
#include "mbrl/data/splits.hpp"
#include "mbrl/models/model_trainer.hpp"
#include "mbrl/models/neural/regression_scaling.hpp"
#include "models/neural/columns.hpp"

namespace mbrl {

// input_dim and obs_dim x n.
struct RegressionBatch {
  Batchf inputs, targets;

  void take(const RegressionBatch& from, std::span<const std::uint32_t> columns) {
    take_columns(from.inputs, columns, inputs);
    take_columns(from.targets, columns, targets);
  }
};

// Of one training round.
struct RegressionRows {
  RegressionBatch all, held_out;
  std::vector<std::uint32_t> train;  // columns of all

  RegressionRows(const TransitionBatch& data, const RegressionScaling& scaling,
                 const RegressionTrainingSettings& settings, std::uint64_t seed, std::uint32_t round) {
    scaling.inputs(data.obs, data.action, all.inputs);
    scaling.targets(data, all.targets);
    HoldoutSplit split = holdout_split(static_cast<std::uint32_t>(data.obs.cols()), settings.holdout_ratio,
                                       static_cast<std::uint32_t>(settings.max_holdout), seed, round);
    train = std::move(split.train);
    held_out.take(all, split.holdout);
  }

  bool judged() const { return held_out.inputs.cols() > 0; }
};

// The key of a round's noise.
inline RandomStream round_stream(std::uint64_t seed, Stream stream, std::uint32_t round) {
  return {RandomStream(seed, stream).below(~std::uint64_t{0}, round), stream};
}

// step(batch, number): one step of the optimiser, returns the batch's mean loss. judge(batch) is the mean loss of what
// is held out. The model is put back to where that was lowest. Losses are all in scaled units.
template <class Model, class Step, class Judge>
TrainingReport run_regression(const RegressionRows& rows, const RegressionTrainingSettings& settings,
                              std::uint64_t seed, std::uint32_t round, const EpochCallback& on_epoch,
                              Model& model, Step&& step, Judge&& judge) {
  const auto count = static_cast<std::uint32_t>(rows.train.size());
  RegressionBatch batch;
  const bool judged = rows.judged();
  double best = judged ? judge(rows.held_out) : 0.0;
  Model kept = model;
  std::vector<std::uint32_t> order(count);
  TrainingReport report;
  report.train_loss.assign(1, 0.0);
  for (int epoch = 0, idle = 0; epoch < settings.epochs; ++epoch) {
    RandomStream(seed, Stream::kShuffle)
        .permutation(order.data(), count, round, static_cast<std::uint32_t>(epoch));
    for (std::uint32_t& row : order) row = rows.train[row];
    double loss = 0.0;
    for (std::uint32_t begin = 0; begin < count; begin += static_cast<std::uint32_t>(settings.batch_size)) {
      const std::uint32_t size = std::min(static_cast<std::uint32_t>(settings.batch_size), count - begin);
      batch.take(rows.all, {order.data() + begin, size});
      loss += step(batch, static_cast<std::uint32_t>(report.steps)) * size;
      ++report.steps;
    }
    report.epochs = epoch + 1;
    report.train_loss[0] = loss / count;
    if (judged) {
      const double now = judge(rows.held_out);
      ++idle;
      if (now < best || !std::isfinite(best)) {
        best = now;
        kept = model;
        idle = 0;
      }
    }
    if (on_epoch && !on_epoch(epoch, settings.epochs, report.train_loss[0])) break;
    if (settings.patience > 0 && judged && idle >= settings.patience) break;
  }
  if (judged) model = std::move(kept);
  return report;
}

}  // namespace mbrl
