// The n x n part of the evidence's gradient. Private to the Gaussian processes.
#pragma once

#include "mbrl/core/types.hpp"

namespace mbrl::gp {

/// With w_ij = 1/2 (beta_i beta_j - inverse_ij) k_ij of a block of kRows rows i and `cols` columns j:
///   sums[0] += sum_ij w_ij,  sums[1 + d] += sum_ij w_ij (z_id - z_jd)^2,
/// each as kLanes numbers that are to be added up. Rows beyond the matrix have 0 in every array.
struct EvidenceSums {
  static constexpr Index kRows = 48, kLanes = 8;

  Index cols = 0, dims = 0;
  const double* inverse = nullptr;  // columns kRows apart
  const double* k = nullptr;        // columns ldk apart
  Index ldk = 0;
  const double* beta_rows = nullptr;
  const double* beta_cols = nullptr;
  const double* z_rows = nullptr;  // dimensions ldz apart
  const double* z_cols = nullptr;
  Index ldz = 0;
  double* sums = nullptr;  // (1 + dims) x kLanes
};
void add_evidence_sums(const EvidenceSums& block);

}  // namespace mbrl::gp
