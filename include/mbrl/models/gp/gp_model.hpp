// Dynamics as Gaussian processes: little data go far, and what is unknown is known to be (Deisenroth and Rasmussen,
// "PILCO", ICML 2011, section 2.1).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/models/differentiable_model.hpp"
#include "mbrl/models/dynamics_model.hpp"
#include "mbrl/models/gp/gaussian_process.hpp"
#include "mbrl/task/observation_encoding.hpp"

namespace mbrl {

/// One Gaussian process for each entry of the observation, independent of each other, over shared inputs: encoded
/// observations and actions. Each predicts its target of the encoding, the change as a rule, a priori 0: far from the data
/// nothing is predicted to change, with the prior's variance. A ProbabilisticModel, whose variances are those of the next
/// observation (the noise is in them; 0 for entries that the encoding holds constant), and a DifferentiableModel of the
/// mean. Empty until a GpTrainer fills it; then const and safe to share between threads.
class GpModel {
 public:
  using Scalar = double;
  struct Workspace {
    Batchd features, exponents;       // input_dim, input_dim + 2 x a block of points
    Batchd covariance, root_product;  // n, a panel x block
    Batchd mean, variance;            // obs_dim x n, of the targets
    Batchd gradient;                  // input_dim x block
    Vecd squares;                     // block
  };

  /// Throws unless both dimensions are at least 1.
  GpModel(const ObsEncoding& encoding, int action_dim);
  GpModel(int obs_dim, int action_dim) : GpModel(ObsEncoding::identity(obs_dim), action_dim) {}

  int obs_dim() const { return encoding_.obs_dim(); }
  int action_dim() const { return action_dim_; }
  int input_dim() const { return encoding_.feature_dim() + action_dim_; }
  const ObsEncoding& encoding() const { return encoding_; }
  bool empty() const { return outputs_.empty(); }
  /// Whether inputs() are inducing inputs rather than data.
  bool sparse() const { return sparse_; }
  /// What every posterior is over: input_dim x n, encoded observations above actions, in their own units.
  const Batchd& inputs() const { return inputs_; }
  /// Of entry `output` of the target. These two throw where there is none.
  const GpPosterior& posterior(int output) const;
  const GpHyperparameters& hyperparameters(int output) const;

  /// obs: obs_dim x n, action: action_dim x n; all others obs_dim x n, jacobian as DifferentiableModel says. NaN for inputs
  /// that are not finite. Throw where nothing has been learned.
  void predict(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> mean,
               BatchRef<double> variance, Workspace& workspace) const;
  void step(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> next_obs,
            Workspace& workspace) const;
  void linearize(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> jacobian,
                 Workspace& workspace) const;

  /// What the processes see: input_dim x n.
  void encode(ConstBatchRef<double> obs, ConstBatchRef<double> action, Batchd& features) const;
  /// Mean and variance (noise included; null: not asked for) of the targets at encoded inputs, obs_dim x n.
  void predict_targets(const Batchd& features, Batchd& mean, Batchd* variance, Workspace& workspace) const;

  /// Conditions on data: inputs: input_dim x n, targets: obs_dim x n. Throws for other dimensions, numbers
  /// that are not finite, more points than the machine has memory for, and a covariance that is singular.
  void condition(Batchd inputs, Batchd targets, std::vector<GpHyperparameters> hyperparameters);
  /// Takes posteriors over inducing inputs, input_dim x m; of each entry one.
  void set_sparse(Batchd inducing, std::vector<GpHyperparameters> hyperparameters,
                  std::vector<GpPosterior> posteriors);

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws for other dimensions or arrays that are none of a model; the model is then unchanged.
  void load(const StateDict& in, const std::string& prefix);

 private:
  struct Output;
  void require_data() const;

  ObsEncoding encoding_;
  int action_dim_;
  bool sparse_ = false;
  Batchd inputs_, targets_;  // targets_: empty where sparse
  Vecd centre_;              // of the inputs
  std::vector<std::shared_ptr<const Output>> outputs_;
};

static_assert(ProbabilisticModel<GpModel> && DifferentiableModel<GpModel>);

}  // namespace mbrl
