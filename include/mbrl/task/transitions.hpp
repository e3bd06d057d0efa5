// Transitions as matrices, one column a sample: what buffers hand out and models learn from.
#pragma once

#include <cstdint>
#include <vector>

#include "mbrl/core/types.hpp"

namespace mbrl {

/// What a model learns from; `reward` and `terminated` may be empty for one that does not predict them.
struct TransitionBatch {
  Batchf obs, action, next_obs;               // obs_dim, action_dim, obs_dim x n
  Vecf reward;                                // n
  std::vector<std::uint8_t> terminated = {};  // n: 1 where the step ended the task
};

/// The same with what else ended an episode, and for learners of values how much counts of each.
struct Transitions : TransitionBatch {
  std::vector<std::uint8_t> truncated;  // n
  Vecf discount;                        // n, of the value of next_obs; empty: the learner's own
  Vecf weight;                          // n, in the loss; empty: 1
};

}  // namespace mbrl
