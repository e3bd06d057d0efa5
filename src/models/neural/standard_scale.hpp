// Mean and standard deviation of what a network sees and predicts: what is divided by.
#pragma once

#include <algorithm>
#include <cmath>

#include "mbrl/core/types.hpp"
#include "mbrl/models/neural/ensemble_training.hpp"

namespace mbrl {

struct MeanAndDeviation {
  double mean = 0, std_dev = 0;
};

inline MeanAndDeviation moments(const Eigen::Ref<const Batchf>& x, Index row) {
  const auto values = x.row(row).cast<double>();
  const double n = static_cast<double>(x.cols()), mean = values.sum() / n;
  return {mean, std::sqrt((values.array() - mean).square().sum() / n)};
}

// Of a row of inputs; 1 is the deviation of what does not vary.
inline MeanAndDeviation input_scale(const Eigen::Ref<const Batchf>& inputs, Index row) {
  MeanAndDeviation scale = moments(inputs, row);
  if (!varies(scale.mean, scale.std_dev)) scale.std_dev = 1;
  return scale;
}

// A change is not resolved finer than this share of its entry's spread.
inline constexpr double kLeastChange = 1e-4;

// Of a row of targets; with the observations, whose spread says how fine a change of them is resolved, or none.
inline MeanAndDeviation target_scale(const Eigen::Ref<const Batchf>& targets, Index row, const Batchf* obs) {
  MeanAndDeviation scale = moments(targets, row);
  if (obs) {
    const auto [obs_mean, obs_std] = moments(*obs, row);
    if (varies(obs_mean, obs_std)) scale.std_dev = std::max(scale.std_dev, kLeastChange * obs_std);
  }
  if (!varies(scale.mean, scale.std_dev)) scale.std_dev = 1;
  return scale;
}

}  // namespace mbrl
