#include "mbrl/models/forest/forest_trainer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/data/splits.hpp"
#include "models/forest/grow_tree.hpp"
#include "models/forest/tree_walk.hpp"

namespace mbrl {
namespace {

using forest::GrowingData;

// Squared errors of one tree over rows, summed over entries, in the targets' standard deviations.
struct TreeErrors {
  double grown_on = 0.0, left_out = 0.0;  // sums
  double rows_grown_on = 0.0, rows_left_out = 0.0;
};

Eigen::Map<const Vecf> leaf_mean(const RegressionTree& tree, std::int32_t leaf, Index entries) {
  return {tree.mean.data() + leaf * entries, entries};
}

TreeErrors errors_of(const RegressionTree& tree, const GrowingData& data, const Batchf& features,
                     const std::vector<std::uint32_t>& weight) {
  const Index entries = data.targets.rows();
  TreeErrors errors;
  forest::for_each_leaf(tree, features, [&](Index row, std::int32_t leaf) {
    const double error =
        (leaf_mean(tree, leaf, entries).cast<double>() - data.targets.col(row)).squaredNorm();
    const double w = weight[static_cast<std::size_t>(row)];
    errors.grown_on += w * error;
    errors.rows_grown_on += w;
    if (w > 0.0) return;
    errors.left_out += error;
    errors.rows_left_out += 1.0;
  });
  return errors;
}

// Of the mean over the trees that have not seen a row, over the rows that some tree has not seen.
double out_of_bag(const std::vector<RegressionTree>& trees, const GrowingData& data, const Batchf& features,
                  const std::vector<std::vector<std::uint32_t>>& weights) {
  const Index entries = data.targets.rows();
  Batchd mean = Batchd::Zero(entries, features.cols());
  Vecd asked = Vecd::Zero(features.cols());
  for (std::size_t t = 0; t < trees.size(); ++t)
    forest::for_each_leaf(trees[t], features, [&](Index row, std::int32_t leaf) {
      if (weights[t][static_cast<std::size_t>(row)] > 0) return;
      mean.col(row) += leaf_mean(trees[t], leaf, entries).cast<double>();
      asked[row] += 1.0;
    });
  double sum = 0.0, count = 0.0;
  for (Index row = 0; row < features.cols(); ++row) {
    if (asked[row] == 0.0) continue;
    sum += (mean.col(row) / asked[row] - data.targets.col(row)).squaredNorm();
    count += static_cast<double>(entries);
  }
  return count > 0.0 ? sum / count : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

ForestTrainer::ForestTrainer(const ForestSettings& settings, ThreadPool& pool, std::uint64_t seed)
    : settings_(settings), pool_(&pool), seed_(seed) {
  require(settings.trees >= 1, "ForestTrainer: trees is ", settings.trees, ", expected at least 1");
  require(settings.min_leaf >= 1, "ForestTrainer: min_leaf is ", settings.min_leaf, ", expected at least 1");
  require(settings.max_depth >= 0, "ForestTrainer: max_depth is ", settings.max_depth,
          ", expected at least 0");
  require(settings.feature_share > 0.0 && settings.feature_share <= 1.0, "ForestTrainer: feature_share is ",
          settings.feature_share, ", expected 0 < feature_share <= 1");
}

TrainingReport ForestTrainer::train(const TransitionBatch& data, ForestModel& model, std::uint32_t round,
                                    const EpochCallback& on_epoch) {
  check_transitions(data, model.obs_dim(), model.action_dim(), false);
  const Index n = data.obs.cols(), entries = model.obs_dim();
  Batchf features, raw(entries, n);
  model.encode(data.obs, data.action, features);
  model.encoding().target<float>(data.obs, data.next_obs, raw);
  Batchd targets = raw.cast<double>();
  const Vecd centre = targets.rowwise().mean();
  targets.colwise() -= centre;
  Vecd scale = (targets.rowwise().squaredNorm() / static_cast<double>(n)).cwiseSqrt();
  for (Index e = 0; e < entries; ++e)  // an entry that does not vary decides nothing
    if (!(scale[e] > 1e-7 * std::abs(centre[e]) && scale[e] > 1e-12)) scale[e] = 1.0;
  targets = scale.cwiseInverse().asDiagonal() * targets;
  const GrowingData growing = forest::prepare(features, std::move(targets));

  const auto count = static_cast<std::size_t>(settings_.trees);
  const auto rows = static_cast<std::uint32_t>(n);
  const int tried = std::max(
      1, static_cast<int>(std::lround(settings_.feature_share * static_cast<double>(model.input_dim()))));
  std::vector<RegressionTree> trees(count);
  std::vector<std::vector<std::uint32_t>> weights(count, std::vector<std::uint32_t>(rows, 1));
  std::vector<TreeErrors> errors(count);
  pool_->run(settings_.trees, [&](int index) {
    const auto t = static_cast<std::size_t>(index);
    const auto tree = static_cast<std::uint32_t>(index);
    if (settings_.bootstrap) {
      std::fill(weights[t].begin(), weights[t].end(), 0u);
      for (const std::uint32_t row : bootstrap_indices(rows, seed_, round, tree)) ++weights[t][row];
    }
    // Of every node its own draw: the first of a random order of the features.
    const RandomStream random(RandomStream(seed_, Stream::kShuffle).below(~std::uint64_t{0}, round, tree),
                              Stream::kShuffle);
    const auto choose = [&](std::uint32_t node, std::vector<int>& out) {
      out.resize(static_cast<std::size_t>(model.input_dim()));
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<int>(i);
      if (tried == model.input_dim()) return;
      random.permutation(out.data(), static_cast<std::uint32_t>(out.size()), node);
      out.resize(static_cast<std::size_t>(tried));
    };
    trees[t] = forest::grow_tree(growing, weights[t], settings_, choose);
    errors[t] = errors_of(trees[t], growing, features, weights[t]);
  });

  TrainingReport report;
  report.epochs = 1;
  double mean_loss = 0.0;
  for (const TreeErrors& e : errors) {
    report.train_loss.push_back(e.grown_on / (e.rows_grown_on * static_cast<double>(entries)));
    if (settings_.bootstrap)
      report.holdout_loss.push_back(e.rows_left_out > 0.0
                                        ? e.left_out / (e.rows_left_out * static_cast<double>(entries))
                                        : std::numeric_limits<double>::quiet_NaN());
    mean_loss += report.train_loss.back() / static_cast<double>(count);
  }
  const double unseen = out_of_bag(trees, growing, features, weights);
  for (RegressionTree& tree : trees)  // into the targets' own units
    for (std::size_t i = 0; i < tree.mean.size(); ++i) {
      const auto e = static_cast<Index>(i) % entries;
      tree.mean[i] = static_cast<float>(centre[e] + scale[e] * static_cast<double>(tree.mean[i]));
      tree.variance[i] = static_cast<float>(scale[e] * scale[e] * static_cast<double>(tree.variance[i]));
    }
  model.set_trees(std::move(trees), unseen);
  if (on_epoch) on_epoch(0, 1, mean_loss);
  return report;
}

}  // namespace mbrl
