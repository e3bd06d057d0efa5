// Advantages of what a policy did, from rewards and a value function. Schulman, Moritz, Levine, Jordan, Abbeel,
// "High-dimensional continuous control using generalized advantage estimation", ICLR 2016.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

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

/// Throws mbrl::Error, which begins with `where`, unless both are in [0, 1].
void require_gae_settings(const std::string& where, double discount, double lambda);

/// The flags of StepsOfMany for trajectories side by side in `horizon` columns, of which each has a length of its own
/// (at most that) and did or did not terminate in its last step. What lies past its end counts as truncated, so that
/// no sum crosses it.
struct EpisodeEnds {
  std::vector<std::uint8_t> terminated, truncated;  // n horizon

  void mark(std::span<const int> length, std::span<const std::uint8_t> last_terminated, Index horizon);
};

}  // namespace mbrl
