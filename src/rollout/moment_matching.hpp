// Gaussian fit to a set of particles and draws from it.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "mbrl/core/random.hpp"
#include "mbrl/core/types.hpp"

namespace mbrl {

// Two standard normals of two Philox words, with the kernels' mapping: radius from u in (0, 1], angle in
// turns.
inline std::array<double, 2> box_muller(std::uint32_t radius_word, std::uint32_t angle_word) {
  const double u = (static_cast<double>(radius_word >> 1) + 0.5) * 0x1p-31;
  const double radius = std::sqrt(-2.0 * std::log(u));
  const double angle =
      static_cast<double>(static_cast<std::int32_t>(angle_word)) * 0x1p-32 * 2.0 * std::numbers::pi;
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

// Full covariance: a diagonal fit would forget the correlations that the dynamics create. With fewer
// particles than dimensions the covariance is singular; its Cholesky factor then has zero columns and draws
// stay in the particles' span.
class MomentMatching {
 public:
  // The matrix to fill: one particle a column.
  Batchd& samples(Index dims, Index count) {
    samples_.resize(dims, count);
    return samples_;
  }

  // Mean, unbiased covariance and its factor.
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

  // A draw named by its counter.
  const Vecd& draw(std::array<std::uint32_t, 2> key, std::uint32_t candidate, std::uint32_t particle,
                   std::uint32_t step) {
    const Index n = mean_.size();
    noise_.resize(n);
    for (Index i = 0; i < n; i += 4) {
      const auto words = philox4x32({candidate, particle, step, static_cast<std::uint32_t>(i / 4)}, key);
      const auto a = box_muller(words[0], words[1]);
      const auto b = box_muller(words[2], words[3]);
      const std::array<double, 4> z = {a[0], a[1], b[0], b[1]};
      for (Index d = i; d < std::min<Index>(i + 4, n); ++d) noise_[d] = z[static_cast<std::size_t>(d - i)];
    }
    drawn_.noalias() = factor_.triangularView<Eigen::Lower>() * noise_;
    drawn_ += mean_;
    return drawn_;
  }

 private:
  Batchd samples_, factor_;
  Vecd mean_, noise_, drawn_;
};

}  // namespace mbrl
