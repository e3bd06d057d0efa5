// A mixture of Gaussians, fitted by expectation maximisation: Dempster, Laird, Rubin, JRSS B 1977. Over [x; u; x'] it is
// piecewise linear dynamics, and the prior of local fits (models/local/local_dynamics.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/gaussian.hpp"

namespace mbrl {

struct MixtureSettings {
  int max_clusters = 20;
  int min_per_cluster = 40;  // clusters = samples / this, at least 2
  int iterations = 100;      // at most
  double tolerance = 1e-4;   // a smaller gain of the mean log-likelihood ends the fit
  double ridge = 1e-6;       // of variances, in those of all samples

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("max_clusters", s.max_clusters, "Gaussians at most");
    field("min_per_cluster", s.min_per_cluster,
          "samples for each Gaussian; two Gaussians at least where max_clusters allows them");
    field("iterations", s.iterations, "steps of expectation maximisation at most");
    field("tolerance", s.tolerance, "a smaller gain of the mean log-likelihood ends the fit");
    field("ridge", s.ridge, "added to variances, in variances of all samples");
  }
  /// Throws mbrl::Error for settings that make no sense.
  void validate() const;
};

/// sum_k weight_k N(x; mean_k, covariance_k).
class GaussianMixture {
 public:
  GaussianMixture() = default;

  /// Clusters begin at samples far from each other (k-means++: Arthur and Vassilvitskii, SODA 2007), drawn as functions of
  /// (seed, round); no more of them than there are different samples. Throws mbrl::Error for fewer than two samples,
  /// samples that are all equal, and numbers that are not finite.
  static GaussianMixture fit(ConstBatchRef<double> samples, const MixtureSettings& settings,
                             std::uint64_t seed, std::uint32_t round = 0);

  int clusters() const { return static_cast<int>(parts_.size()); }
  Index dim() const { return parts_.empty() ? 0 : parts_.front().dim(); }
  const Vecd& weights() const { return weights_; }
  const GaussianMoments& part(int k) const { return parts_[static_cast<std::size_t>(k)]; }

  /// Of each sample: p(cluster | x), clusters x batch, and log p(x).
  Batchd responsibilities(ConstBatchRef<double> samples) const;
  Vecd log_density(ConstBatchRef<double> samples) const;
  /// Mean and covariance of the mixture with these weights instead of its own.
  GaussianMoments moments(ConstVecRef<double> weights) const;

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  Batchd log_joint(ConstBatchRef<double> samples) const;

  Vecd weights_;
  std::vector<GaussianMoments> parts_;
};

}  // namespace mbrl
