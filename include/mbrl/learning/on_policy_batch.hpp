// What a policy has just done, for whoever learns from it.
#pragma once

#include <cstdint>
#include <span>

#include "mbrl/core/types.hpp"

namespace mbrl {

/// One column a step, in any order.
struct OnPolicyBatch {
  Batchf obs, action;
  Vecf advantage;
  Vecf target;     // what the value function is to say
  Vecf old_value;  // what it said
};

/// Throws mbrl::Error unless there is a column, of these dimensions, with everything for all of them.
void check_batch(const char* where, const OnPolicyBatch& batch, int obs_dim, int action_dim);

/// (A - mean) * scale has mean 0 and deviation 1 over the steps that it is of.
struct AdvantageScale {
  float mean = 0, scale = 1;
};
AdvantageScale advantage_scale(const Vecf& advantage, std::span<const std::uint32_t> steps);
/// Of all of them; a single step is as it was.
AdvantageScale advantage_scale(const Vecf& advantage);

}  // namespace mbrl
