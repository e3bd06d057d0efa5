// One step of a state's Gaussian through learned dynamics, with the derivatives of the step.
#pragma once

#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/gaussian.hpp"
#include "mbrl/math/moments/kernel_sums.hpp"
#include "mbrl/math/moments/moment_image.hpp"
#include "mbrl/task/feature_moments.hpp"
#include "mbrl/task/observation_encoding.hpp"

namespace mbrl {

/// x' from x ~ N(m, S): features of x (angles as sines and cosines), the action a from them, the dynamics' target d from
/// both, each matched by a Gaussian (Deisenroth and Rasmussen, ICML 2011, section 2.2):
///   m' = k m + E d,   S' = k S k + cov d + k cov[x, d] + cov[x, d]' k
/// with k 1 for entries whose target is the change, 0 for those whose target is the next value. Means of Jacobians follow
/// the chain rule: cov[x, d] = S G D with G = (F, F A) the gains of features and action, D those of the target.
class MomentDynamics {
 public:
  struct Tape {
    GaussianMoments state;
    MomentImage features;  // of the state
    MomentImage action;    // of the features: whoever acts writes it between `encode` and `step`
    // Gradients of a number; feature_adjoint is what pull_back adds to.
    MomentImage feature_adjoint, action_adjoint;
    FeatureMoments::Tape feature_tape;
    KernelMoments::Tape target_tape;
    GaussianMoments input, by_input;
    MomentImage target, target_adjoint;
    Batchd input_gain, by_input_gain, slope, by_slope, covariance_by_next, cross;
  };

  /// `targets`: from (features, action) to the targets. Throws mbrl::Error for dimensions that do not fit, and an encoding
  /// with constant entries.
  MomentDynamics(KernelMoments targets, const ObsEncoding& encoding);

  Index state_dim() const { return keep_.size(); }
  Index feature_dim() const { return features_.outputs(); }
  Index action_dim() const { return targets_.inputs() - features_.outputs(); }

  /// Writes tape.state and tape.features, and sets feature_adjoint to 0.
  void encode(const GaussianMoments& state, Tape& tape) const;
  /// The next state, from tape.state, features and action.
  void step(Tape& tape, GaussianMoments& next, ThreadPool* pool) const;
  /// After step: from the gradient with respect to the next state writes tape.action_adjoint and by_state, and adds to
  /// tape.feature_adjoint: what comes by way of the features is not in by_state yet.
  void pull_back(const GaussianMoments& by_next, Tape& tape, GaussianMoments& by_state) const;
  /// The gradient by way of tape.feature_adjoint.
  void pull_back_features(const Tape& tape, GaussianMoments& by_state) const;

 private:
  KernelMoments targets_;
  FeatureMoments features_;
  Vecd keep_;  // k
};

}  // namespace mbrl
