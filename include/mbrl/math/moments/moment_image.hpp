// What a Gaussian becomes under a function: moment matching's currency.
#pragma once

#include "mbrl/core/types.hpp"

namespace mbrl {

/// Of y = f(x) with x ~ N(m, S): mean (E), covariance (E x E) and gain (D x E) with cov[x, y] = S gain, so that S need not
/// be invertible; gain' is the mean of f's Jacobian (Stein's lemma). Or the gradient of a number with respect to the three.
struct MomentImage {
  Vecd mean;
  Batchd covariance;
  Batchd gain;

  void set_zero(Index inputs, Index outputs) {
    mean.setZero(outputs);
    covariance.setZero(outputs, outputs);
    gain.setZero(inputs, outputs);
  }
};

}  // namespace mbrl
