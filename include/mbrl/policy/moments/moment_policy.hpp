// What PILCO asks of a policy: moments of the action for a Gaussian input, and their derivatives.
#pragma once

#include <concepts>
#include <cstdint>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/gaussian.hpp"
#include "mbrl/math/moments/moment_image.hpp"
#include "mbrl/task/observation_encoding.hpp"

namespace mbrl {

// clang-format off
/// A deterministic function from F inputs to the action, with P parameters in one vector.
///   forward(in, out, tape): the action's moments under N(m, S); the tape is the caller's, one a call to be differentiated
///   backward(adjoint, tape, in_gradient, gradient): after forward, as KernelMoments; adds to `gradient`
///   gradient(accumulated): the gradient by parameters() (P) of all that was added since accumulated.set_zero(policy)
///   value(x, action): the action at a point
template <class P>
concept MomentPolicy = std::copy_constructible<P> &&
    requires(const P& policy, P& mutable_policy, const GaussianMoments& in, MomentImage& out,
             const MomentImage& adjoint, GaussianMoments& in_gradient, typename P::Tape& tape,
             typename P::Gradient& gradient, ConstVecRef<double> vector, VecRef<double> written) {
  requires std::default_initializable<typename P::Tape>;
  { policy.inputs() } -> std::convertible_to<Index>;
  { policy.outputs() } -> std::convertible_to<Index>;
  { policy.parameters() } -> std::convertible_to<Vecd>;
  mutable_policy.set_parameters(vector);
  policy.forward(in, out, tape);
  gradient.set_zero(policy);
  policy.backward(adjoint, tape, in_gradient, gradient);
  { policy.gradient(std::as_const(gradient)) } -> std::convertible_to<Vecd>;
  policy.value(vector, written);
};
// clang-format on

/// Acts by the policy at encoded observations: an Actor. Owns copies.
template <MomentPolicy P>
class MomentActor {
 public:
  /// Throws mbrl::Error unless the policy takes what the encoding gives.
  MomentActor(ObsEncoding encoding, P policy) : encoding_(std::move(encoding)), policy_(std::move(policy)) {
    require_dim("MomentActor", "the policy's inputs", policy_.inputs(), encoding_.feature_dim());
  }

  void begin(std::uint64_t /*seed*/) {}
  Vecd act(ConstVecRef<double> obs, int /*t*/) const {
    Batchd features(encoding_.feature_dim(), 1);
    encoding_.encode<double>(obs, features);
    Vecd action(policy_.outputs());
    policy_.value(features.col(0), action);
    return action;
  }

 private:
  ObsEncoding encoding_;
  P policy_;
};

}  // namespace mbrl
