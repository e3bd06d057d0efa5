// Gaussian processes of many points through m inducing inputs: O(n m^2) in place of O(n^3).
//   FITC: Snelson and Ghahramani, NIPS 2005: independent of each other given the function at the inducing inputs
//   VFE:  Titsias, AISTATS 2009: a lower bound of the exact evidence
// Both replace K by Q = K_fu K_uu^-1 K_uf; with G = noise2 I (VFE) or noise2 I + diag(K - Q) (FITC) the evidence is
//   log N(y | 0, Q + G) - (VFE only) tr(K - Q) / (2 noise2)
// (Bauer, van der Wilk and Rasmussen, NIPS 2016, compare them: FITC tends to take noise for a lack of inducing inputs).
#pragma once

#include <array>
#include <limits>
#include <utility>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/models/gp/gaussian_process.hpp"

namespace mbrl {

enum class SparseApproximation : int { kFitc = 0, kVfe = 1 };

constexpr auto enum_names(SparseApproximation) {
  return std::array{std::pair{SparseApproximation::kFitc, "fitc"},
                    std::pair{SparseApproximation::kVfe, "vfe"}};
}

struct SparseEvidence {
  double value = -std::numeric_limits<double>::infinity();  // -infinity where a factorisation fails
  Vecd gradient;                                            // by GpHyperparameters::packed(), D + 2
  Batchd of_inducing;                                       // gradient by the inducing inputs, D x m
  double jitter = 0.0;                                      // on the diagonal of K_uu; at least 1e-10 signal2
};

/// inputs: D x n, targets: n, inducing: D x m. Throws for other dimensions and numbers that are not finite.
SparseEvidence sparse_evidence(SparseApproximation kind, ConstBatchRef<double> inputs,
                               ConstVecRef<double> targets, ConstBatchRef<double> inducing,
                               const GpHyperparameters& hyperparameters);

/// Over the inducing inputs: beta = Sigma^-1 K_uf G^-1 y and inverse = K_uu^-1 - Sigma^-1, Sigma = K_uu + K_uf G^-1 K_fu.
/// Throws as sparse_evidence does, and where a factorisation fails.
GpPosterior sparse_posterior(SparseApproximation kind, ConstBatchRef<double> inputs,
                             ConstVecRef<double> targets, ConstBatchRef<double> inducing,
                             const GpHyperparameters& hyperparameters);

}  // namespace mbrl
