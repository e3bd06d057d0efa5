#include "mbrl/math/ball_probability.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>

#include "mbrl/core/error.hpp"

namespace mbrl {
namespace {

constexpr int kNodes = 40;

struct Rule {
  std::array<double, kNodes> node, weight;  // on [-1, 1]
};

// The roots of Legendre's polynomial by Newton's method, from their asymptotic places.
Rule gauss_legendre() {
  Rule rule{};
  for (int i = 0; i < kNodes; ++i) {
    double x = std::cos(std::numbers::pi * (i + 0.75) / (kNodes + 0.5)), slope = 0.0;
    for (int step = 0; step < 10; ++step) {
      double value = x, before = 1.0;
      for (int n = 2; n <= kNodes; ++n) {
        const double next = ((2 * n - 1) * x * value - (n - 1) * before) / n;
        before = value;
        value = next;
      }
      slope = kNodes * (x * value - before) / (x * x - 1.0);
      x -= value / slope;
    }
    rule.node[static_cast<std::size_t>(i)] = x;
    rule.weight[static_cast<std::size_t>(i)] = 2.0 / ((1.0 - x * x) * slope * slope);
  }
  return rule;
}

// P(|z| < radius) for independent z_i ~ N(mean_i, sd_i^2), i = 0 ... dim - 1, of which the last is the widest.
double within(const double* mean, const double* sd, int dim, double radius) {
  const double m = mean[0], s = sd[0];
  if (s <= 0.0) {
    const double rest2 = radius * radius - m * m;
    if (rest2 <= 0.0) return 0.0;
    return dim == 1 ? 1.0 : within(mean + 1, sd + 1, dim - 1, std::sqrt(rest2));
  }
  if (dim == 1) {
    // By the tail on the mean's far side, which loses no digits.
    const double far = std::abs(m), scale = 1.0 / (s * std::numbers::sqrt2);
    return 0.5 * (std::erfc((far - radius) * scale) - std::erfc((far + radius) * scale));
  }
  constexpr double kTail = 8.5;  // beyond it 1e-17
  const double low = std::max(-radius, m - kTail * s), high = std::min(radius, m + kTail * s);
  if (!(low < high)) return 0.0;
  // z = radius sin a, so that the chord across, radius cos a, is smooth at the ball's ends, too. Pieces end at this axis's
  // mean, and where the chord comes to be, and has been, as far as the others' mean by so much of their spread: between, little may bring much.
  std::array<double, 12> ends{};
  std::size_t count = 0;
  ends[count++] = std::asin(low / radius);
  const double last = std::asin(high / radius), away = Eigen::Map<const Vecd>(mean + 1, dim - 1).norm();
  if (m > low && m < high) ends[count++] = std::asin(m / radius);
  for (int i = 1; i < dim; ++i) {
    for (const double chord : {away - kTail * sd[i], away + kTail * sd[i]}) {
      if (!(chord > 0.0 && chord < radius)) continue;
      for (const double sign : {-1.0, 1.0}) {
        const double angle = sign * std::acos(chord / radius);
        if (angle > ends[0] && angle < last) ends[count++] = angle;
      }
    }
  }
  ends[count++] = last;
  std::sort(ends.begin(), ends.begin() + static_cast<std::ptrdiff_t>(count));
  static const Rule rule = gauss_legendre();
  double total = 0.0;
  for (std::size_t piece = 0; piece + 1 < count; ++piece) {
    const double half = 0.5 * (ends[piece + 1] - ends[piece]);
    double sum = 0.0;
    for (std::size_t i = 0; i < kNodes; ++i) {
      const double angle = ends[piece] + half * (rule.node[i] + 1.0), chord = radius * std::cos(angle);
      const double apart = (radius * std::sin(angle) - m) / s;
      sum +=
          rule.weight[i] * chord * std::exp(-0.5 * apart * apart) * within(mean + 1, sd + 1, dim - 1, chord);
    }
    total += half * sum;
  }
  return total / (s * std::sqrt(2.0 * std::numbers::pi));
}

}  // namespace

double ball_probability(const GaussianMoments& x, ConstVecRef<double> centre, double radius) {
  constexpr const char* kWho = "ball_probability";
  const Index dim = x.dim();
  require(dim >= 1 && dim <= 3, kWho, ": the point has ", dim, " dimensions, expected 1, 2 or 3");
  require_dim(kWho, "the covariance", x.covariance.rows(), dim);
  require_dim(kWho, "the centre", centre.size(), dim);
  require(radius > 0.0, kWho, ": the radius is ", radius, ", expected more than 0");
  if (!x.mean.allFinite() || !x.covariance.allFinite()) return std::numeric_limits<double>::quiet_NaN();
  const Eigen::SelfAdjointEigenSolver<Batchd> axes(x.covariance);
  const Vecd& variance = axes.eigenvalues();  // increasing
  const double widest = variance(dim - 1);
  // Where next to nothing is uncertain, rounding leaves a variance less than 0: what a thousandth of the radius squares to
  // is none.
  if (variance(0) < -1e-6 * (radius * radius + std::abs(widest)))
    return std::numeric_limits<double>::quiet_NaN();
  const Vecd mean = axes.eigenvectors().transpose() * (x.mean - centre);
  // What is below rounding is none.
  const Vecd sd = (variance.array() > 1e-14 * widest).select(variance.array().max(0.0).sqrt(), 0.0);
  return std::clamp(within(mean.data(), sd.data(), static_cast<int>(dim), radius), 0.0, 1.0);
}

}  // namespace mbrl
