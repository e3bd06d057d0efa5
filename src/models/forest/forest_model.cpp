#include "mbrl/models/forest/forest_model.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/task/encoding_checkpoint.hpp"
#include "models/forest/tree_walk.hpp"

namespace mbrl {
namespace {

// Children behind their parents and each leaf's numbers there: a walk ends, whatever it is asked.
void check_tree(const RegressionTree& tree, std::size_t index, int features, int entries) {
  const auto nodes = static_cast<std::int64_t>(tree.nodes.size());
  const auto leaves = static_cast<std::int64_t>(tree.mean.size()) / entries;
  require(nodes >= 1, "ForestModel: tree ", index, " has no nodes");
  require(tree.mean.size() == tree.variance.size() &&
              leaves * entries == static_cast<std::int64_t>(tree.mean.size()),
          "ForestModel: tree ", index, " has ", tree.mean.size(), " means and ", tree.variance.size(),
          " variances, expected as many, ", entries, " a leaf");
  for (std::int64_t i = 0; i < nodes; ++i) {
    const RegressionTree::Node& node = tree.nodes[static_cast<std::size_t>(i)];
    const bool sound = node.feature < 0 ? node.left >= 0 && node.left < leaves
                                        : node.feature < features && node.left > i && node.left + 1 < nodes &&
                                              std::isfinite(node.threshold);
    require(sound, "ForestModel: node ", i, " of tree ", index, " leads nowhere (feature ", node.feature,
            ", child or leaf ", node.left, ", threshold ", node.threshold, ")");
  }
  const auto finite = [](float v) { return std::isfinite(v); };
  require(std::all_of(tree.mean.begin(), tree.mean.end(), finite) &&
              std::all_of(tree.variance.begin(), tree.variance.end(),
                          [](float v) { return std::isfinite(v) && v >= 0.0f; }),
          "ForestModel: a leaf of tree ", index,
          " holds a number that is not finite, or a negative variance");
}

}  // namespace

int RegressionTree::leaves() const {
  return static_cast<int>(
      std::count_if(nodes.begin(), nodes.end(), [](const Node& n) { return n.feature < 0; }));
}

int RegressionTree::depth() const {
  std::vector<int> depths(nodes.size(), 0);
  int deepest = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    deepest = std::max(deepest, depths[i]);
    if (nodes[i].feature < 0) continue;
    const auto left = static_cast<std::size_t>(nodes[i].left);
    depths[left] = depths[left + 1] = depths[i] + 1;
  }
  return deepest;
}

ForestModel::ForestModel(const ObsEncoding& encoding, int action_dim)
    : encoding_(encoding),
      action_dim_(action_dim),
      out_of_bag_error_(std::numeric_limits<double>::quiet_NaN()) {
  require(obs_dim() >= 1 && action_dim >= 1, "ForestModel: dimensions of ", obs_dim(), " and ", action_dim,
          ", expected at least 1");
  encoding.validate();
}

void ForestModel::require_trees() const {
  require(!trees_.empty(), "ForestModel: it has no trees; train it before it predicts");
}

void ForestModel::encode(ConstBatchRef<float> obs, ConstBatchRef<float> action, Batchf& features) const {
  require_dim("ForestModel", "action", action.rows(), action_dim_);
  features.resize(input_dim(), obs.cols());
  encoding_.encode<float>(obs, features.topRows(encoding_.feature_dim()));
  features.bottomRows(action_dim_) = action;
}

void ForestModel::predict(int member, ConstBatchRef<float> obs, ConstBatchRef<float> action,
                          BatchRef<float> mean, BatchRef<float> variance, Workspace& workspace) const {
  require_trees();
  require(0 <= member && member < members(), "ForestModel: member ", member, " asked for, there are ",
          members());
  encode(obs, action, workspace.features);
  const RegressionTree& tree = trees_[static_cast<std::size_t>(member)];
  workspace.mean.resize(obs_dim(), obs.cols());
  forest::for_each_leaf(tree, workspace.features, [&](Index column, std::int32_t leaf) {
    const Index at = static_cast<Index>(leaf) * obs_dim();
    std::copy_n(tree.mean.data() + at, obs_dim(), &workspace.mean(0, column));
    std::copy_n(tree.variance.data() + at, obs_dim(), &variance(0, column));
  });
  for (Index b = 0; b < obs.cols(); ++b) {
    if (workspace.features.col(b).allFinite()) continue;
    workspace.mean.col(b).setConstant(std::numeric_limits<float>::quiet_NaN());
    variance.col(b).setConstant(std::numeric_limits<float>::quiet_NaN());
  }
  encoding_.decode<float>(obs, workspace.mean, mean);
}

void ForestModel::step(ConstBatchRef<float> obs, ConstBatchRef<float> action, BatchRef<float> next_obs,
                       Workspace& workspace) const {
  require_trees();
  encode(obs, action, workspace.features);
  workspace.mean.setZero(obs_dim(), obs.cols());
  for (const RegressionTree& tree : trees_)
    forest::for_each_leaf(tree, workspace.features, [&](Index column, std::int32_t leaf) {
      const float* mean = tree.mean.data() + static_cast<Index>(leaf) * obs_dim();
      float* sum = &workspace.mean(0, column);
      for (int e = 0; e < obs_dim(); ++e) sum[e] += mean[e];
    });
  workspace.mean /= static_cast<float>(members());
  for (Index b = 0; b < obs.cols(); ++b)
    if (!workspace.features.col(b).allFinite())
      workspace.mean.col(b).setConstant(std::numeric_limits<float>::quiet_NaN());
  encoding_.decode<float>(obs, workspace.mean, next_obs);
}

void ForestModel::set_trees(std::vector<RegressionTree> trees, double out_of_bag_error) {
  require(!trees.empty(), "ForestModel: no trees, expected at least 1");
  for (std::size_t i = 0; i < trees.size(); ++i) check_tree(trees[i], i, input_dim(), obs_dim());
  trees_ = std::move(trees);
  out_of_bag_error_ = out_of_bag_error;
}

void ForestModel::save(StateDict& out, const std::string& prefix) const {
  save_encoding(encoding_, out, prefix);
  out.put(prefix + "shape", std::vector<std::int64_t>{action_dim_, members()});
  out.put_scalar(prefix + "out_of_bag_error", out_of_bag_error_);
  for (std::size_t t = 0; t < trees_.size(); ++t) {
    const RegressionTree& tree = trees_[t];
    const std::string name = prefix + "trees." + std::to_string(t) + ".";
    std::vector<std::int64_t> branches;  // [node][feature, left]
    std::vector<float> thresholds;
    for (const RegressionTree::Node& node : tree.nodes) {
      branches.insert(branches.end(), {node.feature, node.left});
      thresholds.push_back(node.threshold);
    }
    out.put(name + "branches", branches.data(), {static_cast<std::int64_t>(tree.nodes.size()), 2});
    out.put(name + "thresholds", thresholds);
    out.put(name + "mean", tree.mean);
    out.put(name + "variance", tree.variance);
  }
}

void ForestModel::load(const StateDict& in, const std::string& prefix) {
  const auto shape = in.get<std::int64_t>(prefix + "shape");
  require(shape.size() == 2 && shape[1] >= 0, "checkpoint: '", prefix, "shape' is none of a forest");
  require_dim("checkpoint: '" + prefix + "shape'", "the action", shape[0], action_dim_);
  ForestModel read(load_encoding(in, prefix), action_dim_);
  require_dim("checkpoint: '" + prefix + "encoding'", "the observation", read.obs_dim(), obs_dim());
  std::vector<RegressionTree> trees;
  for (std::int64_t t = 0; t < shape[1]; ++t) {
    const std::string name = prefix + "trees." + std::to_string(t) + ".";
    const auto branches = in.get<std::int64_t>(name + "branches");
    const auto thresholds = in.get<float>(name + "thresholds");
    require(branches.size() == 2 * thresholds.size(), "checkpoint: '", name, "branches' has ",
            branches.size(), " numbers, expected two for each of ", thresholds.size(), " thresholds");
    RegressionTree tree;
    for (std::size_t i = 0; i < thresholds.size(); ++i) {
      const std::int64_t feature = branches[2 * i], left = branches[2 * i + 1];
      constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
      require(feature >= -1 && feature <= kMost && left >= 0 && left < kMost, "checkpoint: '", name,
              "branches' holds ", feature, " and ", left);
      tree.nodes.push_back(
          {thresholds[i], static_cast<std::int32_t>(feature), static_cast<std::int32_t>(left)});
    }
    tree.mean = in.get<float>(name + "mean");
    tree.variance = in.get<float>(name + "variance");
    trees.push_back(std::move(tree));
  }
  if (!trees.empty()) read.set_trees(std::move(trees), in.get_scalar<double>(prefix + "out_of_bag_error"));
  *this = std::move(read);
}

}  // namespace mbrl
