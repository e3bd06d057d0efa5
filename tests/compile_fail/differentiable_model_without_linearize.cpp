// A differentiable model that forgets linearize().
// expect: DifferentiableModel
// expect: model.linearize(obs, action, jacobian, workspace)
#include "mbrl/models/differentiable_model.hpp"

struct Model {
  using Scalar = double;
  struct Workspace {};
  int obs_dim() const { return 2; }
  int action_dim() const { return 1; }
  void step(mbrl::ConstBatchRef<double> obs, mbrl::ConstBatchRef<double>, mbrl::BatchRef<double> next_obs,
            Workspace&) const {
    next_obs = obs;
  }
#ifndef MBRL_BREAK
  void linearize(mbrl::ConstBatchRef<double>, mbrl::ConstBatchRef<double>, mbrl::BatchRef<double> jacobian,
                 Workspace&) const {
    jacobian.setIdentity();
  }
#endif
};

static_assert(mbrl::DifferentiableModel<Model>);
