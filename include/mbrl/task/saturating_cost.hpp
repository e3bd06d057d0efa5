// PILCO's cost: 0 at a goal, 1 far away, so that what is far costs no more for being uncertain, and what is near no less.
#pragma once

#include "mbrl/core/types.hpp"
#include "mbrl/math/gaussian.hpp"

namespace mbrl {

/// c(x) = 1 - exp(-1/2 |map (x - target)|^2) of features x (F); map is K x F: its first dimension where several features
/// make one distance, its scale one over the width (Deisenroth and Rasmussen, ICML 2011, equation 25).
struct SaturatingCost {
  Batchd map;
  Vecd target;

  Index dim() const { return target.size(); }
  /// Throws mbrl::Error unless map's columns are target's entries, and both are finite.
  void validate(const char* who) const;
  double operator()(ConstVecRef<double> x) const;
  /// E c(x) under x ~ N(m, S), NaN where S is not a covariance:
  ///   1 - |I + map S map'|^-1/2 exp(-1/2 y' (I + map S map')^-1 y),   y = map (m - target),
  /// and, unless null, its gradient.
  double expected(const GaussianMoments& in, GaussianMoments* gradient = nullptr) const;
};

}  // namespace mbrl
