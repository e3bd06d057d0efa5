#include "mbrl/models/local/gaussian_mixture.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/models/local/bayesian_regression.hpp"

namespace mbrl {
namespace {

constexpr double kLeastWeight = 1e-8;  // in samples: a cluster below it has died

// log sum exp of every column.
Vecd log_sum(const Batchd& values) {
  const Eigen::RowVectorXd top = values.colwise().maxCoeff();
  return ((values.rowwise() - top).array().exp().colwise().sum().log() + top.array()).transpose();
}

// Rows that lie apart, each the likelier the farther from those before (k-means++); fewer where samples repeat.
std::vector<Index> apart(const Batchd& scaled, int clusters, std::uint64_t seed, std::uint32_t round) {
  const RandomStream random(seed, Stream::kBootstrap);
  std::vector<Index> chosen{
      static_cast<Index>(random.below(static_cast<std::uint64_t>(scaled.cols()), round))};
  Vecd distance = (scaled.colwise() - scaled.col(chosen[0])).colwise().squaredNorm().transpose();
  for (int k = 1; k < clusters && distance.maxCoeff() > 0; ++k) {
    double left = random.uniform(round, static_cast<std::uint32_t>(k)) * distance.sum();
    Index j = 0;
    while (j + 1 < distance.size() && (distance(j) <= 0 || left > distance(j))) left -= distance(j++);
    if (distance(j) <= 0) distance.maxCoeff(&j);
    chosen.push_back(j);
    distance = distance.cwiseMin((scaled.colwise() - scaled.col(j)).colwise().squaredNorm().transpose());
  }
  return chosen;
}

}  // namespace

void MixtureSettings::validate() const {
  require(max_clusters >= 1, "mixture: max_clusters is ", max_clusters, ", expected at least 1");
  require(min_per_cluster >= 1, "mixture: min_per_cluster is ", min_per_cluster, ", expected at least 1");
  require(iterations >= 1, "mixture: iterations is ", iterations, ", expected at least 1");
  require(tolerance >= 0 && std::isfinite(tolerance), "mixture: tolerance is ", tolerance,
          ", expected at least 0");
  require(ridge > 0 && std::isfinite(ridge), "mixture: ridge is ", ridge, ", expected more than 0");
}

GaussianMixture GaussianMixture::fit(ConstBatchRef<double> samples, const MixtureSettings& s,
                                     std::uint64_t seed, std::uint32_t round) {
  s.validate();
  check_samples("GaussianMixture::fit", samples);
  const Index n = samples.cols();
  const GaussianMoments all = moments_of(samples);
  const Vecd variance = all.covariance.diagonal();
  const double floor = s.ridge * std::max(variance.maxCoeff() * 1e-6, std::numeric_limits<double>::min());
  const Vecd least = (s.ridge * variance).cwiseMax(floor);
  const Batchd scaled =
      (variance.array() > 0).select(variance.cwiseSqrt().cwiseInverse(), 0.0).matrix().asDiagonal() *
      (samples.colwise() - all.mean);

  const int wanted = std::min(s.max_clusters, std::max(2, static_cast<int>(n) / s.min_per_cluster));
  const std::vector<Index> centres = apart(scaled, wanted, seed, round);
  const auto k_count = static_cast<Index>(centres.size());
  Batchd share = Batchd::Zero(k_count, n);  // of every sample in the nearest at first
  for (Index j = 0; j < n; ++j) {
    Index nearest = 0;
    double best = std::numeric_limits<double>::infinity();
    for (Index k = 0; k < k_count; ++k) {
      const double d = (scaled.col(j) - scaled.col(centres[static_cast<std::size_t>(k)])).squaredNorm();
      if (d < best) best = d, nearest = k;
    }
    share(nearest, j) = 1;
  }

  GaussianMixture mixture;
  double last = -std::numeric_limits<double>::infinity();
  for (int i = 0; i < s.iterations; ++i) {
    mixture.parts_.clear();
    std::vector<double> weights;
    for (Index k = 0; k < share.rows(); ++k) {
      const Vecd weight = share.row(k).transpose();
      if (weight.sum() < kLeastWeight) continue;
      GaussianMoments part = moments_of(samples, weight);
      part.covariance.diagonal() += least;
      mixture.parts_.push_back(std::move(part));
      weights.push_back(weight.sum() / static_cast<double>(n));
    }
    mixture.weights_ = Eigen::Map<const Vecd>(weights.data(), static_cast<Index>(weights.size()));
    const Batchd joint = mixture.log_joint(samples);
    const Vecd total = log_sum(joint);
    const double now = total.mean();
    if (now - last < s.tolerance) break;
    last = now;
    share = (joint.rowwise() - total.transpose()).array().exp();
  }
  return mixture;
}

Batchd GaussianMixture::log_joint(ConstBatchRef<double> samples) const {
  require(clusters() > 0, "GaussianMixture: it has not been fitted");
  require_dim("GaussianMixture", "a sample", samples.rows(), dim());
  Batchd joint(clusters(), samples.cols());
  for (int k = 0; k < clusters(); ++k)
    joint.row(k) = mbrl::log_density(part(k), samples).transpose().array() + std::log(weights_(k));
  return joint;
}

Batchd GaussianMixture::responsibilities(ConstBatchRef<double> samples) const {
  const Batchd joint = log_joint(samples);
  return (joint.rowwise() - log_sum(joint).transpose()).array().exp();
}

Vecd GaussianMixture::log_density(ConstBatchRef<double> samples) const { return log_sum(log_joint(samples)); }

GaussianMoments GaussianMixture::moments(ConstVecRef<double> weights) const {
  require_dim("GaussianMixture::moments", "the weights", weights.size(), clusters());
  return mixture_moments(parts_, weights);
}

void GaussianMixture::save(StateDict& out, const std::string& prefix) const {
  Batchd means(dim(), clusters()), covariances(dim(), dim() * clusters());
  for (int k = 0; k < clusters(); ++k) {
    means.col(k) = part(k).mean;
    covariances.middleCols(k * dim(), dim()) = part(k).covariance;
  }
  out.put_matrix(prefix + "weights", weights_);
  out.put_matrix(prefix + "means", means);
  out.put_matrix(prefix + "covariances", covariances);
}

void GaussianMixture::load(const StateDict& in, const std::string& prefix) {
  const Vecd weights = in.get_matrix<double>(prefix + "weights").reshaped();
  const Batchd means = in.get_matrix<double>(prefix + "means"),
               covariances = in.get_matrix<double>(prefix + "covariances");
  const Index d = means.rows();
  require_dim("checkpoint: '" + prefix + "means'", "the batch", means.cols(), weights.size());
  require_dim("checkpoint: '" + prefix + "covariances'", "a matrix", covariances.rows(), d);
  require_dim("checkpoint: '" + prefix + "covariances'", "the batch", covariances.cols(), d * weights.size());
  parts_.clear();
  for (Index k = 0; k < weights.size(); ++k)
    parts_.push_back({means.col(k), covariances.middleCols(k * d, d)});
  weights_ = weights;
}

}  // namespace mbrl
