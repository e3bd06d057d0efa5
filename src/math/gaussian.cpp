#include "mbrl/math/gaussian.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <numbers>

#include "mbrl/core/error.hpp"
#include "mbrl/math/symmetric.hpp"

namespace mbrl {
namespace {

using Factor = Eigen::LLT<Batchd>;

Factor factor(const char* where, const Batchd& covariance) {
  require(covariance.rows() == covariance.cols() && covariance.rows() >= 1, where, ": a covariance is ",
          covariance.rows(), " x ", covariance.cols(), ", expected a square matrix");
  const Factor llt(covariance);
  require(llt.info() == Eigen::Success && covariance.allFinite(), where,
          ": a covariance is not positive definite; a larger ridge may help");
  return llt;
}

double log_det(const Factor& llt) {
  return 2.0 * llt.matrixL().toDenseMatrix().diagonal().array().log().sum();
}

// The divergence of covariances alone.
double shape_kl(const Factor& p, const Factor& q, const Batchd& p_covariance) {
  return 0.5 *
         (q.solve(p_covariance).trace() - static_cast<double>(p_covariance.rows()) + log_det(q) - log_det(p));
}

}  // namespace

Vecd log_density(const GaussianMoments& p, ConstBatchRef<double> x) {
  require_dim("log_density", "x", x.rows(), p.dim());
  const Factor llt = factor("log_density", p.covariance);
  const double constant = static_cast<double>(p.dim()) * std::log(2.0 * std::numbers::pi);
  return -0.5 * (llt.matrixL().solve(x.colwise() - p.mean).colwise().squaredNorm().transpose().array() +
                 constant + log_det(llt));
}

Vecd log_density(const ConditionalGaussian& p, ConstBatchRef<double> x, ConstBatchRef<double> y) {
  require_dim("log_density", "x", x.rows(), p.in());
  require_dim("log_density", "y", y.rows(), p.out());
  require_dim("log_density", "the batch of y", y.cols(), x.cols());
  const Factor llt = factor("log_density", p.covariance);
  const Batchd off = (y - p.gain * x).colwise() - p.offset;
  const double constant = log_det(llt) + static_cast<double>(p.out()) * std::log(2.0 * std::numbers::pi);
  return -0.5 * (llt.matrixL().solve(off).colwise().squaredNorm().transpose().array() + constant);
}

double entropy(ConstBatchRef<double> covariance) {
  return 0.5 * (log_det(factor("entropy", covariance)) +
                static_cast<double>(covariance.rows()) * std::log(2.0 * std::numbers::pi * std::numbers::e));
}

double kl_divergence(const GaussianMoments& p, const GaussianMoments& q) {
  require_dim("kl_divergence", "q", q.dim(), p.dim());
  const Factor lp = factor("kl_divergence", p.covariance), lq = factor("kl_divergence", q.covariance);
  return shape_kl(lp, lq, p.covariance) + 0.5 * lq.matrixL().solve(q.mean - p.mean).squaredNorm();
}

double expected_kl(const ConditionalGaussian& p, const ConditionalGaussian& q, const GaussianMoments& x) {
  require_dim("expected_kl", "q's output", q.out(), p.out());
  require_dim("expected_kl", "q's input", q.in(), p.in());
  require_dim("expected_kl", "x", x.dim(), p.in());
  const Factor lp = factor("expected_kl", p.covariance), lq = factor("expected_kl", q.covariance);
  const Batchd gain = p.gain - q.gain;
  const Vecd mean = gain * x.mean + p.offset - q.offset;
  return shape_kl(lp, lq, p.covariance) + 0.5 * (lq.matrixL().solve(mean).squaredNorm() +
                                                 lq.solve(gain * x.covariance * gain.transpose()).trace());
}

GaussianMoments moments_of(ConstBatchRef<double> samples) {
  return moments_of(samples, Vecd::Ones(samples.cols()));
}

GaussianMoments moments_of(ConstBatchRef<double> samples, ConstVecRef<double> weights) {
  require_dim("moments_of", "the weights", weights.size(), samples.cols());
  const double sum = weights.sum();
  require(samples.cols() >= 1 && sum > 0 && std::isfinite(sum) && weights.minCoeff() >= 0.0,
          "moments_of: ", samples.cols(), " samples whose weights sum to ", sum,
          ", expected some of positive weight");
  GaussianMoments p;
  p.mean = samples * weights / sum;
  const Batchd off = samples.colwise() - p.mean;
  p.covariance = symmetrised(off * (weights / sum).asDiagonal() * off.transpose());
  return p;
}

GaussianMoments mixture_moments(const std::vector<GaussianMoments>& parts, ConstVecRef<double> weights) {
  require(!parts.empty(), "mixture_moments: there are no parts, expected at least 1");
  require_dim("mixture_moments", "the weights", weights.size(), parts.size());
  const Index n = parts.front().dim();
  GaussianMoments p{Vecd::Zero(n), Batchd::Zero(n, n)};
  Index k = 0;
  for (const GaussianMoments& part : parts) p.mean += weights(k++) * part.mean;
  k = 0;
  for (const GaussianMoments& part : parts) {
    const Vecd off = part.mean - p.mean;
    p.covariance += weights(k++) * (part.covariance + off * off.transpose());
  }
  return p;
}

ConditionalGaussian condition(const GaussianMoments& joint, Index given) {
  const Index ny = joint.dim() - given;
  require(given >= 1 && ny >= 1, "condition: ", given, " of ", joint.dim(),
          " entries are given, expected 1 to ", joint.dim() - 1);
  const Factor llt = factor("condition", joint.covariance.topLeftCorner(given, given));
  const Batchd cross = joint.covariance.topRightCorner(given, ny);
  ConditionalGaussian p;
  p.gain = llt.solve(cross).transpose();
  p.offset = joint.mean.tail(ny) - p.gain * joint.mean.head(given);
  p.covariance = symmetrised(joint.covariance.bottomRightCorner(ny, ny) - p.gain * cross);
  return p;
}

GaussianMoments joint(const GaussianMoments& p, const ConditionalGaussian& q) {
  require_dim("joint", "x", p.dim(), q.in());
  const Index nx = q.in(), ny = q.out();
  GaussianMoments both{Vecd(nx + ny), Batchd(nx + ny, nx + ny)};
  both.mean << p.mean, q.mean(p.mean);
  const Batchd cross = q.gain * p.covariance;
  both.covariance << p.covariance, cross.transpose(), cross,
      symmetrised(cross * q.gain.transpose() + q.covariance);
  return both;
}

GaussianMoments marginal(const GaussianMoments& p, Index first, Index size) {
  require(first >= 0 && size >= 1 && first + size <= p.dim(), "marginal: entries ", first, " to ",
          first + size - 1, " of ", p.dim());
  return {p.mean.segment(first, size), p.covariance.block(first, first, size, size)};
}

Batchd sampling_factor(ConstBatchRef<double> covariance) {
  require(covariance.allFinite(), "sampling_factor: the covariance is not finite");
  const Factor llt(covariance);
  if (llt.info() == Eigen::Success) return llt.matrixL();
  // Semidefinite: from the eigenvectors, without what rounding made negative.
  const Eigen::SelfAdjointEigenSolver<Batchd> eigen{Batchd(covariance)};
  require(eigen.info() == Eigen::Success &&
              eigen.eigenvalues().minCoeff() >
                  -1e-8 * std::max(1e-300, eigen.eigenvalues().cwiseAbs().maxCoeff()),
          "sampling_factor: the covariance has a negative eigenvalue");
  return eigen.eigenvectors() * eigen.eigenvalues().cwiseMax(0.0).cwiseSqrt().asDiagonal();
}

}  // namespace mbrl
