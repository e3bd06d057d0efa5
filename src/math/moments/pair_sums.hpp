// The n x n part of moment matching: exponentials of a bilinear form, weighted and summed in one pass.
#pragma once

#include <cstddef>

namespace mbrl::moments {

inline constexpr std::size_t kPad = 8;     // rows come in multiples of it
inline constexpr std::size_t kPanel = 16;  // rows of a triangle's weights that lie together

/// Where the weight of row i and column j < kPanel (i / kPanel + 1) lies: panels of rows, each column by column up to the
/// panel's last row, so that they are read in their order.
inline constexpr std::size_t packed_weight(std::size_t i, std::size_t j) {
  const std::size_t panel = i / kPanel;
  return kPanel * kPanel * (panel * (panel + 1) / 2) + kPanel * j + i % kPanel;
}

// Q_ij = exp(row_i + column_j + sum_d turned_di scaled_jd), rows i = 0 ... padded - 1, columns j = 0 ... columns - 1.
struct PairInput {
  std::size_t padded, columns, dims;
  const double* turned;  // [dims][padded], finite
  const double* row;     // [padded], finite
  const double* scaled;  // [columns][dims]
  const double* column;  // [columns]
  // P_ij = row_weight_i column_weight_j, 0 where i is padding; or, unless null, weights[packed_weight(i, j)], which are 0
  // above the diagonal and in padding.
  const double* row_weight;
  const double* column_weight;
  const double* weights;
};

// Sums of P_ij Q_ij over j (times scaled_jd: moved), and over i.
struct PairOutput {
  double* row_sum;     // [padded]
  double* column_sum;  // [columns]
  double* moved;       // [dims][padded]
  double* lanes;       // scratch memory, [columns][kPad]
};

void pair_sums(const PairInput& in, const PairOutput& out);

}  // namespace mbrl::moments
