// What an algorithm may offer besides learning: a policy that leaves the program, the data it has learned from.
#pragma once

#include <variant>

#include "mbrl/algorithms/algorithm.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/policy/categorical_policy.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/task/task_functions.hpp"

namespace mbrl {

/// A policy of one of the kinds that are learned.
using LearnedPolicy = std::variant<const MlpPolicy*, const CategoricalPolicy*>;

/// It learns a policy by itself, rather than a model to plan in (`mbrl export`).
class PolicyOwner : public virtual Capability {
 public:
  /// As it is now, for as long as the algorithm is there; its mode is what acts without exploration.
  virtual LearnedPolicy policy() const = 0;
};

/// It learns what states are worth (`mbrl plan --terminal`).
class ValueOwner : public virtual Capability {
 public:
  /// As it is now, for as long as the algorithm is there and does not learn.
  virtual TerminalValueFunction<float> value() const = 0;
  virtual double discount() const = 0;  // per control step
};

/// It keeps what it has experienced (`mbrl dataset`).
class DataOwner : public virtual Capability {
 public:
  virtual const TransitionBuffer& buffer() const = 0;
};

}  // namespace mbrl
