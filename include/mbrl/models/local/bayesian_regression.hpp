// Linear regression with a Gaussian residual: by least squares, and with a prior that stands in where data are fewer
// than dimensions. Gelman et al., "Bayesian data analysis", 3rd edition, sections 3.6 and 14; the use of the first for
// dynamics of few samples: Levine and Abbeel, "Learning neural network policies with guided policy search under unknown
// dynamics", NIPS 2014, section 3.2.
#pragma once

#include "mbrl/core/types.hpp"
#include "mbrl/math/gaussian.hpp"

namespace mbrl {

/// Throws mbrl::Error, which begins with `where`, for fewer than two samples, samples that are all equal, and numbers
/// that are not finite.
void check_samples(const char* where, ConstBatchRef<double> samples);

/// The least-squares fit of the joint samples [x; y], a column each, whose first `given` entries are x: conditioning of
/// their moments, with `ridge` added to every variance of x and y. Throws as check_samples, and where no entry of y varies.
ConditionalGaussian fit_linear_gaussian(ConstBatchRef<double> samples, Index given, double ridge = 1e-6);

/// What is believed of the moments of [x; y] before the data: a normal-inverse-Wishart distribution.
struct NormalInverseWishart {
  Vecd mean;                 // mu_0
  Batchd scale;              // Phi
  double mean_strength = 1;  // m: samples that mu_0 counts as
  double degrees = 1;        // n_0: samples that Phi counts as
};

/// With N samples of mean mu and covariance S, mean (N mu + m mu_0) / (N + m) and covariance
///   (N S + Phi + N m / (N + m) (mu - mu_0)(mu - mu_0)') / (N + n_0).
/// Of one sample or more. Throws mbrl::Error for a prior of another dimension, or of strengths that are not positive.
GaussianMoments posterior_moments(const NormalInverseWishart& prior, ConstBatchRef<double> samples);

/// y | x of these moments, with `ridge` as above.
ConditionalGaussian fit_linear_gaussian(ConstBatchRef<double> samples, Index given,
                                        const NormalInverseWishart& prior, double ridge = 1e-6);

/// What is believed of a regression y = W [x; 1] + e, e ~ N(0, Sigma): a matrix-normal-inverse-Wishart distribution,
/// W | Sigma ~ MN(mean, Sigma, precision^-1), Sigma ~ IW(scale, degrees).
struct MatrixNormalInverseWishart {
  Batchd mean;       // ny x (nx + 1)
  Batchd precision;  // (nx + 1) x (nx + 1): K
  Batchd scale;      // ny x ny: Phi
  double degrees = 1;

  /// y is expected not to depend on x: coefficients of variance noise / precision each, residuals of variance `noise`.
  static MatrixNormalInverseWishart vague(Index nx, Index ny, double precision = 1e-6, double noise = 1e-6);
  /// The mean, and Phi / degrees for Sigma, which lies between its mode and its mean.
  ConditionalGaussian expected() const;
  /// Of y at x: (1 + [x; 1]'K^-1 [x; 1]) Phi / degrees, larger where the data have not been.
  Batchd predictive_covariance(ConstVecRef<double> x) const;
};

/// The belief after the samples x and y (a column each), with z = [x; 1], M_0 the mean before:
///   K' = K + z z',  M' = (M_0 K + y z') K'^-1,
///   Phi' = Phi + (y - M'z)(y - M'z)' + (M' - M_0) K (M' - M_0)',  degrees' = degrees + N.
/// One by one or all at once gives the same. Throws mbrl::Error for dimensions that do not fit and numbers that are not
/// finite.
MatrixNormalInverseWishart posterior(const MatrixNormalInverseWishart& prior, ConstBatchRef<double> x,
                                     ConstBatchRef<double> y);

}  // namespace mbrl
