// Cholesky factors of covariances, and what follows from them, by the library's vector kernels. Private to the Gaussian
// processes.
#pragma once

#include <functional>
#include <optional>

#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"

namespace mbrl::gp {

Batchd product(const Batchd& a, const Batchd& b);             // a b
Batchd product_transposed(const Batchd& a, const Batchd& b);  // a b'

/// Rows for columns of so many, which then start in different sets of the cache.
inline Index spread(Index rows) { return 8 * (((rows + 7) / 8) | 1); }

/// L L' = m + (shift + jitter) I, and L^-1. Keeps its memory: for the same n nothing is allocated again. A pool computes
/// blocks side by side and changes no number.
class Factor {
 public:
  static constexpr Index kBlock = 48;  // of rows and columns: two tiles of the product's widest kernels
  static Index blocks(Index n) { return (n + kBlock - 1) / kBlock; }

  /// Room for an n x n matrix m. The caller writes its lower triangle; above, L' comes to lie.
  Eigen::Ref<Batchd> resize(Index n);
  /// scale: the size of m's diagonal, of which the jitter is a share of `least` (0: none), then 1e-10, 1e-9, ..., 1e-4.
  /// False where that is not positive definite even so, or not finite.
  bool compute(double shift, double scale, double least = 0.0, ThreadPool* pool = nullptr);

  Index size() const { return diagonal_.size(); }
  double jitter() const { return jitter_; }
  double log_determinant() const;
  /// out = (L L')^-1 v. half: scratch memory.
  void solve(ConstVecRef<double> v, Vecd& half, Vecd& out) const;

  Batchd lower() const;                                                    // L, zero above its diagonal
  Batchd inverse_lower() const { return inverse_lower_.topRows(size()); }  // L^-1 likewise
  Batchd inverse();                                                        // (L L')^-1
  /// m(row + r, col + c) for r >= c + col - row; of its diagonal only here.
  const double* below(Index row, Index col) const { return &matrix_(row, col); }
  Index stride() const { return matrix_.rows(); }
  double diagonal(Index i) const { return diagonal_[i]; }

  /// A block of (L L')^-1 on or below the diagonal: entries with columns kBlock apart, rows beyond the matrix 0.
  struct Block {
    Index row, col, rows, cols;
    const double* entries;
  };
  /// Calls work with each block: those of the same columns one after the other, from the top.
  void visit_inverse(ThreadPool* pool, const std::function<void(const Block&)>& work);

 private:
  bool factorise(double shift, ThreadPool* pool, double least_pivot);
  bool diagonal_block(Index i, Index height, double shift, double least_pivot);
  void rows_of_factor(Index i, Index height, Index col);
  void rows_of_inverse(Index i, Index height, Index col);

  Batchd matrix_;         // m, and L' above it; columns start in different sets of the cache
  Batchd inverse_lower_;  // likewise
  Batchd panel_;          // kBlock x n: the transpose of a block of columns
  Vecd diagonal_;         // of m
  double jitter_ = 0.0;
};

/// Of a whole matrix; empty where compute says false.
std::optional<Factor> factorise(const Batchd& m, double shift, double scale, double least = 0.0);

}  // namespace mbrl::gp
