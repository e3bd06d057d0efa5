// From particle returns to candidate returns: the one way evaluators and racing planners average over
// particles.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"

namespace mbrl {

/// A particle's return is usable if it is finite. The smallest usable one of all is what stands in for those
/// that are not; NaN if there is none. particles: any shape.
template <class S>
S worst_usable(ConstBatchRef<S> particles) {
  S worst = std::numeric_limits<S>::quiet_NaN();
  for (Index k = 0; k < particles.cols(); ++k)
    for (Index p = 0; p < particles.rows(); ++p)
      if (std::isfinite(particles(p, k)) && !(particles(p, k) >= worst)) worst = particles(p, k);
  return worst;
}

/// particles: particles x candidates; returns: one a candidate. The mean over a candidate's particles, where
/// an unusable one counts as `stand_in` (worst_usable over all candidates compared), so that a poisoned
/// particle never helps its candidate; NaN for a candidate that has no usable particle. Less `risk` times the
/// particles' standard deviation. Sums run in double in the particles' order.
template <class S>
void aggregate_particles(ConstBatchRef<S> particles, S stand_in, VecRef<S> returns, double risk = 0.0) {
  require_dim("aggregate_particles", "returns", returns.size(), particles.cols());
  for (Index k = 0; k < particles.cols(); ++k) {
    const auto value = [&](Index p) {
      return static_cast<double>(std::isfinite(particles(p, k)) ? particles(p, k) : stand_in);
    };
    double sum = 0.0;
    bool usable = false;
    for (Index p = 0; p < particles.rows(); ++p) {
      usable = usable || std::isfinite(particles(p, k));
      sum += value(p);
    }
    double worth = sum / static_cast<double>(particles.rows());
    if (usable && risk != 0.0) {
      double square = 0.0;
      for (Index p = 0; p < particles.rows(); ++p) square += (value(p) - worth) * (value(p) - worth);
      worth -= risk * std::sqrt(square / static_cast<double>(particles.rows()));
    }
    returns(k) = usable ? static_cast<S>(worth) : std::numeric_limits<S>::quiet_NaN();
  }
}

template <class S>
void aggregate_particles(ConstBatchRef<S> particles, VecRef<S> returns, double risk = 0.0) {
  aggregate_particles<S>(particles, worst_usable<S>(particles), returns, risk);
}

}  // namespace mbrl
