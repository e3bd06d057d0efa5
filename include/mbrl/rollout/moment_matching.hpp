// Gaussian fit to a set of particles and draws from it.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include "mbrl/core/types.hpp"
#include "mbrl/rollout/noise.hpp"

namespace mbrl {

/// Full covariance: a diagonal fit would forget the correlations that the dynamics create. With fewer
/// particles than dimensions the covariance is singular; its Cholesky factor then has zero columns and draws
/// stay in the particles' span.
class MomentMatching {
 public:
  /// The matrix to fill: one particle a column.
  Batchd& samples(Index dims, Index count) {
    samples_.resize(dims, count);
    return samples_;
  }

  /// Mean, unbiased covariance and its factor.
  void fit() {
    const Index n = samples_.rows();
    mean_ = samples_.rowwise().mean();
    samples_.colwise() -= mean_;
    factor_.noalias() = samples_ * samples_.transpose() / static_cast<double>(samples_.cols() - 1);
    for (Index j = 0; j < n; ++j) {
      const double variance = factor_(j, j);
      double pivot = variance;
      for (Index k = 0; k < j; ++k) pivot -= factor_(j, k) * factor_(j, k);
      const bool usable = pivot > 1e-10 * variance;
      const double root = usable ? std::sqrt(pivot) : 0.0;
      for (Index i = j + 1; i < n; ++i) {
        double sum = factor_(i, j);
        for (Index k = 0; k < j; ++k) sum -= factor_(i, k) * factor_(j, k);
        factor_(i, j) = usable ? sum / root : 0.0;
      }
      factor_(j, j) = root;
    }
  }

  /// A draw named by its counter; other numbers than those the step itself used.
  const Vecd& draw(std::array<std::uint32_t, 2> key, std::uint32_t candidate, std::uint32_t particle,
                   std::uint32_t step) {
    const Index n = mean_.size();
    noise_.resize(n);
    particle_noise(key, candidate, particle, step | kRedrawStep, static_cast<int>(n), noise_.data());
    drawn_.noalias() = factor_.triangularView<Eigen::Lower>() * noise_;
    drawn_ += mean_;
    return drawn_;
  }

 private:
  static constexpr std::uint32_t kRedrawStep = 0x80000000u;
  Batchd samples_, factor_;
  Vecd mean_, noise_, drawn_;
};

}  // namespace mbrl
