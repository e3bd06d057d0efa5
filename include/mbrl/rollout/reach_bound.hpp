// How far a model is believed: a prediction may move from where its plan starts as far as the data ever moved
// in as many steps, and some more.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/models/mlp_ensemble.hpp"

namespace mbrl {

// A particle is stopped after step k (1, 2, ..., horizon) where it has moved in any entry i by more than
//   b_i(k) = (1 + margin) reach_i(k)
// from the observation it started from; beyond the longest stretch in the data reach grows linearly. The
// bound is on movement: where a plan starts is never outside, wherever that is, and neither is going on from
// a record. Entries that never moved in the data, and constants of an episode, are not bounded; they have
// nothing to explode with, or no scale to say so by.
class ReachBound {
 public:
  ReachBound() = default;
  // margin: 0 bounds nothing. Throws mbrl::Error for other than a number >= 0.
  ReachBound(const char* where, const MlpEnsemble& model, float margin, int horizon)
      : dims_(static_cast<std::size_t>(model.obs_dim())) {
    require(std::isfinite(margin) && margin >= 0.0f, where, ": data_margin is ", margin,
            ", expected a number >= 0");
    bound_.assign(dims_ * static_cast<std::size_t>(horizon), std::numeric_limits<float>::infinity());
    const int followed = model.reach_steps();
    if (margin == 0.0f || followed == 0) return;
    for (int k = 1; k <= horizon; ++k)
      for (std::size_t i = 0; i < dims_; ++i) {
        const int within = std::min(k, followed);
        const float reach = model.reach[static_cast<std::size_t>(within - 1) * dims_ + i] *
                            (static_cast<float>(k) / static_cast<float>(within));
        if (reach > 0.0f && model.encoding.targets[i] != TargetKind::kConstant)
          bound_[static_cast<std::size_t>(k - 1) * dims_ + i] = (1.0f + margin) * reach;
      }
  }

  // Whether anything is bounded.
  bool active() const {
    return std::any_of(bound_.begin(), bound_.end(), [](float b) { return std::isfinite(b); });
  }
  // obs_dim bounds after step k = 1, 2, ..., horizon.
  const float* after(int k) const { return bound_.data() + static_cast<std::size_t>(k - 1) * dims_; }
  // All of them: obs_dim x horizon, column-major.
  const std::vector<float>& values() const { return bound_; }

 private:
  std::size_t dims_ = 0;
  std::vector<float> bound_;
};

}  // namespace mbrl
