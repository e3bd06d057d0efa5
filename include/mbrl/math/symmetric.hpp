// Matrices of quadratic forms and covariances: a check, as every method reads another part of them, and what is symmetric
// in one.
#pragma once

#include <algorithm>
#include <cmath>
#include <string_view>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"

namespace mbrl {

/// Throws unless the square matrix m is symmetric to rounding: |m_ij - m_ji| at most 1e-9 of its largest
/// entry. Numbers that are not finite are left to other checks.
template <class Derived>
void require_symmetric(std::string_view where, std::string_view name, const Eigen::MatrixBase<Derived>& m) {
  double largest = 0;
  for (Index j = 0; j < m.cols(); ++j)
    for (Index i = 0; i < m.rows(); ++i) largest = std::max(largest, std::abs(m(i, j)));
  for (Index j = 0; j < m.cols(); ++j)
    for (Index i = 0; i < j; ++i)
      if (std::abs(m(i, j) - m(j, i)) > 1e-9 * largest) [[unlikely]]
        fail(where, ": ", name, " is not symmetric: entry (", i, ", ", j, ") is ", m(i, j), " and (", j, ", ",
             i, ") is ", m(j, i), "; give 0.5 (", name, " + ", name, "'), which is the same quadratic form");
}

/// 1/2 (m + m').
inline Batchd symmetrised(ConstBatchRef<double> m) { return 0.5 * (m + m.transpose()); }

}  // namespace mbrl
