#include "mbrl/models/local/bayesian_regression.hpp"

#include <Eigen/Cholesky>
#include <cmath>

#include "mbrl/core/error.hpp"
#include "mbrl/math/symmetric.hpp"

namespace mbrl {
namespace {

Batchd with_one(ConstBatchRef<double> x) {
  Batchd z(x.rows() + 1, x.cols());
  z << x, Eigen::RowVectorXd::Ones(x.cols());
  return z;
}

ConditionalGaussian conditioned(GaussianMoments p, Index given, double ridge) {
  require(std::isfinite(ridge) && ridge >= 0, "fit_linear_gaussian: ridge is ", ridge,
          ", expected at least 0");
  p.covariance.diagonal().array() += ridge;
  return condition(p, given);
}

}  // namespace

void check_samples(const char* where, ConstBatchRef<double> samples) {
  require(samples.cols() >= 2, where, ": ", samples.cols(), samples.cols() == 1 ? " sample" : " samples",
          ", expected at least 2");
  require(samples.allFinite(), where, ": a sample holds a number that is not finite");
  require((samples.colwise() - samples.col(0)).cwiseAbs().maxCoeff() > 0, where, ": all ", samples.cols(),
          " samples are equal, expected some that differ");
}

ConditionalGaussian fit_linear_gaussian(ConstBatchRef<double> samples, Index given, double ridge) {
  check_samples("fit_linear_gaussian", samples);
  const GaussianMoments p = moments_of(samples);
  require(given >= 1 && given < p.dim(), "fit_linear_gaussian: ", given, " inputs of ", p.dim(),
          " entries, expected 1 to ", p.dim() - 1);
  require(p.covariance.diagonal().tail(p.dim() - given).maxCoeff() > 0,
          "fit_linear_gaussian: no output varies, expected at least one that does");
  return conditioned(p, given, ridge);
}

GaussianMoments posterior_moments(const NormalInverseWishart& prior, ConstBatchRef<double> samples) {
  require_dim("posterior_moments", "the prior's mean", prior.mean.size(), samples.rows());
  require_dim("posterior_moments", "the prior's scale", prior.scale.rows(), samples.rows());
  require_dim("posterior_moments", "the prior's scale", prior.scale.cols(), samples.rows());
  require(prior.mean_strength > 0 && prior.degrees > 0 && prior.mean.allFinite() && prior.scale.allFinite(),
          "posterior_moments: a prior of strengths ", prior.mean_strength, " and ", prior.degrees,
          ", expected positive ones and finite numbers");
  require(samples.cols() >= 1 && samples.allFinite(), "posterior_moments: ", samples.cols(),
          " samples, expected at least one, of finite numbers");
  const auto n = static_cast<double>(samples.cols());
  const double m = prior.mean_strength;
  GaussianMoments p = moments_of(samples);
  const Vecd off = p.mean - prior.mean;
  p.covariance = symmetrised((n * p.covariance + prior.scale + n * m / (n + m) * off * off.transpose()) /
                             (n + prior.degrees));
  p.mean -= m / (n + m) * off;
  return p;
}

ConditionalGaussian fit_linear_gaussian(ConstBatchRef<double> samples, Index given,
                                        const NormalInverseWishart& prior, double ridge) {
  return conditioned(posterior_moments(prior, samples), given, ridge);
}

MatrixNormalInverseWishart MatrixNormalInverseWishart::vague(Index nx, Index ny, double precision,
                                                             double noise) {
  require(nx >= 1 && ny >= 1 && precision > 0 && noise > 0, "MatrixNormalInverseWishart::vague: ", nx,
          " inputs, ", ny, " outputs, precision ", precision, " and noise ", noise,
          ", expected positive ones");
  return {Batchd::Zero(ny, nx + 1), precision * Batchd::Identity(nx + 1, nx + 1),
          noise * Batchd::Identity(ny, ny), 1};
}

ConditionalGaussian MatrixNormalInverseWishart::expected() const {
  const Index nx = mean.cols() - 1;
  return {mean.leftCols(nx), mean.col(nx), scale / degrees};
}

Batchd MatrixNormalInverseWishart::predictive_covariance(ConstVecRef<double> x) const {
  require_dim("predictive_covariance", "x", x.size(), mean.cols() - 1);
  const Vecd z = with_one(x);
  return (1.0 + z.dot(precision.ldlt().solve(z))) / degrees * scale;
}

MatrixNormalInverseWishart posterior(const MatrixNormalInverseWishart& prior, ConstBatchRef<double> x,
                                     ConstBatchRef<double> y) {
  require_dim("posterior", "x", x.rows(), prior.mean.cols() - 1);
  require_dim("posterior", "y", y.rows(), prior.mean.rows());
  require_dim("posterior", "the batch of y", y.cols(), x.cols());
  require(x.allFinite() && y.allFinite(), "posterior: a sample holds a number that is not finite");
  const Batchd z = with_one(x);
  MatrixNormalInverseWishart after;
  after.precision = prior.precision + z * z.transpose();
  const Eigen::LLT<Batchd> llt(after.precision);
  require(llt.info() == Eigen::Success, "posterior: the precision is not positive definite");
  after.mean = llt.solve((prior.mean * prior.precision + y * z.transpose()).transpose()).transpose();
  const Batchd residual = y - after.mean * z, moved = after.mean - prior.mean;
  after.scale = symmetrised(prior.scale + residual * residual.transpose() +
                            moved * prior.precision * moved.transpose());
  after.degrees = prior.degrees + static_cast<double>(x.cols());
  return after;
}

}  // namespace mbrl
