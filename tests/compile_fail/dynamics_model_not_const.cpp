// A dynamics model whose step() is not const could not serve several threads.
// expect: DynamicsModel
// expect: model.step(obs, action, next_obs, workspace)
#include "mbrl/models/dynamics_model.hpp"

#ifdef MBRL_BREAK
#define MBRL_MAYBE_CONST
#else
#define MBRL_MAYBE_CONST const
#endif

struct Model {
  using Scalar = float;
  struct Workspace {};
  int obs_dim() const { return 2; }
  int action_dim() const { return 1; }
  void step(mbrl::ConstBatchRef<float> obs, mbrl::ConstBatchRef<float>, mbrl::BatchRef<float> next_obs,
            Workspace&) MBRL_MAYBE_CONST {
    next_obs = obs;
  }
};

static_assert(mbrl::DynamicsModel<Model>);
