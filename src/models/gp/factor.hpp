// Cholesky factors of covariances, and what follows from them, by the library's vector kernels. Private to the Gaussian
// processes.
#pragma once

#include <optional>

#include "mbrl/core/types.hpp"

namespace mbrl::gp {

Batchd product(const Batchd& a, const Batchd& b);             // a b
Batchd product_transposed(const Batchd& a, const Batchd& b);  // a b'

struct Factor {
  Batchd lower;          // L, zero above its diagonal
  Batchd inverse_lower;  // L^-1, zero above its diagonal
  double jitter = 0.0;   // added to the diagonal

  double log_determinant() const { return 2.0 * lower.diagonal().array().log().sum(); }
  /// (L L')^-1
  Batchd inverse() const;
  /// (L L')^-1 v
  Vecd solve(ConstVecRef<double> v) const;
};

/// L L' = m + (shift + jitter) I. `scale`: the size of m's diagonal, of which the jitter is a share of `least` (0: none),
/// then 1e-10, 1e-9, ..., 1e-4. Empty where that is not positive definite even so, or not finite.
std::optional<Factor> factorise(const Batchd& m, double shift, double scale, double least = 0.0);

}  // namespace mbrl::gp
