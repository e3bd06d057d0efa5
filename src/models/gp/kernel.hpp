// The squared exponential covariance and its gradient as matrix products. Private to the Gaussian processes.
#pragma once

#include <string>

#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/models/gp/gaussian_process.hpp"

namespace mbrl::gp {

/// One side of a product whose entries are the exponents -1/2 |(x - x') / l|^2 + log signal2: with z = (x - centre) / l,
/// of the first kind [z; -1/2 |z|^2 + log signal2; 1], of the second [z; 1; -1/2 |z|^2]. (D + 2) x p.
void left_exponents(ConstBatchRef<double> x, ConstVecRef<double> centre, ConstVecRef<double> lengthscale2,
                    double signal2, Batchd& out);
void right_exponents(ConstBatchRef<double> x, ConstVecRef<double> centre, ConstVecRef<double> lengthscale2,
                     BatchRef<double> out);

/// k(x_i, x_j), n x n, exactly symmetric with signal2 on the diagonal.
Batchd self_covariance(ConstBatchRef<double> x, ConstVecRef<double> lengthscale2, double signal2);

/// The same for `log_evidence`: keeps its memory.
class SelfCovariance {
 public:
  /// Writes k(x_i, x_j) for i >= j into out (n x n).
  void lower(ConstBatchRef<double> x, const GpHyperparameters& hyperparameters, BatchRef<double> out,
             ThreadPool* pool = nullptr);
  /// (x - centre) / lengthscale of the last call, D x n.
  auto scaled() const { return right_.topRows(right_.rows() - 2); }

 private:
  Vecd centre_, lengthscale2_;
  Batchd left_, columns_, right_;  // the exponents' two sides; the first transposed
};

/// For weighted(i, j) = dL/dk(a_i, b_j) k(a_i, b_j): adds dL / d(log lengthscales, log signal) to the first D + 1 entries of
/// gradient, and dL/db (D x q) to `of_b` where that is not null.
void add_covariance_gradient(ConstBatchRef<double> a, ConstBatchRef<double> b, const Batchd& weighted,
                             ConstVecRef<double> lengthscale2, Vecd& gradient, Batchd* of_b = nullptr);

/// Throws unless inputs are D x n, n at least 1, targets n, hyperparameters of D lengthscales, all finite.
void check_data(const char* who, ConstBatchRef<double> inputs, ConstVecRef<double> targets,
                const GpHyperparameters& hyperparameters);

/// Throws where exact processes of n points and so many entries, `at_once` of them being computed, need more memory than
/// the machine has.
void check_memory(Index n, Index entries, int at_once);

/// For errors: "points 3 and 17 are 1e-9 lengthscales apart", of the two closest.
std::string closest_points(ConstBatchRef<double> inputs, ConstVecRef<double> lengthscale2);

}  // namespace mbrl::gp
