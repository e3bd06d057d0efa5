// Weighted sums of squared exponentials at an uncertain input: exact moments and their derivatives. A Gaussian process'
// prediction and a radial basis function network are such sums.
#pragma once

#include <vector>

#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/gaussian.hpp"
#include "mbrl/math/moments/moment_image.hpp"

namespace mbrl {

/// f_a(x) = sum_i weights(i, a) k_a(x, x_i), a = 1 ... E, with
///   k_a(x, x') = signal2(a) exp(-1/2 sum_d (x_d - x'_d)^2 / lengthscale2(d, a)).
struct KernelSums {
  Batchd centres;       // D x n, shared
  Batchd weights;       // n x E
  Batchd lengthscale2;  // D x E, squared
  Vecd signal2;         // E

  Index inputs() const { return centres.rows(); }
  Index size() const { return centres.cols(); }
  Index outputs() const { return weights.cols(); }
};

/// Of a number with respect to the parameters: like KernelSums', but for lengthscales (not squared) by their logarithm.
struct KernelSumsGradient {
  Batchd centres;
  Batchd weights;
  Batchd log_lengthscale;

  void set_zero(const KernelSums& sums) {
    centres.setZero(sums.inputs(), sums.size());
    weights.setZero(sums.size(), sums.outputs());
    log_lengthscale.setZero(sums.inputs(), sums.outputs());
  }
};

/// The moments of kernel sums under x ~ N(m, S) (Deisenroth and Rasmussen, ICML 2011, section 2.2; derivatives in
/// Deisenroth, "Efficient reinforcement learning using Gaussian processes", 2010, appendix A). With nu_i = x_i - m,
/// L_a = diag(lengthscale2(., a)):
///   q_ai = signal2(a) |S L_a^-1 + I|^-1/2 exp(-1/2 nu_i' (S + L_a)^-1 nu_i)
///   mean_a = sum_i w_ai q_ai,   gain_a = (S + L_a)^-1 sum_i w_ai q_ai nu_i
///   covariance_ab = sum_ij P_ij Q_ij - mean_a mean_b,   P = w_a w_b',
///   Q_ij = k_a(x_i, m) k_b(x_j, m) |R|^-1/2 exp(1/2 z_ij' R^-1 S z_ij),
///   R = S (L_a^-1 + L_b^-1) + I,   z_ij = L_a^-1 nu_i + L_b^-1 nu_j.
/// A process that is uncertain of f_a itself has P = w_a w_a' - K_a^-1 on the diagonal a = b, and signal2(a) more.
class KernelMoments {
 public:
  /// What `forward` leaves for `backward`, and scratch memory: one for each call that is to be differentiated.
  struct Tape {
    struct Scratch {
      Batchd scaled_a, scaled_b;     // L^-1 nu, D x n
      Batchd turned, moved;          // n, padded, x D
      Batchd inner, middle, turn;    // D x D
      Vecd row, column, row_weight;  // n, the first and the last padded
      Vecd row_sum, column_sum, lanes;
    };
    GaussianMoments in;
    Vecd mean;
    Batchd offsets;  // nu, D x n
    Batchd slopes;   // of each pair's double sum: by m, then by S; D + D^2 x pairs
    Scratch single;
    std::vector<Scratch> pairs;
  };

  KernelMoments() = default;
  /// Throws mbrl::Error for shapes that do not fit, numbers that are not finite, lengths or signals that are not positive.
  explicit KernelMoments(KernelSums sums);
  /// `inverse`: of each output K_a^-1 (n x n, symmetric), for a process that is uncertain.
  KernelMoments(KernelSums sums, const std::vector<const Batchd*>& inverse);

  const KernelSums& sums() const { return sums_; }
  Index inputs() const { return sums_.inputs(); }
  Index outputs() const { return sums_.outputs(); }

  /// Writes the image of N(m, S); all NaN where S is not a covariance. `pool` computes pairs of outputs side by side; its
  /// size changes no number. Throws for other dimensions. `out` and the tape allocate at the first use only.
  void forward(const GaussianMoments& in, MomentImage& out, Tape& tape, ThreadPool* pool = nullptr) const;
  /// After `forward` on the tape: of a number whose gradient with respect to the image is `adjoint` (covariance symmetric),
  /// writes the gradient with respect to (m, S) and adds the one with respect to the parameters to `gradient` (null: not
  /// wanted; there is none for a process that is uncertain).
  void backward(const MomentImage& adjoint, Tape& tape, GaussianMoments& in_gradient,
                KernelSumsGradient* gradient = nullptr) const;

  /// f at a point: D, E.
  void value(ConstVecRef<double> x, VecRef<double> out) const;

 private:
  using Scratch = Tape::Scratch;
  struct Pair {
    Index a, b;
  };
  void resize(Tape& tape) const;
  bool prepare_mean(Index output, const Tape& tape, Scratch& s) const;
  bool prepare_pair(const Pair& pair, const Tape& tape, Scratch& s) const;
  void sum_pair(const Pair& pair, bool weigh_rows, Scratch& s) const;
  double pair_forward(Index number, Tape& tape) const;
  void pair_gradient(const Pair& pair, double factor, Tape& tape, KernelSumsGradient& gradient) const;

  KernelSums sums_;
  Batchd inverse_lengthscale2_;
  std::vector<Pair> pairs_;  // a <= b
  // Of each output that is uncertain: P's lower triangle, below its diagonal doubled, as pair_sums takes it.
  std::vector<Vecd> pair_weights_;
};

}  // namespace mbrl
