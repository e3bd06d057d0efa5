// What the tests of moment maps share: random Gaussians, moments by sampling, gradients by central differences.
#pragma once

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>

#include "catch.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/math/gaussian.hpp"
#include "mbrl/math/moments/moment_image.hpp"

namespace mbrl::moment_checks {

// Entries N(0, 1), functions of (seed, which).
inline Batchd random_matrix(Index rows, Index cols, std::uint64_t seed, std::uint32_t which) {
  const RandomStream random(seed, Stream::kUser);
  Batchd m(rows, cols);
  for (Index j = 0; j < cols; ++j)
    for (Index i = 0; i < rows; ++i)
      m(i, j) = random.normal(which, static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j));
  return m;
}

inline GaussianMoments random_gaussian(Index dim, double spread, std::uint64_t seed) {
  const Batchd root = random_matrix(dim, dim, seed, 900) * spread / std::sqrt(static_cast<double>(dim));
  return {random_matrix(dim, 1, seed, 901),
          root * root.transpose() + 0.01 * spread * spread * Batchd::Identity(dim, dim)};
}

inline MomentImage random_adjoint(Index inputs, Index outputs, std::uint64_t seed) {
  const Batchd c = random_matrix(outputs, outputs, seed, 910);
  return {random_matrix(outputs, 1, seed, 911), 0.5 * (c + c.transpose()),
          random_matrix(inputs, outputs, seed, 912)};
}

inline double inner(const MomentImage& a, const MomentImage& b) {
  return a.mean.dot(b.mean) + a.covariance.cwiseProduct(b.covariance).sum() +
         a.gain.cwiseProduct(b.gain).sum();
}

// The slope of f at 0 by a central difference of fourth order.
inline double slope(const std::function<double(double)>& f, double h) {
  return (8.0 * (f(h) - f(-h)) - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h);
}

// `gradient` is that of f at `in`: along every entry of the mean and every pair of the covariance, within `tolerance` of
// the largest entry.
inline void check_gradient(const std::function<double(const GaussianMoments&)>& f, const GaussianMoments& in,
                           const GaussianMoments& gradient, double tolerance = 1e-6) {
  const double scale =
      std::max(gradient.mean.cwiseAbs().maxCoeff(), gradient.covariance.cwiseAbs().maxCoeff());
  REQUIRE(scale > 0.0);
  CHECK((gradient.covariance - gradient.covariance.transpose()).cwiseAbs().maxCoeff() <= 1e-9 * scale);
  const Index n = in.dim();
  for (Index i = 0; i < n; ++i) {
    const double by_mean = slope(
        [&](double h) {
          GaussianMoments moved = in;
          moved.mean(i) += h;
          return f(moved);
        },
        1e-3);
    CHECK(std::abs(by_mean - gradient.mean(i)) <= tolerance * scale);
    for (Index j = 0; j <= i; ++j) {
      const double by_covariance = slope(
          [&](double h) {
            GaussianMoments moved = in;
            moved.covariance(i, j) += h;
            if (i != j) moved.covariance(j, i) += h;
            return f(moved);
          },
          1e-4 * std::sqrt(in.covariance(i, i) * in.covariance(j, j)));
      CHECK(std::abs(by_covariance - (i == j ? 1.0 : 2.0) * gradient.covariance(i, j)) <= tolerance * scale);
    }
  }
}

// `gradient` is that of f(policy) by the policy's parameters, within 1e-6 of its largest entry.
template <class Policy, class F>
void check_parameter_gradient(const F& f, const Policy& policy, const Vecd& gradient) {
  const Vecd at = policy.parameters();
  REQUIRE(gradient.size() == at.size());
  for (Index i = 0; i < at.size(); ++i) {
    const double expected = slope(
        [&](double h) {
          Policy moved = policy;
          Vecd parameters = at;
          parameters(i) += h;
          moved.set_parameters(parameters);
          return f(moved);
        },
        1e-3);
    CHECK(std::abs(gradient(i) - expected) <= 1e-6 * gradient.cwiseAbs().maxCoeff());
  }
}

// What a map makes of a Gaussian.
template <class Map>
MomentImage image_of(const Map& map, const GaussianMoments& in) {
  MomentImage out;
  typename Map::Tape tape;
  map.forward(in, out, tape);
  return out;
}

// `image` is that of y = f(x, sample) with x ~ `in`: within `errors` standard errors of 1,000,000 samples, entry by entry.
// f writes y; what it adds to y of its own chance belongs to the covariance.
inline void check_by_sampling(const std::function<void(const Vecd& x, std::uint32_t sample, Vecd& y)>& f,
                              const GaussianMoments& in, const MomentImage& image, double errors = 3.0,
                              std::uint32_t samples = 1000000) {
  const Index dim = in.dim(), outputs = image.mean.size();
  const Batchd root = Eigen::LLT<Batchd>(in.covariance).matrixL();
  const RandomStream random(7, Stream::kUser);
  const Batchd cross = in.covariance * image.gain;
  Vecd z(dim), x(dim), y(outputs), mean = Vecd::Zero(outputs);
  Batchd covariance = Batchd::Zero(outputs, outputs), covariance2 = covariance;
  Batchd gain = Batchd::Zero(dim, outputs), gain2 = gain;
  // About the exact means, so that each sum is one of independent terms.
  for (std::uint32_t s = 0; s < samples; ++s) {
    for (Index i = 0; i < dim; ++i) z(i) = random.normal(s, static_cast<std::uint32_t>(i));
    x = in.mean + root * z;
    f(x, s, y);
    y -= image.mean;
    mean += y;
    for (Index b = 0; b < outputs; ++b) {
      for (Index a = 0; a < outputs; ++a) {
        const double v = y(a) * y(b);
        covariance(a, b) += v;
        covariance2(a, b) += v * v;
      }
      for (Index d = 0; d < dim; ++d) {
        const double v = (x(d) - in.mean(d)) * y(b);
        gain(d, b) += v;
        gain2(d, b) += v * v;
      }
    }
  }
  const double n = samples;
  const auto within = [&](double sum, double sum2, double exact) {
    const double error = std::sqrt(std::max(0.0, sum2 / n - (sum / n) * (sum / n)) / n);
    CHECK(std::abs(sum / n - exact) <= errors * error + 1e-12);
  };
  for (Index b = 0; b < outputs; ++b) {
    within(mean(b), covariance(b, b), 0.0);
    for (Index a = 0; a < outputs; ++a) within(covariance(a, b), covariance2(a, b), image.covariance(a, b));
    for (Index d = 0; d < dim; ++d) within(gain(d, b), gain2(d, b), cross(d, b));
  }
}

}  // namespace mbrl::moment_checks
