// The sparse, symmetric system of a Newton step on an augmented Lagrangian.
#pragma once

#include <Eigen/SparseCholesky>
#include <Eigen/SparseCore>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/math/nonlinear_program.hpp"

namespace mbrl {

// The lower triangle of [H + delta I, .; J, -D]: assembled from lists of entries into one pattern, which is
// analysed once. Where a list has other places than last time, the pattern is made anew.
class NewtonSystem {
 public:
  NewtonSystem(Index n, Index m) : n_(n), m_(m), rhs_(n + m), solution_(n + m), residual_(n + m) {}

  // active: rows of J that count; free: variables that may move. inverse_penalty: of the rows that count.
  void assemble(const SparseEntries& hessian, const SparseEntries& jacobian, const std::vector<char>& active,
                const std::vector<char>& free, double inverse_penalty) {
    if (hessian.size() != hessian_entries_ || jacobian.size() != jacobian_entries_)
      make_pattern(hessian, jacobian);
    double* values = matrix_.valuePtr();
    std::fill(values, values + matrix_.nonZeros(), 0.0);
    std::size_t next = 0;
    for (const SparseEntry& e : hessian) {
      const std::size_t place = places_[next++];
      if (free[static_cast<std::size_t>(e.row)] && free[static_cast<std::size_t>(e.col)])
        values[place] += e.value;
    }
    for (const SparseEntry& e : jacobian) {
      const std::size_t place = places_[next++];
      if (active[static_cast<std::size_t>(e.row)] && free[static_cast<std::size_t>(e.col)])
        values[place] += e.value;
    }
    for (Index i = 0; i < n_; ++i)
      if (!free[static_cast<std::size_t>(i)]) values[diagonal_[static_cast<std::size_t>(i)]] = 1.0;
    for (Index i = 0; i < m_; ++i)
      values[diagonal_[static_cast<std::size_t>(n_ + i)]] =
          active[static_cast<std::size_t>(i)] ? -inverse_penalty : -1.0;
    delta_ = 0;
  }

  // Adds delta I to H and factorises. False unless H + J'D^-1 J is then positive definite.
  bool factorize(double delta) {
    for (Index i = 0; i < n_; ++i)
      matrix_.valuePtr()[diagonal_[static_cast<std::size_t>(i)]] += delta - delta_;
    delta_ = delta;
    factors_.factorize(matrix_);
    if (factors_.info() != Eigen::Success) return false;
    const auto d = factors_.vectorD();
    Index negative = 0;
    for (Index i = 0; i < d.size(); ++i) {
      if (!std::isfinite(d(i)) || d(i) == 0.0) return false;
      negative += d(i) < 0;
    }
    return negative == m_;
  }

  // The right-hand side to fill and, after `solve`, the solution (refined once): n entries and m.
  Vecd& rhs() { return rhs_; }
  const Vecd& solve() {
    solution_ = factors_.solve(rhs_);
    residual_ = rhs_ - matrix_.selfadjointView<Eigen::Lower>() * solution_;
    solution_ += factors_.solve(residual_);
    return solution_;
  }

 private:
  void make_pattern(const SparseEntries& hessian, const SparseEntries& jacobian) {
    std::vector<Eigen::Triplet<double>> triplets;
    triplets.reserve(hessian.size() + jacobian.size() + static_cast<std::size_t>(n_ + m_));
    for (const SparseEntry& e : hessian) {
      require(e.row >= e.col && e.col >= 0 && e.row < n_, "minimize: the Hessian has an entry at (", e.row,
              ", ", e.col, "), expected its lower triangle, ", n_, " x ", n_);
      triplets.emplace_back(e.row, e.col, 0.0);
    }
    for (const SparseEntry& e : jacobian) {
      require(e.row >= 0 && e.row < m_ && e.col >= 0 && e.col < n_,
              "minimize: the Jacobian has an entry at (", e.row, ", ", e.col, "), expected ", m_, " x ", n_);
      triplets.emplace_back(static_cast<int>(n_) + e.row, e.col, 0.0);
    }
    for (int i = 0; i < n_ + m_; ++i) triplets.emplace_back(i, i, 0.0);
    matrix_.resize(n_ + m_, n_ + m_);
    matrix_.setFromTriplets(triplets.begin(), triplets.end());
    factors_.analyzePattern(matrix_);
    hessian_entries_ = hessian.size();
    jacobian_entries_ = jacobian.size();
    const auto place = [&](int row, int col) {
      const int* begin = matrix_.innerIndexPtr() + matrix_.outerIndexPtr()[col];
      const int* end = matrix_.innerIndexPtr() + matrix_.outerIndexPtr()[col + 1];
      return static_cast<std::size_t>(std::lower_bound(begin, end, row) - matrix_.innerIndexPtr());
    };
    places_.clear();
    diagonal_.clear();
    for (const auto& t : triplets) places_.push_back(place(t.row(), t.col()));
    diagonal_.assign(places_.end() - (n_ + m_), places_.end());
    places_.resize(places_.size() - static_cast<std::size_t>(n_ + m_));
  }

  Index n_, m_;
  Eigen::SparseMatrix<double> matrix_;
  Eigen::SimplicialLDLT<Eigen::SparseMatrix<double>, Eigen::Lower> factors_;
  std::size_t hessian_entries_ = static_cast<std::size_t>(-1), jacobian_entries_ = 0;
  std::vector<std::size_t> places_, diagonal_;
  Vecd rhs_, solution_, residual_;
  double delta_ = 0;
};

}  // namespace mbrl
