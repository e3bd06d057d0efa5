// A policy that forgets act(): refused by imagination and by actors.
// expect: Policy
// expect: policy.act(obs, memory, key, action, workspace)
#include "mbrl/policy/policy_actor.hpp"

struct Still {
  using Scalar = float;
  using Workspace = mbrl::NoPolicyWorkspace;
  int obs_dim() const { return 3; }
  int action_dim() const { return 1; }
  int memory_dim() const { return 0; }
#ifndef MBRL_BREAK
  void act(mbrl::ConstBatchRef<float>, mbrl::BatchRef<float>, const mbrl::PolicyKey&,
           mbrl::BatchRef<float> action, Workspace&) const {
    action.setZero();
  }
#endif
};

using MyActor = mbrl::PolicyActor<Still>;
MyActor* actor = nullptr;
