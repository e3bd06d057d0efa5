// A dynamics model that forgets step().
// expect: DynamicsModel
// expect: model.step(obs, action, next_obs, workspace)
#include "mbrl/models/dynamics_model.hpp"

struct Model {
  using Scalar = double;
  struct Workspace {};
  int obs_dim() const { return 2; }
  int action_dim() const { return 1; }
#ifndef MBRL_BREAK
  void step(mbrl::ConstBatchRef<double> obs, mbrl::ConstBatchRef<double>, mbrl::BatchRef<double> next_obs,
            Workspace&) const {
    next_obs = obs;
  }
#endif
};

static_assert(mbrl::DynamicsModel<Model>);
