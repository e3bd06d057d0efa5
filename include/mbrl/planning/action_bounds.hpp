// The box actions live in.
#pragma once

#include <cmath>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"

namespace mbrl {

// Lowest and highest value of every action entry, in the environment's units.
struct ActionBounds {
  std::vector<double> low, high;

  ActionBounds() = default;
  ActionBounds(std::vector<double> lowest, std::vector<double> highest)
      : low(std::move(lowest)), high(std::move(highest)) {}
  ActionBounds(ConstVecRef<double> lowest, ConstVecRef<double> highest)
      : low(lowest.begin(), lowest.end()), high(highest.begin(), highest.end()) {}

  // The same interval for every entry.
  static ActionBounds uniform(int action_dim, double lowest, double highest) {
    const auto n = static_cast<std::size_t>(action_dim);
    return {std::vector<double>(n, lowest), std::vector<double>(n, highest)};
  }

  int dim() const { return static_cast<int>(low.size()); }

  // Throws unless there are `action_dim` finite pairs with low < high.
  void validate(std::string_view where, int action_dim) const {
    require_dim(where, "the lower action bound", low.size(), action_dim);
    require_dim(where, "the upper action bound", high.size(), action_dim);
    for (std::size_t i = 0; i < low.size(); ++i)
      require(std::isfinite(low[i]) && std::isfinite(high[i]) && low[i] < high[i], where, ": action ", i,
              " is bounded by [", low[i], ", ", high[i], "], expected finite bounds with low < high");
  }
};

}  // namespace mbrl
