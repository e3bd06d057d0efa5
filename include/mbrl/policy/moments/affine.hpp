// x -> K x + k: PILCO's linear policy before it is squashed.
#pragma once

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/gaussian.hpp"
#include "mbrl/math/moments/moment_image.hpp"
#include "mbrl/policy/moments/moment_policy.hpp"

namespace mbrl {

class AffineMap {
 public:
  struct Tape {
    GaussianMoments in;
  };
  struct Gradient {
    Batchd gain;
    Vecd offset;
    void set_zero(const AffineMap& map) {
      gain.setZero(map.outputs(), map.inputs());
      offset.setZero(map.outputs());
    }
  };

  /// All parameters 0. Throws mbrl::Error unless both dimensions are at least 1.
  AffineMap(int inputs, int outputs) {
    require(inputs >= 1 && outputs >= 1, "AffineMap: ", inputs, " inputs and ", outputs,
            " outputs, expected at least 1 of each");
    gain_.setZero(outputs, inputs);
    offset_.setZero(outputs);
  }

  Index inputs() const { return gain_.cols(); }
  Index outputs() const { return gain_.rows(); }
  /// K, column by column, then k.
  Vecd parameters() const {
    Vecd p(gain_.size() + offset_.size());
    p << gain_.reshaped(), offset_;
    return p;
  }
  /// Throws mbrl::Error for another number of them.
  void set_parameters(ConstVecRef<double> parameters) {
    require_dim("AffineMap", "parameters", parameters.size(), gain_.size() + offset_.size());
    gain_.reshaped() = parameters.head(gain_.size());
    offset_ = parameters.tail(offset_.size());
  }
  Vecd gradient(const Gradient& accumulated) const {
    Vecd p(gain_.size() + offset_.size());
    p << accumulated.gain.reshaped(), accumulated.offset;
    return p;
  }

  void forward(const GaussianMoments& in, MomentImage& out, Tape& tape) const {
    tape.in = in;
    out.mean = gain_ * in.mean + offset_;
    out.covariance = gain_ * in.covariance * gain_.transpose();
    out.gain = gain_.transpose();
  }
  void backward(const MomentImage& adjoint, Tape& tape, GaussianMoments& in_gradient,
                Gradient& gradient) const {
    in_gradient.mean = gain_.transpose() * adjoint.mean;
    in_gradient.covariance = gain_.transpose() * adjoint.covariance * gain_;
    gradient.gain += adjoint.mean * tape.in.mean.transpose() + adjoint.gain.transpose() +
                     2.0 * adjoint.covariance * gain_ * tape.in.covariance;
    gradient.offset += adjoint.mean;
  }
  void value(ConstVecRef<double> x, VecRef<double> out) const { out = gain_ * x + offset_; }

 private:
  Batchd gain_;
  Vecd offset_;
};

static_assert(MomentPolicy<AffineMap>);

}  // namespace mbrl
