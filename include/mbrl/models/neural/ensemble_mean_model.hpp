// A trained ensemble's mean prediction as a differentiable model: iLQR and the gradient planner run on it.
#pragma once

#include <vector>

#include "mbrl/core/types.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"

namespace mbrl {

/// The next observation is the average over the elites of what their means predict; its Jacobian is carried
/// forward through the networks with the values (a chain of products, one a layer). In double precision, which
/// line searches need; products go through the vector kernels (mbrl/math/dense_kernels.hpp). A learned reward
/// is left out: gradient-based planners take a TrajectoryCost. With the activation relu the derivative at 0 is
/// 0.
class EnsembleMeanModel {
 public:
  using Scalar = double;
  struct Workspace {
    std::vector<double> values, next_values, slopes, next_slopes;
  };

  /// Copies the model. Throws if it is not valid.
  explicit EnsembleMeanModel(const MlpEnsemble& model);

  int obs_dim() const { return encoding_.obs_dim(); }
  int action_dim() const { return action_dim_; }

  void step(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> next_obs,
            Workspace& workspace) const;
  /// jacobian: nx x N nz, as for every DifferentiableModel.
  void linearize(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> jacobian,
                 Workspace& workspace) const;

 private:
  struct Layer {
    Index in = 0, out = 0;
    std::vector<double> weight, bias;  // out x in, column-major; out
  };
  void check(const ConstBatchRef<double>& obs, const ConstBatchRef<double>& action, Index rows) const;
  void run(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> out, bool derivatives,
           Workspace& workspace) const;

  ObsEncoding encoding_;
  int action_dim_;
  Activation activation_;
  std::vector<double> input_mean_, input_std_;
  std::vector<std::vector<Layer>> members_;  // of the elites; of the last layer the means' rows alone
};

}  // namespace mbrl
