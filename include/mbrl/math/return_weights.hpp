// Candidates weighted by the exponential of their return: what MPPI and PDDM average with.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "mbrl/core/types.hpp"

namespace mbrl {

/// w_k = exp(kappa (R_k - R_max) / u) / sum of the same, with the unit u = 1, or, if `relative`, u = R_max -
/// median(R): then neither a factor on the reward nor a few very bad candidates change the weights. A return
/// that is not finite weighs nothing and counts for neither maximum nor median. Where u = 0 only the best are
/// left, with equal weights. Fills `weights` (one a candidate, all 0 if no return is finite) and returns how
/// many returns are finite.
template <class S>
int reward_weights(const Vec<S>& returns, double kappa, bool relative, Vec<S>& weights) {
  weights.resize(returns.size());
  double best = -std::numeric_limits<double>::infinity();
  Index usable = 0;
  for (const S value : returns) {
    if (!std::isfinite(value)) continue;
    best = std::max(best, static_cast<double>(value));
    weights(usable++) = value;
  }
  double unit = 1;
  if (relative && usable > 0) {
    const auto middle = weights.begin() + usable / 2;
    std::nth_element(weights.begin(), middle, weights.begin() + usable);
    unit = best - static_cast<double>(*middle);
  }
  double sum = 0;
  for (Index k = 0; k < returns.size(); ++k) {
    const auto value = static_cast<double>(returns(k));
    double weight = 0;
    if (std::isfinite(value))
      weight = value == best ? 1 : (unit > 0 ? std::exp(kappa * (value - best) / unit) : 0);
    weights(k) = static_cast<S>(weight);
    sum += weight;
  }
  if (usable > 0) weights *= static_cast<S>(1 / sum);
  return static_cast<int>(usable);
}

}  // namespace mbrl
