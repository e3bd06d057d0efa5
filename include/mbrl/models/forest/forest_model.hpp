// Dynamics as a forest of regression trees: no gradient, no smoothness, hard to mislead far from the data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/models/dynamics_model.hpp"
#include "mbrl/task/observation_encoding.hpp"

namespace mbrl {

/// A binary tree over features. Node 0 is the root; a node's children are `left` and `left` + 1, both behind
/// it. Samples whose feature is above the threshold go right.
struct RegressionTree {
  struct Node {
    float threshold = 0.0f;
    std::int32_t feature = -1;  // -1: a leaf
    std::int32_t left = 0;      // of a leaf: which
  };
  std::vector<Node> nodes;
  std::vector<float> mean, variance;  // [leaf][entry]

  int leaves() const;
  int depth() const;  // edges to the deepest leaf
};

/// Each tree predicts, from encoded observations and actions, the mean and variance of the targets (changes,
/// as a rule) of the rows in one of its leaves. An EnsembleModel whose members are the trees: that they
/// disagree says how little is known. `step` is the mean of the trees' means. Empty until a ForestTrainer
/// fills it; then const and safe to share between threads.
class ForestModel {
 public:
  using Scalar = float;
  struct Workspace {
    Batchf features;  // input_dim x n
    Batchf mean;      // obs_dim x n, of the targets
  };

  /// Throws unless both dimensions are at least 1.
  ForestModel(const ObsEncoding& encoding, int action_dim);
  ForestModel(int obs_dim, int action_dim) : ForestModel(ObsEncoding::identity(obs_dim), action_dim) {}

  int obs_dim() const { return encoding_.obs_dim(); }
  int action_dim() const { return action_dim_; }
  int input_dim() const { return encoding_.feature_dim() + action_dim_; }
  int members() const { return static_cast<int>(trees_.size()); }
  const ObsEncoding& encoding() const { return encoding_; }
  const std::vector<RegressionTree>& trees() const { return trees_; }
  /// Mean squared error on rows that the trees asked have not been grown on, in variances of the targets (1
  /// is as good as their mean). NaN where every tree has seen every row.
  double out_of_bag_error() const { return out_of_bag_error_; }

  /// A Gaussian over the next observation, obs_dim x n each. NaN for inputs that are not finite. Throws where
  /// nothing has been learned.
  void predict(int member, ConstBatchRef<float> obs, ConstBatchRef<float> action, BatchRef<float> mean,
               BatchRef<float> variance, Workspace& workspace) const;
  void step(ConstBatchRef<float> obs, ConstBatchRef<float> action, BatchRef<float> next_obs,
            Workspace& workspace) const;

  /// What the trees see: input_dim x n.
  void encode(ConstBatchRef<float> obs, ConstBatchRef<float> action, Batchf& features) const;
  /// For trainers. Throws for trees that are none over these features and entries.
  void set_trees(std::vector<RegressionTree> trees, double out_of_bag_error);

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws for other dimensions or trees that are none; the model is then unchanged.
  void load(const StateDict& in, const std::string& prefix);

 private:
  void require_trees() const;

  ObsEncoding encoding_;
  int action_dim_;
  std::vector<RegressionTree> trees_;
  double out_of_bag_error_;
};

static_assert(EnsembleModel<ForestModel> && DynamicsModel<ForestModel>);

}  // namespace mbrl
