// An MLP ensemble as any other EnsembleModel: the readable oracle of the vector kernels, and the ensemble for
// whatever takes models by their concept.
#pragma once

#include "mbrl/core/types.hpp"
#include "mbrl/models/dynamics_model.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"

namespace mbrl {

/// Its members are the elites, best first. A member's Gaussian over the next observation comes from the plain
/// forward pass (predict_member): the decoded mean, and the variance of what is predicted; constants of an
/// episode, and all entries of a deterministic ensemble, have variance 0. A learned reward is left out.
/// `step` is the mean of the members' means.
class MlpEnsembleModel {
 public:
  using Scalar = float;
  struct Workspace {
    Batchf mean, logvar;    // target_dim x n
    Batchf next, variance;  // obs_dim x n
  };

  /// The model must outlive this; it may be trained between calls.
  explicit MlpEnsembleModel(const MlpEnsemble& model) : model_(&model) {}

  int obs_dim() const { return model_->obs_dim(); }
  int action_dim() const { return model_->action_dim; }
  int members() const { return static_cast<int>(model_->elites.size()); }

  void predict(int member, ConstBatchRef<float> obs, ConstBatchRef<float> action, BatchRef<float> mean,
               BatchRef<float> variance, Workspace& workspace) const;
  void step(ConstBatchRef<float> obs, ConstBatchRef<float> action, BatchRef<float> next_obs,
            Workspace& workspace) const;

 private:
  const MlpEnsemble* model_;
};

static_assert(EnsembleModel<MlpEnsembleModel> && DynamicsModel<MlpEnsembleModel>);

}  // namespace mbrl
