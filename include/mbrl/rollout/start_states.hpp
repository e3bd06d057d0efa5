// Where imagined trajectories begin: at observations of the past.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/data/transition_buffer.hpp"

namespace mbrl {

/// n observations of the newest `recent` rows (0: of all), uniformly with replacement, into `starts` (obs_dim
/// x n, resized if it has another shape). Start i is a function of (random, index, i) and the buffer's size.
/// Throws mbrl::Error for an empty buffer.
inline void draw_starts(const TransitionBuffer& buffer, Index n, const RandomStream& random,
                        std::uint32_t index, Batchf& starts, std::size_t recent = 0) {
  require(!buffer.empty(), "draw_starts: the buffer is empty, expected at least one transition");
  const std::size_t rows = recent == 0 ? buffer.size() : std::min(recent, buffer.size());
  const std::size_t first = buffer.size() - rows;
  starts.resize(buffer.obs_dim(), n);
  for (Index i = 0; i < n; ++i)
    starts.col(i) = buffer.obs(first + random.below(rows, index, static_cast<std::uint32_t>(i)));
}

}  // namespace mbrl
