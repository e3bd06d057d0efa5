// Holdout and bootstrap views of a buffer: row indices into it, nothing copied; functions of (seed, round,
// member).
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "mbrl/data/splits.hpp"
#include "mbrl/data/transition_buffer.hpp"

namespace mbrl {

/// Some rows of a buffer in an order of its own. The buffer must outlive the view; rows mean what they meant
/// as long as nothing is overwritten.
class BufferView {
 public:
  BufferView(const TransitionBuffer& buffer, std::vector<std::uint32_t> rows)
      : buffer_(&buffer), rows_(std::move(rows)) {
    for (const std::uint32_t row : rows_)
      require(row < buffer.size(), "BufferView: row ", row, " asked for, ", buffer.size(), " are kept");
  }

  std::size_t size() const { return rows_.size(); }
  const std::vector<std::uint32_t>& rows() const { return rows_; }
  const TransitionBuffer& buffer() const { return *buffer_; }

  Transitions batch() const { return buffer_->batch(std::span<const std::uint32_t>(rows_)); }
  /// Entries [first, first + count) of the view into the caller's matrices.
  template <TransitionColumns T>
  void gather(std::size_t first, std::size_t count, T& out) const {
    require(first <= size() && count <= size() - first, "BufferView: entries ", first, " to ", first + count,
            " asked for, it has ", size());
    buffer_->gather(std::span<const std::uint32_t>(rows_).subspan(first, count), out);
  }

 private:
  const TransitionBuffer* buffer_;
  std::vector<std::uint32_t> rows_;
};

struct HoldoutViews {
  BufferView train, holdout;
};

/// See holdout_split.
inline HoldoutViews holdout_views(const TransitionBuffer& buffer, double ratio, std::uint32_t max_holdout,
                                  std::uint64_t seed, std::uint32_t round) {
  HoldoutSplit split =
      holdout_split(static_cast<std::uint32_t>(buffer.size()), ratio, max_holdout, seed, round);
  return {BufferView(buffer, std::move(split.train)), BufferView(buffer, std::move(split.holdout))};
}

/// One member's bootstrap sample of a view: as many rows, drawn with replacement.
inline BufferView bootstrap_view(const BufferView& view, std::uint64_t seed, std::uint32_t round,
                                 std::uint32_t member) {
  std::vector<std::uint32_t> rows =
      bootstrap_indices(static_cast<std::uint32_t>(view.size()), seed, round, member);
  std::transform(rows.begin(), rows.end(), rows.begin(), [&](std::uint32_t i) { return view.rows()[i]; });
  return BufferView(view.buffer(), std::move(rows));
}

}  // namespace mbrl
