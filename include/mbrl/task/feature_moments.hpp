// Model inputs of an uncertain observation: angles become sines and cosines, and a Gaussian the Gaussian that fits best.
#pragma once

#include <vector>

#include "mbrl/core/types.hpp"
#include "mbrl/math/gaussian.hpp"
#include "mbrl/math/moments/moment_image.hpp"
#include "mbrl/task/observation_encoding.hpp"

namespace mbrl {

/// y_j = scale_j x_k, scale_j sin x_k or scale_j cos x_k, k the feature's entry of x: ObsEncoding's features, and with
/// sines of every entry the squashing of actions to a range. Moments are exact (Deisenroth, "Efficient reinforcement
/// learning using Gaussian processes", 2010, appendix A.1).
class FeatureMoments {
 public:
  struct Tape {
    GaussianMoments in;
    Vecd mean, slope;  // of y_j, and the mean of dy_j / dx_k
  };

  FeatureMoments() = default;
  /// Throws mbrl::Error for a feature that reads no entry of x, or scales of another number or not finite.
  FeatureMoments(int inputs, std::vector<ObsFeature> features, Vecd scale);
  /// What an encoding makes of an observation.
  explicit FeatureMoments(const ObsEncoding& encoding)
      : FeatureMoments(encoding.obs_dim(), encoding.features, Vecd::Ones(encoding.feature_dim())) {}

  Index inputs() const { return inputs_; }
  Index outputs() const { return static_cast<Index>(features_.size()); }

  /// Writes the image of N(m, S). Throws for other dimensions.
  void forward(const GaussianMoments& in, MomentImage& out, Tape& tape) const;
  /// After `forward` on the tape: of a number whose gradient with respect to the image is `adjoint` (covariance symmetric),
  /// writes the gradient with respect to (m, S).
  void backward(const MomentImage& adjoint, const Tape& tape, GaussianMoments& in_gradient) const;

 private:
  bool identity(Index j) const;
  Index entry(Index j) const { return features_[static_cast<std::size_t>(j)].obs_index; }
  double phase(Index j, const GaussianMoments& in) const;

  Index inputs_ = 0;
  std::vector<ObsFeature> features_;
  Vecd scale_;
};

}  // namespace mbrl
