#include "models/gp/factor.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "mbrl/math/dense_kernels.hpp"

namespace mbrl::gp {
namespace {

constexpr Index kBlock = 48;

// In place, block column by block column, of m's lower triangle; false where it is not positive definite. What lies above
// is left as it is.
bool cholesky(Batchd& m, double least_pivot) {
  const Index n = m.rows(), ld = n;
  Batchd column(n, kBlock), inverse(kBlock, kBlock);
  for (Index j = 0; j < n; j += kBlock) {
    const Index width = std::min(kBlock, n - j), rest = n - j - width;
    // What the columns before take off: m(j.., j) - L(j.., 0..j) L(j, 0..j)'.
    dense::product({.rows = n - j,
                    .cols = width,
                    .depth = j,
                    .a = m.data() + j,
                    .lda = ld,
                    .b = m.data() + j,
                    .b_row = ld,
                    .b_col = 1,
                    .c = &m(j, j),
                    .ldc = ld,
                    .d = column.data(),
                    .ldd = n,
                    .subtract = true});
    auto diagonal = m.block(j, j, width, width);
    diagonal = column.topRows(width).leftCols(width);
    Eigen::LLT<Eigen::Ref<Batchd>> llt(diagonal);
    if (llt.info() != Eigen::Success || !(diagonal.diagonal().minCoeff() > least_pivot)) return false;
    if (rest == 0) break;
    inverse.setIdentity();
    auto small = inverse.topLeftCorner(width, width);
    diagonal.triangularView<Eigen::Lower>().solveInPlace(small);
    dense::product({.rows = rest,
                    .cols = width,
                    .depth = width,
                    .a = column.data() + width,
                    .lda = n,
                    .b = inverse.data(),
                    .b_row = kBlock,
                    .b_col = 1,
                    .d = &m(j + width, j),
                    .ldd = ld});
  }
  return true;
}

// Block row i of L^-1 is -(L_ii)^-1 L(i, 0..i) L^-1(0..i, 0..i), and (L_ii)^-1 on the diagonal.
Batchd inverse_of_lower(const Batchd& l) {
  const Index n = l.rows();
  Batchd out = Batchd::Zero(n, n), row(kBlock, n);
  for (Index i = 0; i < n; i += kBlock) {
    const Index height = std::min(kBlock, n - i);
    auto diagonal = out.block(i, i, height, height);
    diagonal.setIdentity();
    l.block(i, i, height, height).triangularView<Eigen::Lower>().solveInPlace(diagonal);
    for (Index j = 0; j < i; j += kBlock)  // L^-1 is zero above row j there
      dense::product({.rows = height,
                      .cols = kBlock,
                      .depth = i - j,
                      .a = &l(i, j),
                      .lda = n,
                      .b = &out(j, j),
                      .b_row = 1,
                      .b_col = n,
                      .d = row.data() + j * kBlock,
                      .ldd = kBlock});
    dense::product({.rows = height,
                    .cols = i,
                    .depth = height,
                    .a = &out(i, i),
                    .lda = n,
                    .b = row.data(),
                    .b_row = 1,
                    .b_col = kBlock,
                    .d = out.data() + i,
                    .ldd = n,
                    .subtract = true});
  }
  return out;
}

}  // namespace

Batchd product(const Batchd& a, const Batchd& b) {
  Batchd out(a.rows(), b.cols());
  dense::product({.rows = a.rows(),
                  .cols = b.cols(),
                  .depth = a.cols(),
                  .a = a.data(),
                  .lda = a.rows(),
                  .b = b.data(),
                  .b_row = 1,
                  .b_col = b.rows(),
                  .d = out.data(),
                  .ldd = out.rows()});
  return out;
}

Batchd product_transposed(const Batchd& a, const Batchd& b) {
  Batchd out(a.rows(), b.rows());
  dense::product({.rows = a.rows(),
                  .cols = b.rows(),
                  .depth = a.cols(),
                  .a = a.data(),
                  .lda = a.rows(),
                  .b = b.data(),
                  .b_row = b.rows(),
                  .b_col = 1,
                  .d = out.data(),
                  .ldd = out.rows()});
  return out;
}

// Of L^-T L^-1 the rows from i on need those of L^-1 from i on.
Batchd Factor::inverse() const {
  const Index n = lower.rows();
  Batchd upper(n, n), out(n, n);
  dense::transpose(n, n, inverse_lower.data(), n, upper.data(), n);
  for (Index i = 0; i < n; i += kBlock) {
    const Index height = std::min(kBlock, n - i);
    dense::product({.rows = height,
                    .cols = i + height,
                    .depth = n - i,
                    .a = &upper(i, i),
                    .lda = n,
                    .b = inverse_lower.data() + i,
                    .b_row = 1,
                    .b_col = n,
                    .d = out.data() + i,
                    .ldd = n});
  }
  dense::mirror_lower(n, out.data(), n);
  return out;
}

Vecd Factor::solve(ConstVecRef<double> v) const {
  const Vecd half = inverse_lower.triangularView<Eigen::Lower>() * v;
  return inverse_lower.transpose().triangularView<Eigen::Upper>() * half;
}

std::optional<Factor> factorise(const Batchd& m, double shift, double scale, double least) {
  if (!m.allFinite() || !std::isfinite(shift)) return std::nullopt;
  for (const double share : {least, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4}) {
    if (share < least) continue;
    Factor factor;
    factor.jitter = share * scale;
    factor.lower = m;
    factor.lower.diagonal().array() += shift + factor.jitter;
    // A pivot that is rounding alone says nothing: it is as good as none.
    if (!cholesky(factor.lower, 1e-6 * std::sqrt(scale))) continue;
    for (Index j = 1; j < m.cols(); ++j) factor.lower.col(j).head(j).setZero();
    factor.inverse_lower = inverse_of_lower(factor.lower);
    return factor;
  }
  return std::nullopt;
}

}  // namespace mbrl::gp
