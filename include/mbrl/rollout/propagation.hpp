// How uncertainty travels through a rollout. Chua et al. 2018, section 5.1.
#pragma once

#include <array>
#include <utility>

#include "mbrl/core/enum_names.hpp"

namespace mbrl {

enum class Propagation : int {
  kExpectation = 0,  // E: the ensemble's mean prediction, no noise; one particle suffices
  kDistributionSampling =
      1,  // DS: each particle draws from the Gaussian with the ensemble's total mean and variance
  kMomentMatching =
      2,       // MM: after each step all particles of a candidate are redrawn from their own Gaussian fit
  kTS1 = 3,    // TS1: each particle draws a member anew every step
  kTSinf = 4,  // TSinf: each particle keeps one member for the whole rollout
};

constexpr auto enum_names(Propagation) {
  return std::array{std::pair{Propagation::kExpectation, "E"},
                    std::pair{Propagation::kDistributionSampling, "DS"},
                    std::pair{Propagation::kMomentMatching, "MM"}, std::pair{Propagation::kTS1, "TS1"},
                    std::pair{Propagation::kTSinf, "TSinf"}};
}

}  // namespace mbrl
