#include "mbrl/task/saturating_cost.hpp"

#include <Eigen/Cholesky>
#include <cmath>
#include <limits>

#include "mbrl/core/error.hpp"

namespace mbrl {

void SaturatingCost::validate(const char* who) const {
  require(map.rows() >= 1 && target.size() >= 1, who, ": the cost has no map or no target, expected both");
  require_dim(who, "the columns of the cost's map (one an entry of its target)", map.cols(), target.size());
  require(map.allFinite() && target.allFinite(), who,
          ": the cost's map or target are not finite, expected numbers");
  require(!map.isZero(0.0), who, ": the cost's map is 0 throughout, expected what a distance is measured by");
}

double SaturatingCost::operator()(ConstVecRef<double> x) const {
  return 1.0 - std::exp(-0.5 * (map * (x - target)).squaredNorm());
}

double SaturatingCost::expected(const GaussianMoments& in, GaussianMoments* gradient) const {
  const Index k = map.rows();
  const Batchd spread = Batchd::Identity(k, k) + map * in.covariance * map.transpose();
  const Eigen::LLT<Batchd> factor(spread);
  const Vecd y = map * (in.mean - target), g = factor.solve(y);
  const bool valid = factor.info() == Eigen::Success && g.allFinite();
  const double near = valid ? std::exp(-0.5 * y.dot(g) - factor.matrixLLT().diagonal().array().log().sum())
                            : std::numeric_limits<double>::quiet_NaN();
  if (gradient) {
    gradient->mean = near * (map.transpose() * g);
    const Batchd inner = 0.5 * near * (factor.solve(Batchd::Identity(k, k)) - g * g.transpose());
    gradient->covariance = map.transpose() * inner * map;
  }
  return 1.0 - near;
}

}  // namespace mbrl
