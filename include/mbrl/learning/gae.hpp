// Advantages of what a policy did, from rewards and a value function. Schulman, Moritz, Levine, Jordan, Abbeel,
// "High-dimensional continuous control using generalized advantage estimation", ICLR 2016.
#pragma once

#include <cstdint>
#include <span>

#include "mbrl/core/types.hpp"

namespace mbrl {

/// A row an environment, a column a step; flags are in that order, column by column.
struct StepsOfMany {
  ConstBatchRef<float> reward;
  ConstBatchRef<float> value;       // V(s_t)
  ConstBatchRef<float> next_value;  // V(s_{t+1}), of the last observation of an episode where one ended
  std::span<const std::uint8_t> terminated, truncated;
};

/// Equation 16, with the sums cut where an episode ends:
///   delta_t = r_t + gamma (1 - terminated_t) V(s_{t+1}) - V(s_t),
///   A_t = delta_t + gamma lambda (1 - ended_t) A_{t+1},  ended: terminated or truncated.
/// Throws mbrl::Error for shapes that do not agree.
void generalized_advantages(const StepsOfMany& steps, double discount, double lambda, Batchf& advantage);

}  // namespace mbrl
