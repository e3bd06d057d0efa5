// What networks of a dynamics model see and predict, in units of the data, and the numbers of their training that do
// not depend on the loss.
#pragma once

#include <string>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/task/observation_encoding.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

/// Inputs are encoded observations and actions, targets what the encoding makes of the next observation (its change, as
/// a rule); both minus their mean, divided by their standard deviation. What does not vary is divided by 1, and a
/// change by at least 1e-4 of its entry's deviation. Before the first `fit` nothing is scaled.
class RegressionScaling {
 public:
  /// Throws mbrl::Error, which begins with `who`, unless both dimensions are at least 1 and the encoding is sound.
  RegressionScaling(const char* who, const ObsEncoding& encoding, int action_dim);

  int obs_dim() const { return encoding_.obs_dim(); }
  int action_dim() const { return action_dim_; }
  int input_dim() const { return encoding_.feature_dim() + action_dim_; }
  const ObsEncoding& encoding() const { return encoding_; }

  /// Throws unless the data are of these dimensions and finite; the scales are then unchanged.
  void fit(const TransitionBatch& data);

  /// input_dim x n.
  void inputs(ConstBatchRef<float> obs, ConstBatchRef<float> action, Batchf& out) const;
  /// obs_dim x n.
  void targets(const TransitionBatch& data, Batchf& out) const;

  /// The next observation of a target, obs_dim x n each; NaN in columns whose observation or action is not finite.
  void next_obs(ConstBatchRef<float> obs, ConstBatchRef<float> action, ConstBatchRef<float> target,
                BatchRef<float> out) const;
  /// In place: from units of targets to units of the next observation. Entries that are constant in an episode get 0,
  /// columns whose observation or action is not finite NaN.
  void scale_variance(ConstBatchRef<float> obs, ConstBatchRef<float> action, BatchRef<float> variance) const;

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws for other dimensions and for scales that cannot be; this is then unchanged.
  void load(const StateDict& in, const std::string& prefix);

 private:
  ObsEncoding encoding_;
  int action_dim_;
  Vecf input_mean_, input_std_, target_mean_, target_std_;
};

struct RegressionTrainingSettings {
  int epochs = 100;             // passes over the rows
  int batch_size = 64;          // rows a step; the last batch of an epoch may be smaller
  double learning_rate = 1e-3;  // Adam
  double max_gradient = 0;      // largest norm of a gradient, beyond which it is scaled down; 0: any
  double holdout_ratio = 0;     // share of rows kept aside: the best parameters on them stay
  int max_holdout = 5000;       // rows kept aside at most
  int patience = 0;             // epochs without an improvement on them before it stops; 0: runs all

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("epochs", s.epochs, "passes over the rows");
    field("batch_size", s.batch_size, "rows a step");
    field("learning_rate", s.learning_rate, "Adam's step size");
    field("max_gradient", s.max_gradient,
          "largest norm of a gradient, beyond which it is scaled down; 0: any");
    field("holdout_ratio", s.holdout_ratio, "share of rows kept aside; the best parameters on them stay");
    field("max_holdout", s.max_holdout, "rows kept aside at most");
    field("patience", s.patience, "epochs without an improvement on them before it stops; 0 runs all");
  }

  /// Throws mbrl::Error, which begins with `who`, unless every value makes sense.
  void validate(const std::string& who) const;
};

}  // namespace mbrl
