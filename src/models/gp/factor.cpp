#include "models/gp/factor.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <utility>

#include "core/for_each.hpp"
#include "mbrl/math/dense_kernels.hpp"

namespace mbrl::gp {
namespace {

constexpr Index kBlock = Factor::kBlock;
using BlockMemory = std::array<double, static_cast<std::size_t>(kBlock* kBlock)>;

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

Eigen::Ref<Batchd> Factor::resize(Index n) {
  if (diagonal_.size() != n) {
    const Index rows = spread(n);
    matrix_.setZero(rows, n);
    inverse_lower_.setZero(rows, n);
    panel_.setZero(kBlock, n);
    diagonal_.setZero(n);
  }
  return matrix_.topRows(n);
}

bool Factor::compute(double shift, double scale, double least, ThreadPool* pool) {
  if (!std::isfinite(shift) || !std::isfinite(scale)) return false;
  diagonal_ = matrix_.diagonal();
  for (const double share : {least, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4}) {
    if (share < least) continue;
    jitter_ = share * scale;
    // A pivot that is rounding alone says nothing: it is as good as none. Numbers that are not finite end in one.
    if (factorise(shift + jitter_, pool, 1e-6 * std::sqrt(scale))) return true;
  }
  return false;
}

// Block row by block row, of L' as of L^-1: both need the block column of L' above, whose transpose is kept in the panel.
bool Factor::factorise(double shift, ThreadPool* pool, double least_pivot) {
  const Index n = size(), ld = stride();
  for (Index i = 0; i < n; i += kBlock) {
    const Index height = std::min(kBlock, n - i);
    dense::transpose(i, height, &matrix_(0, i), ld, panel_.data(), kBlock);
    if (!diagonal_block(i, height, shift, least_pivot)) return false;
    for_each(pool, static_cast<int>(blocks(n)), [&](int number) {
      const Index col = number * kBlock;
      if (col > i) rows_of_factor(i, height, col);
      if (col < i) rows_of_inverse(i, height, col);
    });
  }
  return true;
}

// L_ii, its transpose and its inverse in their places.
bool Factor::diagonal_block(Index i, Index height, double shift, double least_pivot) {
  const Index ld = stride();
  BlockMemory memory, rest;
  Eigen::Map<Batchd, 0, Eigen::OuterStride<>> block(memory.data(), height, height,
                                                    Eigen::OuterStride<>(kBlock)),
      before(rest.data(), height, height, Eigen::OuterStride<>(kBlock));
  before.triangularView<Eigen::StrictlyLower>() = matrix_.block(i, i, height, height);
  before.triangularView<Eigen::StrictlyUpper>().setZero();
  before.diagonal() = diagonal_.segment(i, height).array() + shift;
  dense::product({.rows = height,
                  .cols = height,
                  .depth = i,
                  .a = panel_.data(),
                  .lda = kBlock,
                  .b = &matrix_(0, i),
                  .b_row = 1,
                  .b_col = ld,
                  .c = rest.data(),
                  .ldc = kBlock,
                  .d = memory.data(),
                  .ldd = kBlock,
                  .subtract = true,
                  .lower = true});
  Eigen::LLT<Eigen::Ref<Batchd, 0, Eigen::OuterStride<>>> llt(block);
  if (llt.info() != Eigen::Success || !(block.diagonal().minCoeff() > least_pivot)) return false;
  auto upper = matrix_.block(i, i, height, height);
  upper.triangularView<Eigen::Upper>() = block.transpose();
  auto inverse = inverse_lower_.block(i, i, height, height);
  inverse.setIdentity();
  block.triangularView<Eigen::Lower>().solveInPlace(inverse);
  return true;
}

// L'(i, col) = (L_ii)^-1 (m(i, col) - L(i, 0..i) L'(0..i, col)), m from below the diagonal.
void Factor::rows_of_factor(Index i, Index height, Index col) {
  const Index ld = stride(), width = std::min(kBlock, size() - col);
  BlockMemory before, after;
  dense::transpose(width, height, &matrix_(col, i), ld, before.data(), kBlock);
  dense::product({.rows = height,
                  .cols = width,
                  .depth = i,
                  .a = panel_.data(),
                  .lda = kBlock,
                  .b = &matrix_(0, col),
                  .b_row = 1,
                  .b_col = ld,
                  .c = before.data(),
                  .ldc = kBlock,
                  .d = after.data(),
                  .ldd = kBlock,
                  .subtract = true});
  dense::product({.rows = height,
                  .cols = width,
                  .depth = height,
                  .a = &inverse_lower_(i, i),
                  .lda = ld,
                  .b = after.data(),
                  .b_row = 1,
                  .b_col = kBlock,
                  .d = &matrix_(i, col),
                  .ldd = ld});
}

// L^-1(i, col) = -(L_ii)^-1 L(i, col..i) L^-1(col..i, col): above row col it is zero.
void Factor::rows_of_inverse(Index i, Index height, Index col) {
  const Index ld = stride();
  BlockMemory row;
  dense::product({.rows = height,
                  .cols = kBlock,
                  .depth = i - col,
                  .a = &panel_(0, col),
                  .lda = kBlock,
                  .b = &inverse_lower_(col, col),
                  .b_row = 1,
                  .b_col = ld,
                  .d = row.data(),
                  .ldd = kBlock});
  dense::product({.rows = height,
                  .cols = kBlock,
                  .depth = height,
                  .a = &inverse_lower_(i, i),
                  .lda = ld,
                  .b = row.data(),
                  .b_row = 1,
                  .b_col = kBlock,
                  .d = &inverse_lower_(i, col),
                  .ldd = ld,
                  .subtract = true});
}

// Of L^-T L^-1 the rows from i on need those of L^-1 from i on.
void Factor::visit_inverse(ThreadPool* pool, const std::function<void(const Block&)>& work) {
  const Index n = size(), ld = stride();
  for (Index i = 0; i < n; i += kBlock) {
    const Index height = std::min(kBlock, n - i);
    dense::transpose(n - i, height, &inverse_lower_(i, i), ld, panel_.data(), kBlock);
    for_each(pool, static_cast<int>(i / kBlock + 1), [&](int number) {
      const Index col = number * kBlock, width = std::min(kBlock, n - col);
      BlockMemory entries;
      if (height < kBlock) entries.fill(0.0);
      dense::product({.rows = height,
                      .cols = width,
                      .depth = n - i,
                      .a = panel_.data(),
                      .lda = kBlock,
                      .b = &inverse_lower_(i, col),
                      .b_row = 1,
                      .b_col = ld,
                      .d = entries.data(),
                      .ldd = kBlock});
      work({i, col, height, width, entries.data()});
    });
  }
}

double Factor::log_determinant() const { return 2.0 * matrix_.diagonal().array().log().sum(); }

void Factor::solve(ConstVecRef<double> v, Vecd& half, Vecd& out) const {
  const Index n = size(), ld = stride();
  half.resize(n);
  out.resize(n);
  for (Index i = 0; i < n; i += kBlock) {
    const Index height = std::min(kBlock, n - i);
    dense::product({.rows = height,
                    .cols = 1,
                    .depth = i + height,
                    .a = &inverse_lower_(i, 0),
                    .lda = ld,
                    .b = v.data(),
                    .b_row = 1,
                    .b_col = n,
                    .d = &half[i],
                    .ldd = n});
  }
  for (Index i = 0; i < n; i += kBlock)
    dense::transposed_times(n - i, std::min(kBlock, n - i), &inverse_lower_(i, i), ld, &half[i], nullptr,
                            &out[i]);
}

Batchd Factor::lower() const {
  const Index n = size();
  Batchd out = Batchd::Zero(n, n);
  out.triangularView<Eigen::Lower>() = matrix_.topRows(n).transpose();
  return out;
}

Batchd Factor::inverse() {
  const Index n = size();
  Batchd out(n, n);
  const auto keep = [&](const Block& b) {
    out.block(b.row, b.col, b.rows, b.cols) = Eigen::Map<const Batchd, 0, Eigen::OuterStride<>>(
        b.entries, b.rows, b.cols, Eigen::OuterStride<>(kBlock));
  };
  visit_inverse(nullptr, std::cref(keep));
  dense::mirror_lower(n, out.data(), n);
  return out;
}

std::optional<Factor> factorise(const Batchd& m, double shift, double scale, double least) {
  std::optional<Factor> factor(std::in_place);
  factor->resize(m.rows()) = m;
  if (!factor->compute(shift, scale, least)) factor.reset();
  return factor;
}

}  // namespace mbrl::gp
