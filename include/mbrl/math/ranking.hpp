// Which candidates are best. A return that is not finite ranks behind every finite one and is never an elite.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "mbrl/core/types.hpp"

namespace mbrl {

/// Writes the indices of the `count` best finite returns into `order`, best first; equal returns keep their
/// order. Fewer are written when fewer are finite. Returns how many returns are finite.
/// Allocates only while `order` grows.
template <class Returns>
int rank_candidates(const Eigen::DenseBase<Returns>& all, int count, std::vector<int>& order) {
  const Returns& returns = all.derived();
  order.clear();
  order.reserve(static_cast<std::size_t>(returns.size()));
  for (int k = 0; k < static_cast<int>(returns.size()); ++k)
    if (std::isfinite(returns(k))) order.push_back(k);
  const auto usable = static_cast<std::ptrdiff_t>(order.size());
  const auto kept = std::min<std::ptrdiff_t>(count, usable);
  std::partial_sort(order.begin(), order.begin() + kept, order.end(),
                    [&](int a, int b) { return returns(a) != returns(b) ? returns(a) > returns(b) : a < b; });
  order.resize(static_cast<std::size_t>(kept));
  return static_cast<int>(usable);
}

}  // namespace mbrl
