#include "mbrl/learning/value_bound.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "mbrl/core/error.hpp"

namespace mbrl {

void ValueBound::see(const Transitions& batch, double bonus) {
  if (batch.reward.size() == 0) return;
  const double seen = static_cast<double>(batch.reward.cwiseAbs().maxCoeff()) + bonus;
  if (std::isfinite(seen)) largest_ = std::max(largest_, seen);
}

double ValueBound::limit(double discount) const {
  return discount < 1 ? kFactor * largest_ / (1 - discount) + kSlack
                      : std::numeric_limits<double>::infinity();
}

std::string ValueBound::trouble(double value, double discount) const {
  if (!(std::abs(value) > limit(discount))) return {};
  return detail::concat("the critics' values are ", value, " in mean, and what was seen of rewards sums to ",
                        largest_ / (1 - discount), " at most with a discount of ", discount,
                        ": the critics diverge");
}

}  // namespace mbrl
