// Gaussian process regression of one output (Rasmussen and Williams, "Gaussian processes for machine learning", 2006,
// chapters 2 and 5): y_i = f(x_i) + e_i with f ~ GP(0, k), e_i ~ N(0, noise^2) and the squared exponential covariance
//   k(x, x') = signal^2 exp(-1/2 sum_d (x_d - x'_d)^2 / lengthscale_d^2).
// Inputs are D x n, one column a point, in double precision.
#pragma once

#include <limits>
#include <memory>

#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"

namespace mbrl {

/// Logarithms of standard deviations, and of lengths in the inputs' units.
struct GpHyperparameters {
  Vecd log_lengthscale;  // D
  double log_signal = 0.0;
  double log_noise = 0.0;

  int dim() const { return static_cast<int>(log_lengthscale.size()); }
  Vecd lengthscale2() const { return (2.0 * log_lengthscale).array().exp(); }
  double signal2() const;
  double noise2() const;

  /// [log_lengthscale; log_signal; log_noise], D + 2: the order of every gradient.
  Vecd packed() const;
  static GpHyperparameters unpacked(ConstVecRef<double> values);
  bool operator==(const GpHyperparameters&) const = default;
};

/// What prediction needs of the data: at x, with k_i = k(x, x_i),
///   mean k'beta, variance of f signal2 - k'inverse k, of an observation noise2 more.
/// Exact: over the n inputs, beta = (K + noise2 I)^-1 y, and root is a lower triangle. Sparse (sparse_gp.hpp): of the same
/// form over the n inducing inputs.
struct GpPosterior {
  Vecd lengthscale2;  // squared, D
  double signal2 = 1.0;
  double noise2 = 1.0;
  Vecd beta;            // n
  Batchd inverse;       // (K + noise2 I)^-1, n x n
  Batchd root;          // n x n with inverse = root'root, so that k'inverse k = |root k|^2 is never negative
  double jitter = 0.0;  // what had to be added to the diagonal before it could be factorised
};

/// Density of a positive number v proportional to v^(shape - 1) exp(-rate v).
struct GammaPrior {
  double shape = 1.0, rate = 0.0;  // rate 0: none

  /// Up to a constant; *slope is its derivative with respect to log v.
  double log_density(double log_v, double* slope) const;
};

/// On lengthscales and on signal^2, for inputs and outputs in units of their standard deviation; and, as in PILCO's code
/// (Deisenroth and Rasmussen, ICML 2011), a wall against signal and noise that differ by more than a factor, as signals
/// that exceed it would make the covariance singular: -|log(signal / noise) / log(factor)|^30.
struct GpPriors {
  GammaPrior lengthscale{1.1, 0.1};
  GammaPrior variance{1.5, 0.5};
  double max_signal_to_noise = 1000.0;  // 0: none

  /// Log density up to a constant; adds its gradient (D + 2) to `gradient`.
  double log_density(const GpHyperparameters& hyperparameters, Vecd& gradient) const;
};

/// out(i, j) = k(a_i, b_j), without noise. a: D x p, b: D x q, lengthscale2: D; out: p x q. All NaN where an entry
/// of a is, NaN in the columns where b is.
void se_covariance(ConstBatchRef<double> a, ConstBatchRef<double> b, ConstVecRef<double> lengthscale2,
                   double signal2, Batchd& out);

struct GpEvidence {
  // -infinity where K + noise2 I is singular in spite of jitter.
  double value = -std::numeric_limits<double>::infinity();
  Vecd gradient;  // by packed(), D + 2
  double jitter = 0.0;
};

/// log N(y | 0, K + noise2 I) and its gradient
///   1/2 tr((beta beta' - (K + noise2 I)^-1) dK)
/// (Rasmussen and Williams, equations 5.8 and 5.9). inputs: D x n, targets: n. Jitter of 1e-10 signal2 and then ten times
/// as much is added to the diagonal until it can be factorised, up to 1e-4 signal2. Throws for other dimensions and for
/// numbers that are not finite.
GpEvidence log_evidence(ConstBatchRef<double> inputs, ConstVecRef<double> targets,
                        const GpHyperparameters& hyperparameters);

/// Memory for `log_evidence`: two n x n matrices, kept for further calls.
class GpEvidenceWorkspace {
 public:
  GpEvidenceWorkspace();
  GpEvidenceWorkspace(GpEvidenceWorkspace&&) noexcept;
  GpEvidenceWorkspace& operator=(GpEvidenceWorkspace&&) noexcept;
  ~GpEvidenceWorkspace();

  struct Memory;
  Memory& memory() { return *memory_; }

 private:
  std::unique_ptr<Memory> memory_;
};

/// The same into `evidence`, without an allocation from the second call for as many points on. `pool` computes blocks of
/// matrices side by side; its size changes no number.
void log_evidence(ConstBatchRef<double> inputs, ConstVecRef<double> targets,
                  const GpHyperparameters& hyperparameters, GpEvidence& evidence,
                  GpEvidenceWorkspace& workspace, ThreadPool* pool = nullptr);

/// Throws as log_evidence does, and where K + noise2 I is singular in spite of jitter: the message names the two inputs
/// that lie closest to each other.
GpPosterior exact_posterior(ConstBatchRef<double> inputs, ConstVecRef<double> targets,
                            const GpHyperparameters& hyperparameters);

}  // namespace mbrl
