#include "mbrl/task/feature_moments.hpp"

#include <cmath>
#include <cstddef>
#include <numbers>
#include <utility>

#include "mbrl/core/error.hpp"

namespace mbrl {

FeatureMoments::FeatureMoments(int inputs, std::vector<ObsFeature> features, Vecd scale)
    : inputs_(inputs), features_(std::move(features)), scale_(std::move(scale)) {
  require_dim("FeatureMoments", "scale", scale_.size(), outputs());
  require(scale_.allFinite(), "FeatureMoments: scales are not finite, expected numbers");
  for (const ObsFeature& f : features_)
    require(f.obs_index >= 0 && f.obs_index < inputs_, "FeatureMoments: a feature reads entry ", f.obs_index,
            ", expected 0 to ", inputs_ - 1);
}

bool FeatureMoments::identity(Index j) const {
  return features_[static_cast<std::size_t>(j)].kind == ObsFeature::Kind::kIdentity;
}

// A cosine is the sine of an angle a quarter of a turn further.
double FeatureMoments::phase(Index j, const GaussianMoments& in) const {
  const bool cosine = features_[static_cast<std::size_t>(j)].kind == ObsFeature::Kind::kCos;
  return in.mean(entry(j)) + (cosine ? 0.5 * std::numbers::pi : 0.0);
}

// With a ~ N(m, v): E sin a = e^(-v/2) sin m, E cos a = e^(-v/2) cos m, and for two angles of covariance c
//   cov(sin a, sin b) = 1/2 e^(-(v_a + v_b)/2) ((e^c - 1) cos(m_a - m_b) - (e^-c - 1) cos(m_a + m_b)).
void FeatureMoments::forward(const GaussianMoments& in, MomentImage& out, Tape& tape) const {
  constexpr const char* kWho = "FeatureMoments::forward";
  require_dim(kWho, "the mean", in.mean.size(), inputs_);
  require_dim(kWho, "the covariance's rows", in.covariance.rows(), inputs_);
  require_dim(kWho, "the covariance's columns", in.covariance.cols(), inputs_);
  out.set_zero(inputs_, outputs());
  tape.in = in;
  tape.slope.resize(outputs());
  for (Index j = 0; j < outputs(); ++j) {
    const Index k = entry(j);
    if (identity(j)) {
      out.mean(j) = scale_(j) * in.mean(k);
      tape.slope(j) = scale_(j);
    } else {
      const double shrunk = scale_(j) * std::exp(-0.5 * in.covariance(k, k)), angle = phase(j, in);
      out.mean(j) = shrunk * std::sin(angle);
      tape.slope(j) = shrunk * std::cos(angle);
    }
    out.gain(k, j) = tape.slope(j);
  }
  tape.mean = out.mean;
  for (Index j = 0; j < outputs(); ++j) {
    for (Index i = 0; i <= j; ++i) {
      const double c = in.covariance(entry(i), entry(j));
      if (identity(i) || identity(j)) {
        out.covariance(i, j) = tape.slope(i) * c * tape.slope(j);
      } else {
        const double vi = in.covariance(entry(i), entry(i)), vj = in.covariance(entry(j), entry(j));
        const double a = phase(i, in), b = phase(j, in);
        out.covariance(i, j) = 0.5 * scale_(i) * scale_(j) * std::exp(-0.5 * (vi + vj)) *
                               (std::expm1(c) * std::cos(a - b) - std::expm1(-c) * std::cos(a + b));
      }
      out.covariance(j, i) = out.covariance(i, j);
    }
  }
}

void FeatureMoments::backward(const MomentImage& adjoint, const Tape& tape,
                              GaussianMoments& in_gradient) const {
  constexpr const char* kWho = "FeatureMoments::backward";
  require_dim(kWho, "the adjoint of the mean", adjoint.mean.size(), outputs());
  require_dim(kWho, "the tape's input (that of the last forward)", tape.in.mean.size(), inputs_);
  const GaussianMoments& in = tape.in;
  in_gradient.set_zero(inputs_);
  Vecd by_slope(outputs());
  for (Index j = 0; j < outputs(); ++j) by_slope(j) = adjoint.gain(entry(j), j);
  const auto add_covariance = [&](Index i, Index j, double value) {
    in_gradient.covariance(i, j) += 0.5 * value;
    in_gradient.covariance(j, i) += 0.5 * value;
  };
  for (Index j = 0; j < outputs(); ++j) {
    for (Index i = 0; i <= j; ++i) {
      const double weight = (i == j ? 1.0 : 2.0) * adjoint.covariance(i, j);
      const Index ki = entry(i), kj = entry(j);
      const double c = in.covariance(ki, kj);
      if (identity(i) || identity(j)) {
        add_covariance(ki, kj, weight * tape.slope(i) * tape.slope(j));
        by_slope(i) += weight * c * tape.slope(j);
        by_slope(j) += weight * c * tape.slope(i);
        continue;
      }
      const double vi = in.covariance(ki, ki), vj = in.covariance(kj, kj);
      const double less = phase(i, in) - phase(j, in), more = phase(i, in) + phase(j, in);
      const double k = 0.5 * weight * scale_(i) * scale_(j) * std::exp(-0.5 * (vi + vj));
      const double up = std::expm1(c), down = std::expm1(-c);
      in_gradient.mean(ki) += k * (down * std::sin(more) - up * std::sin(less));
      in_gradient.mean(kj) += k * (down * std::sin(more) + up * std::sin(less));
      const double by_variance = -0.5 * k * (up * std::cos(less) - down * std::cos(more));
      add_covariance(ki, ki, by_variance);
      add_covariance(kj, kj, by_variance);
      add_covariance(ki, kj, k * (std::exp(c) * std::cos(less) + std::exp(-c) * std::cos(more)));
    }
  }
  for (Index j = 0; j < outputs(); ++j) {
    const Index k = entry(j);
    in_gradient.mean(k) += adjoint.mean(j) * tape.slope(j);
    if (identity(j)) continue;  // its slope is a constant
    in_gradient.mean(k) -= by_slope(j) * tape.mean(j);
    add_covariance(k, k, -0.5 * (adjoint.mean(j) * tape.mean(j) + by_slope(j) * tape.slope(j)));
  }
}

}  // namespace mbrl
