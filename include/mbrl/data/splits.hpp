// Which rows are held out and which rows a member learns from: functions of (seed, round, member) alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"

namespace mbrl {

/// Row indices, both lists ascending; together they hold every row once.
struct HoldoutSplit {
  std::vector<std::uint32_t> train, holdout;
};

/// Holds out min(floor(ratio * rows), max_holdout) rows drawn without replacement, but always leaves one to
/// train on. Throws unless ratio is in [0, 1).
inline HoldoutSplit holdout_split(std::uint32_t rows, double ratio, std::uint32_t max_holdout,
                                  std::uint64_t seed, std::uint32_t round) {
  require(ratio >= 0.0 && ratio < 1.0, "holdout_split: ratio is ", ratio, ", expected 0 <= ratio < 1");
  std::vector<std::uint32_t> order(rows);
  const auto wanted = static_cast<std::uint32_t>(ratio * static_cast<double>(rows));
  const std::uint32_t held = rows == 0 ? 0 : std::min({wanted, max_holdout, rows - 1});
  RandomStream(seed, Stream::kHoldout).permutation(order.data(), rows, round);
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(held);
  HoldoutSplit split{{middle, order.end()}, {order.begin(), middle}};
  std::sort(split.train.begin(), split.train.end());
  std::sort(split.holdout.begin(), split.holdout.end());
  return split;
}

/// `rows` indices in [0, rows) drawn with replacement: one ensemble member's bootstrap sample (Efron 1979).
inline std::vector<std::uint32_t> bootstrap_indices(std::uint32_t rows, std::uint64_t seed,
                                                    std::uint32_t round, std::uint32_t member) {
  const RandomStream random(seed, Stream::kBootstrap);
  std::vector<std::uint32_t> indices(rows);
  for (std::uint32_t i = 0; i < rows; ++i)
    indices[i] = static_cast<std::uint32_t>(random.below(rows, i, round, member));
  return indices;
}

}  // namespace mbrl
