// A policy that explores around what a deterministic one does.
#pragma once

#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

/// The squashed Gaussian whose mode is the policy's action for every observation, with this standard deviation of each
/// dimension before tanh (in half action ranges where tanh is steep). `bounds` are the policy's. Throws mbrl::Error for
/// a policy that is not deterministic, and for a deviation that its settings' bounds of the log-variance leave no room
/// for.
MlpPolicy gaussian_around(const MlpPolicy& policy, const ActionBounds& bounds, double std);

}  // namespace mbrl
