// A natural gradient step within a bound on how far a policy moves, for whoever knows products with its metric.
#pragma once

#include <cmath>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/learning/trpo.hpp"

namespace mbrl {

inline Eigen::Map<Eigen::ArrayXf> block(AlignedFloats& v) { return {v.data(), static_cast<Index>(v.size())}; }
inline Eigen::Map<const Eigen::ArrayXf> block(const AlignedFloats& v) {
  return {v.data(), static_cast<Index>(v.size())};
}

inline double dot(const AlignedFloats& a, const AlignedFloats& b) {
  return (block(a).cast<double>() * block(b).cast<double>()).sum();
}

/// x with A x = g, nearly, from products with A (Hestenes and Stiefel 1952); `residual`: |A x - g| / |g|.
template <class Product>
AlignedFloats conjugate_gradients(const Product& product, const AlignedFloats& g, int iterations,
                                  double& residual) {
  AlignedFloats x(g.size()), r = g, p = g;
  const double size = dot(g, g);
  double rr = size;
  for (int i = 0; i < iterations && rr > 1e-10 * size; ++i) {
    const AlignedFloats fp = product(p);
    const double alpha = rr / dot(p, fp);
    block(x) += static_cast<float>(alpha) * block(p);
    block(r) -= static_cast<float>(alpha) * block(fp);
    const double next = dot(r, r);
    block(p) = block(r) + static_cast<float>(next / rr) * block(p);
    rr = next;
  }
  residual = size == 0 ? 0.0 : std::sqrt(rr / size);
  return x;
}

/// Moves the parameters along x with F x = g by the first of the steps ratio^j sqrt(2 delta / x'F x) with a gain and a KL
/// within delta, or not at all. `compare(gain, kl)` measures the policy as the parameters are. Fills in the report's gain,
/// kl, step and residual; where a number is not finite the parameters are as they were.
template <class Product, class Compare>
void natural_gradient_step(const TrpoSettings& settings, const AlignedFloats& g, const Product& product,
                           const Compare& compare, AlignedFloats& parameters, TrpoReport& report) {
  const AlignedFloats x = conjugate_gradients(product, g, settings.cg_iterations, report.residual);
  const double curvature = dot(x, product(x));
  if (std::isfinite(curvature) && curvature > 0) {
    const AlignedFloats before = parameters;
    double share = 1;
    for (int tried = 0; tried < settings.backtracks; ++tried, share *= settings.backtrack_ratio) {
      const double length = share * std::sqrt(2 * settings.max_kl / curvature);
      parameters = before;
      block(parameters) += static_cast<float>(length) * block(x);
      compare(report.gain, report.kl);
      if (report.gain > 0 && report.kl <= settings.max_kl) {
        report.step = share;
        break;
      }
    }
    if (report.step == 0) {
      parameters = before;
      if (std::isfinite(report.gain) && std::isfinite(report.kl)) report.gain = report.kl = 0;
    }
  } else if (!std::isfinite(curvature)) {
    report.gain = curvature;
  }
}

}  // namespace mbrl
