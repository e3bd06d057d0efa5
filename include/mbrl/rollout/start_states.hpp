// Where imagined trajectories begin: at observations of the past, or as episodes did.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

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

/// The first observations of a buffer's episodes.
class EpisodeStarts {
 public:
  /// Those that are in the buffer now.
  void find(const TransitionBuffer& buffer) {
    rows_.clear();
    for (std::size_t row = 0; row < buffer.size(); ++row)
      if (buffer.step(row) == 0) rows_.push_back(static_cast<std::uint32_t>(row));
  }
  /// `count` of them, uniformly with replacement; obs_dim x count. Start i is a function of (random, index, i) and of what
  /// was found in the buffer, which must not have changed. Throws mbrl::Error where nothing was.
  Batchf draw(const TransitionBuffer& buffer, int count, const RandomStream& random,
              std::uint32_t index) const {
    require(!rows_.empty(), "EpisodeStarts: no episode has begun in the buffer");
    Batchf out(buffer.obs_dim(), count);
    for (Index i = 0; i < count; ++i)
      out.col(i) = buffer.obs(rows_[random.below(rows_.size(), index, static_cast<std::uint32_t>(i))]);
    return out;
  }

 private:
  std::vector<std::uint32_t> rows_;
};

}  // namespace mbrl
