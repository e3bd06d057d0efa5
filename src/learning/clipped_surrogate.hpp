// What one step adds to the clipped objective of proximal policy optimisation (equation 7 of the paper in ppo.hpp).
#pragma once

#include <algorithm>
#include <cmath>

namespace mbrl {

struct ClippedSurrogate {
  float loss;    // -min(ratio A, clamp(ratio, 1 - clip, 1 + clip) A)
  float slope;   // of the loss with respect to log pi: d ratio / d log pi = ratio; 0 where the clip decides
  float kl;      // of the old policy to the new: ratio - 1 - log ratio
  bool clipped;  // the ratio is beyond the clip

  /// difference: log pi(a | s) - log pi_old(a | s).
  ClippedSurrogate(float difference, float advantage, double clip) {
    const auto low = static_cast<float>(1 - clip), high = static_cast<float>(1 + clip);
    const float ratio = std::exp(difference), whole = ratio * advantage,
                cut = std::clamp(ratio, low, high) * advantage;
    loss = -std::min(whole, cut);
    slope = whole <= cut ? -whole : 0.0f;
    kl = ratio - 1 - difference;
    clipped = ratio < low || ratio > high;
  }
};

}  // namespace mbrl
