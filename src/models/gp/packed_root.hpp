// The root of a posterior's inverse, laid out for the squares |root k|^2 of many k at once. Private to the Gaussian
// processes.
#pragma once

#include <algorithm>
#include <vector>

#include "mbrl/core/types.hpp"
#include "mbrl/math/dense_kernels.hpp"

namespace mbrl::gp {

/// Panels of rows, each contiguous: of a lower triangle without what lies to the right of its last row, half the work.
class PackedRoot {
 public:
  static constexpr Index kRows = 48;  // of a panel: two tiles of the product's widest kernels

  explicit PackedRoot(const Batchd& root) {
    const bool triangle = root.triangularView<Eigen::StrictlyUpper>().toDenseMatrix().isZero(0.0);
    for (Index row = 0; row < root.rows(); row += kRows) {
      const Index rows = std::min(kRows, root.rows() - row);
      panels_.emplace_back(root.block(row, 0, rows, triangle ? row + rows : root.cols()));
    }
  }

  /// out[j] = |root k_j|^2 for the columns k_j of k. product: scratch.
  template <class K>
  void squares(const K& k, Batchd& product, Vecd& out) const {
    product.resize(kRows, k.cols());
    out.setZero(k.cols());
    for (const Batchd& panel : panels_) {
      dense::product({.rows = panel.rows(),
                      .cols = k.cols(),
                      .depth = panel.cols(),
                      .a = panel.data(),
                      .lda = panel.rows(),
                      .b = k.data(),
                      .b_row = 1,
                      .b_col = k.outerStride(),
                      .d = product.data(),
                      .ldd = kRows});
      out += product.topRows(panel.rows()).colwise().squaredNorm().transpose();
    }
  }

 private:
  std::vector<Batchd> panels_;
};

}  // namespace mbrl::gp
