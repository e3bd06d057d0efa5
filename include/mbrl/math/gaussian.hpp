// Gaussians by their moments: divergences, conditioning, and what a linear map with noise makes of them.
#pragma once

#include <vector>

#include "mbrl/core/types.hpp"

namespace mbrl {

/// N(mean, covariance) of dimension n; or the gradient of a number with respect to them, in which
/// dJ = sum_ij covariance_ij dS_ij and the matrix is symmetric.
struct GaussianMoments {
  Vecd mean;          // n
  Batchd covariance;  // n x n

  Index dim() const { return mean.size(); }
  void set_zero(Index dim) {
    mean.setZero(dim);
    covariance.setZero(dim, dim);
  }
};

/// y | x ~ N(gain x + offset, covariance): a regression with noise, dynamics, or a controller.
struct ConditionalGaussian {
  Batchd gain;        // ny x nx
  Vecd offset;        // ny
  Batchd covariance;  // ny x ny

  Index in() const { return gain.cols(); }
  Index out() const { return gain.rows(); }
  Vecd mean(ConstVecRef<double> x) const { return gain * x + offset; }
};

/// Of every column: log N(x; p). Throws mbrl::Error, as all functions below do, for dimensions that do not fit and for a
/// covariance that is not positive definite where its inverse is needed.
Vecd log_density(const GaussianMoments& p, ConstBatchRef<double> x);

/// The same of log N(y; gain x + offset, covariance).
Vecd log_density(const ConditionalGaussian& p, ConstBatchRef<double> x, ConstBatchRef<double> y);

/// 1/2 log det(2 pi e covariance).
double entropy(ConstBatchRef<double> covariance);

/// KL(p || q) = 1/2 (tr(Q^-1 P) + (mu_q - mu_p)'Q^-1 (mu_q - mu_p) - n + log det Q - log det P).
double kl_divergence(const GaussianMoments& p, const GaussianMoments& q);

/// E_x KL(p(y|x) || q(y|x)) over x ~ N.
double expected_kl(const ConditionalGaussian& p, const ConditionalGaussian& q, const GaussianMoments& x);

/// Mean and covariance of the columns, divided by their number (the maximum of the likelihood); with weights, of which
/// none is negative and one positive, divided by the weights' sum.
GaussianMoments moments_of(ConstBatchRef<double> samples);
GaussianMoments moments_of(ConstBatchRef<double> samples, ConstVecRef<double> weights);

/// Those of the mixture sum_k weight_k N(mean_k, covariance_k), of one part or more.
GaussianMoments mixture_moments(const std::vector<GaussianMoments>& parts, ConstVecRef<double> weights);

/// p(y | x) of a joint p(x, y) whose first `given` entries are x: gain = S_yx S_xx^-1, offset = mu_y - gain mu_x,
/// covariance = S_yy - gain S_xy.
ConditionalGaussian condition(const GaussianMoments& joint, Index given);

/// The joint of [x; y] for x ~ p and y | x ~ q.
GaussianMoments joint(const GaussianMoments& p, const ConditionalGaussian& q);

/// Entries first .. first + size - 1 of it.
GaussianMoments marginal(const GaussianMoments& p, Index first, Index size);

/// A root l, l l' = covariance, for drawing: l z with standard normal z. Zero variances are allowed.
Batchd sampling_factor(ConstBatchRef<double> covariance);

}  // namespace mbrl
