// What an algorithm may offer besides learning: a policy that leaves the program, the data it has learned from.
#pragma once

#include "mbrl/algorithms/algorithm.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/policy/mlp_policy.hpp"

namespace mbrl {

/// It learns a policy by itself, rather than a model to plan in (`mbrl export`).
class PolicyOwner : public virtual Capability {
 public:
  /// As it is now; its mode is what acts without exploration.
  virtual const MlpPolicy& policy() const = 0;
};

/// It keeps what it has experienced (`mbrl dataset`).
class DataOwner : public virtual Capability {
 public:
  virtual const TransitionBuffer& buffer() const = 0;
};

}  // namespace mbrl
