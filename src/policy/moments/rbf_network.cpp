#include "mbrl/policy/moments/rbf_network.hpp"

#include <cstddef>
#include <utility>

#include "mbrl/core/error.hpp"

namespace mbrl {

RbfNetwork::RbfNetwork(const Batchd& centres, const Batchd& targets, const Batchd& lengthscale) {
  require((lengthscale.array() > 0.0).all(), "RbfNetwork: a lengthscale is not more than 0");
  set(centres, targets, lengthscale.array().log());
}

void RbfNetwork::set(Batchd centres, Batchd targets, Batchd log_lengthscale) {
  constexpr const char* kWho = "RbfNetwork";
  const Index n = centres.cols(), outputs = targets.cols();
  require_dim(kWho, "targets' rows (one a centre)", targets.rows(), n);
  require_dim(kWho, "lengthscales' rows (one an input)", log_lengthscale.rows(), centres.rows());
  require_dim(kWho, "lengthscales' columns (one an output)", log_lengthscale.cols(), outputs);
  require(centres.allFinite() && targets.allFinite() && log_lengthscale.allFinite(), kWho,
          ": a parameter is not finite, expected numbers");
  KernelSums sums{.centres = std::move(centres),
                  .weights = Batchd(n, outputs),
                  .lengthscale2 = (2.0 * log_lengthscale).array().exp(),
                  .signal2 = Vecd::Ones(outputs)};
  covariance_.resize(static_cast<std::size_t>(outputs));
  factor_.resize(static_cast<std::size_t>(outputs));
  for (Index a = 0; a < outputs; ++a) {
    const auto at = static_cast<std::size_t>(a);
    const Batchd scaled = (-log_lengthscale.col(a)).array().exp().matrix().asDiagonal() * sums.centres;
    Batchd& k = covariance_[at];
    k.resize(n, n);
    for (Index j = 0; j < n; ++j)
      k.col(j) = (-0.5 * (scaled.colwise() - scaled.col(j)).colwise().squaredNorm().array()).exp();
    factor_[at].compute(k + kNoise * kNoise * Batchd::Identity(n, n));
    sums.weights.col(a) = factor_[at].solve(targets.col(a));
  }
  moments_ = KernelMoments(std::move(sums));
  targets_ = std::move(targets);
  log_lengthscale_ = std::move(log_lengthscale);
}

Vecd RbfNetwork::parameters() const {
  const Batchd& centres = moments_.sums().centres;
  Vecd p(centres.size() + targets_.size() + log_lengthscale_.size());
  p << centres.reshaped(), targets_.reshaped(), log_lengthscale_.reshaped();
  return p;
}

void RbfNetwork::set_parameters(ConstVecRef<double> parameters) {
  const Index c = inputs() * size(), t = size() * outputs(), l = inputs() * outputs();
  require_dim("RbfNetwork", "parameters", parameters.size(), c + t + l);
  set(parameters.head(c).reshaped(inputs(), size()), parameters.segment(c, t).reshaped(size(), outputs()),
      parameters.tail(l).reshaped(inputs(), outputs()));
}

// Weights depend on everything else: with s = (K + noise^2 I)^-1 dJ/dw,
//   dJ/dy = s,   dJ/dK = -1/2 (s w' + w s').
Vecd RbfNetwork::gradient(const Gradient& accumulated) const {
  const KernelSums& sums = moments_.sums();
  Batchd by_centres = accumulated.centres, by_length = accumulated.log_lengthscale;
  Batchd by_targets(size(), outputs());
  for (Index a = 0; a < outputs(); ++a) {
    const auto at = static_cast<std::size_t>(a);
    const Vecd s = factor_[at].solve(accumulated.weights.col(a));
    const auto w = sums.weights.col(a);
    by_targets.col(a) = s;
    const Batchd h = -0.5 * (s * w.transpose() + w * s.transpose()).cwiseProduct(covariance_[at]);
    const Vecd rows = h.rowwise().sum();
    const auto inverse = sums.lengthscale2.col(a).cwiseInverse();
    const Batchd moved = sums.centres * rows.asDiagonal() - sums.centres * h;  // sum_j h_ij (c_i - c_j)
    by_centres -= 2.0 * inverse.asDiagonal() * moved;
    by_length.col(a) += 2.0 * inverse.cwiseProduct(sums.centres.cwiseProduct(moved).rowwise().sum());
  }
  Vecd p(by_centres.size() + by_targets.size() + by_length.size());
  p << by_centres.reshaped(), by_targets.reshaped(), by_length.reshaped();
  return p;
}

}  // namespace mbrl
