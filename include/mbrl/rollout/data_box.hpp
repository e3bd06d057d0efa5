// How far from its data a model is believed: the box around the observations it learned from, widened.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/models/mlp_ensemble.hpp"

namespace mbrl {

// A particle outside [low, high] in any entry is stopped. Entries without width (constant in the data, or no
// data) tell nothing about how far is far: they are not bounded.
struct DataBox {
  std::vector<float> low, high;  // obs_dim each

  DataBox() = default;
  // margin: in widths of the data's box; 0 bounds nothing. Throws mbrl::Error for other than a number >= 0.
  DataBox(const char* where, const MlpEnsemble& model, float margin) {
    require(std::isfinite(margin) && margin >= 0.0f, where, ": data_margin is ", margin,
            ", expected a number >= 0");
    const auto n = static_cast<std::size_t>(model.obs_dim());
    low.assign(n, -std::numeric_limits<float>::infinity());
    high.assign(n, std::numeric_limits<float>::infinity());
    for (std::size_t i = 0; i < n && margin > 0.0f; ++i) {
      const float width = model.obs_high[i] - model.obs_low[i];
      if (!(width > 0.0f)) continue;
      low[i] = model.obs_low[i] - margin * width;
      high[i] = model.obs_high[i] + margin * width;
    }
  }
};

}  // namespace mbrl
