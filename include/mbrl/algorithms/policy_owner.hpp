// What an algorithm offers that learns a policy by itself, rather than a model to plan in: the policy can leave the
// program (`mbrl export`).
#pragma once

#include "mbrl/algorithms/algorithm.hpp"
#include "mbrl/policy/mlp_policy.hpp"

namespace mbrl {

class PolicyOwner : public virtual Capability {
 public:
  /// As it is now; its mode is what acts without exploration.
  virtual const MlpPolicy& policy() const = 0;
};

}  // namespace mbrl
