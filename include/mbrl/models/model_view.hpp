// A model by reference, for rollouts that plan in a model which is still being trained.
#pragma once

#include "mbrl/core/types.hpp"
#include "mbrl/models/differentiable_model.hpp"
#include "mbrl/models/dynamics_model.hpp"

namespace mbrl {

/// Offers whatever of the models' concepts M does. Rollouts own their model; through a view they see what a
/// trainer has made of it since, without copies. The model must outlive the view, and must not be trained
/// while it is evaluated.
template <class M>
class ModelView {
 public:
  using Scalar = typename M::Scalar;
  using Workspace = typename M::Workspace;

  explicit ModelView(const M& model) : model_(&model) {}

  const M& model() const { return *model_; }
  int obs_dim() const { return static_cast<int>(model_->obs_dim()); }
  int action_dim() const { return static_cast<int>(model_->action_dim()); }

  void step(ConstBatchRef<Scalar> obs, ConstBatchRef<Scalar> action, BatchRef<Scalar> next_obs,
            Workspace& workspace) const
    requires DynamicsModel<M>
  {
    model_->step(obs, action, next_obs, workspace);
  }
  void predict(ConstBatchRef<Scalar> obs, ConstBatchRef<Scalar> action, BatchRef<Scalar> mean,
               BatchRef<Scalar> variance, Workspace& workspace) const
    requires ProbabilisticModel<M>
  {
    model_->predict(obs, action, mean, variance, workspace);
  }
  int members() const
    requires EnsembleModel<M>
  {
    return static_cast<int>(model_->members());
  }
  void predict(int member, ConstBatchRef<Scalar> obs, ConstBatchRef<Scalar> action, BatchRef<Scalar> mean,
               BatchRef<Scalar> variance, Workspace& workspace) const
    requires EnsembleModel<M>
  {
    model_->predict(member, obs, action, mean, variance, workspace);
  }
  void linearize(ConstBatchRef<Scalar> obs, ConstBatchRef<Scalar> action, BatchRef<Scalar> jacobian,
                 Workspace& workspace) const
    requires DifferentiableModel<M>
  {
    model_->linearize(obs, action, jacobian, workspace);
  }

 private:
  const M* model_;
};

}  // namespace mbrl
