// Which candidates are best. A return that is not finite ranks behind every finite one and is never an elite.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "mbrl/core/types.hpp"

namespace mbrl {

// Writes the indices of the `count` best finite returns into `order`, best first; equal returns keep their
// order. Fewer are written when fewer are finite. Returns how many returns are finite.
template <class S>
int rank_candidates(const Vec<S>& returns, int count, std::vector<int>& order) {
  order.resize(static_cast<std::size_t>(returns.size()));
  std::iota(order.begin(), order.end(), 0);
  const auto usable_end =
      std::stable_partition(order.begin(), order.end(), [&](int k) { return std::isfinite(returns(k)); });
  const auto usable = usable_end - order.begin();
  const auto kept = std::min<std::ptrdiff_t>(count, usable);
  std::partial_sort(order.begin(), order.begin() + kept, usable_end,
                    [&](int a, int b) { return returns(a) != returns(b) ? returns(a) > returns(b) : a < b; });
  order.resize(static_cast<std::size_t>(kept));
  return static_cast<int>(usable);
}

}  // namespace mbrl
