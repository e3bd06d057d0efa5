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
/// particle never helps its candidate; NaN for a candidate that has no usable particle. Sums run in double in
/// the particles' order.
template <class S>
void aggregate_particles(ConstBatchRef<S> particles, S stand_in, VecRef<S> returns) {
  require_dim("aggregate_particles", "returns", returns.size(), particles.cols());
  for (Index k = 0; k < particles.cols(); ++k) {
    double sum = 0.0;
    bool usable = false;
    for (Index p = 0; p < particles.rows(); ++p) {
      const S value = particles(p, k);
      usable = usable || std::isfinite(value);
      sum += static_cast<double>(std::isfinite(value) ? value : stand_in);
    }
    returns(k) = usable ? static_cast<S>(sum / static_cast<double>(particles.rows()))
                        : std::numeric_limits<S>::quiet_NaN();
  }
}

template <class S>
void aggregate_particles(ConstBatchRef<S> particles, VecRef<S> returns) {
  aggregate_particles<S>(particles, worst_usable<S>(particles), returns);
}

}  // namespace mbrl
