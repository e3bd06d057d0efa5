// Policies that stay within an action's range: any function, then a sine.
#pragma once

#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/gaussian.hpp"
#include "mbrl/math/moments/moment_image.hpp"
#include "mbrl/policy/moments/moment_policy.hpp"
#include "mbrl/task/action_bounds.hpp"
#include "mbrl/task/feature_moments.hpp"

namespace mbrl {

/// action = middle + half sin(f(x)) entry by entry, with the range's middle and half. Under a Gaussian the moments of a
/// sine are exact for a Gaussian f(x), and f(x)'s own are matched before.
template <MomentPolicy F>
class SquashedPolicy {
 public:
  struct Tape {
    typename F::Tape inner;
    MomentImage inner_image, inner_adjoint, sine, sine_adjoint;
    FeatureMoments::Tape sines;
    GaussianMoments between, by_between;
  };
  struct Gradient {
    typename F::Gradient inner;
    void set_zero(const SquashedPolicy& policy) { inner.set_zero(policy.function()); }
  };

  /// Throws mbrl::Error for bounds of another dimension, or that are not finite with low < high.
  SquashedPolicy(F function, const ActionBounds& bounds) : function_(std::move(function)) {
    const Index n = function_.outputs();
    bounds.validate("SquashedPolicy", static_cast<int>(n));
    const Eigen::Map<const Vecd> low(bounds.low.data(), n), high(bounds.high.data(), n);
    middle_ = 0.5 * (low + high);
    half_ = 0.5 * (high - low);
    std::vector<ObsFeature> features;
    for (Index i = 0; i < n; ++i) features.push_back({ObsFeature::Kind::kSin, static_cast<int>(i)});
    sines_ = FeatureMoments(static_cast<int>(n), std::move(features), half_);
  }

  const F& function() const { return function_; }
  Index inputs() const { return function_.inputs(); }
  Index outputs() const { return function_.outputs(); }
  /// The function's.
  Vecd parameters() const { return function_.parameters(); }
  void set_parameters(ConstVecRef<double> parameters) { function_.set_parameters(parameters); }
  Vecd gradient(const Gradient& accumulated) const { return function_.gradient(accumulated.inner); }

  void forward(const GaussianMoments& in, MomentImage& out, Tape& tape) const {
    function_.forward(in, tape.inner_image, tape.inner);
    tape.between = {tape.inner_image.mean, tape.inner_image.covariance};
    sines_.forward(tape.between, tape.sine, tape.sines);
    out.mean = middle_ + tape.sine.mean;
    out.covariance = tape.sine.covariance;
    out.gain.noalias() = tape.inner_image.gain * tape.sine.gain;
  }
  void backward(const MomentImage& adjoint, Tape& tape, GaussianMoments& in_gradient,
                Gradient& gradient) const {
    tape.sine_adjoint.mean = adjoint.mean;
    tape.sine_adjoint.covariance = adjoint.covariance;
    tape.sine_adjoint.gain.noalias() = tape.inner_image.gain.transpose() * adjoint.gain;
    sines_.backward(tape.sine_adjoint, tape.sines, tape.by_between);
    tape.inner_adjoint.mean = tape.by_between.mean;
    tape.inner_adjoint.covariance = tape.by_between.covariance;
    tape.inner_adjoint.gain.noalias() = adjoint.gain * tape.sine.gain.transpose();
    function_.backward(tape.inner_adjoint, tape.inner, in_gradient, gradient.inner);
  }
  void value(ConstVecRef<double> x, VecRef<double> action) const {
    function_.value(x, action);
    action = middle_.array() + half_.array() * action.array().sin();
  }

 private:
  F function_;
  Vecd middle_, half_;
  FeatureMoments sines_;
};

}  // namespace mbrl
