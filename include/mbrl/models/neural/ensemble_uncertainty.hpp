// How little an ensemble knows of a step, as one number.
#pragma once

#include <array>
#include <utility>

#include "mbrl/core/enum_names.hpp"

namespace mbrl {

/// Over all networks, elites or not, and what they predict in its own units; entries that are constant in an episode
/// do not count. Networks predict N(mu_m, diag sigma_m^2).
enum class EnsembleUncertainty : int {
  kNone = 0,
  /// max_m |sigma_m|: u of MOPO (Yu et al., NeurIPS 2020, section 4.3), learned reward included.
  kDeviation = 1,
  /// max_m |mu_m - mean_k mu_k| over the observation's entries (the same paper, appendix).
  kDisagreement = 2,
  /// Mean over pairs of D(m, n) = (KL(g || m) + KL(g || n)) / 2 with g the normalised geometric mean of both densities,
  /// a geometric Jensen-Shannon divergence: u of MACURA (Frauenknecht et al., ICML 2024), as its authors' code computes
  /// it, learned reward included. It is minus the logarithm of the integral of the root of both densities' product.
  kDivergence = 3,
};

constexpr auto enum_names(EnsembleUncertainty) {
  return std::array{std::pair{EnsembleUncertainty::kNone, "none"},
                    std::pair{EnsembleUncertainty::kDeviation, "deviation"},
                    std::pair{EnsembleUncertainty::kDisagreement, "disagreement"},
                    std::pair{EnsembleUncertainty::kDivergence, "divergence"}};
}

}  // namespace mbrl
