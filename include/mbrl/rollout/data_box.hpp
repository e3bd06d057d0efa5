// How far a model is believed: near the data it learned from, and near where a plan starts.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"

namespace mbrl {

/// A particle is stopped where any entry i leaves
///   [min(low_i, start_i) - margin width_i, max(high_i, start_i) + margin width_i]
/// with width_i = high_i - low_i, [low, high] being the range of the observations trained on and start the
/// observation its plan starts from.
/// A start is never outside, wherever it is, and a plan may go on from a record by as much as the data are
/// wide. Entries without width, and constants of an episode, are not bounded: they have nothing to explode
/// with, or no scale to say so by.
class DataBox {
 public:
  DataBox() = default;
  /// margin: 0 bounds nothing. Throws mbrl::Error for other than a number >= 0.
  DataBox(const char* where, const MlpEnsemble& model, float margin) {
    require(std::isfinite(margin) && margin >= 0.0f, where, ": data_margin is ", margin,
            ", expected a number >= 0");
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    for (std::size_t i = 0; i < model.obs_low.size(); ++i) {
      const float width = model.obs_high[i] - model.obs_low[i];
      const bool bounded = margin > 0.0f && width > 0.0f && std::isfinite(width) &&
                           model.encoding.targets[i] != TargetKind::kConstant;
      low_.push_back(bounded ? model.obs_low[i] : -kInfinity);
      high_.push_back(bounded ? model.obs_high[i] : kInfinity);
      slack_.push_back(bounded ? margin * width : 0.0f);
    }
  }

  /// Whether anything is bounded.
  bool active() const {
    return std::any_of(low_.begin(), low_.end(), [](float b) { return std::isfinite(b); });
  }
  /// The range of entry i for a plan that starts there.
  float low(int i, float start) const {
    const auto at = static_cast<std::size_t>(i);
    return std::min(low_[at], start) - slack_[at];
  }
  float high(int i, float start) const {
    const auto at = static_cast<std::size_t>(i);
    return std::max(high_[at], start) + slack_[at];
  }

 private:
  std::vector<float> low_, high_, slack_;  // obs_dim each
};

}  // namespace mbrl
