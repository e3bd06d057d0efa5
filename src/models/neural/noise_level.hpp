// The noise of targets beside a network's mean, the same everywhere, learned with it.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/nn/network.hpp"
#include "mbrl/nn/scalar_adam.hpp"
#include "models/neural/regression_loop.hpp"

namespace mbrl {

class NoiseLevel {
 public:
  NoiseLevel(int entries, double learning_rate, double least)
      : adam_(static_cast<std::size_t>(entries), nn::ScalarAdam({.learning_rate = learning_rate})),
        slope_(Vecd::Zero(entries)),
        least_(std::log(least)) {}

  // Mean over the columns of -log N(y; mean, exp(2 log_deviation)) but for a constant, and its gradient with respect to
  // the means.
  double loss(const Batchf& mean, const Batchf& targets, const Vecf& log_deviation, Batchf& to_mean) {
    const auto n = static_cast<double>(mean.cols());
    to_mean = mean - targets;
    double sum = 0;
    for (Index r = 0; r < mean.rows(); ++r) {
      const auto level = static_cast<double>(log_deviation[r]);
      const double precision = std::exp(-2 * level);
      const double square = precision * to_mean.row(r).cast<double>().squaredNorm() / n;
      sum += 0.5 * square + level;
      slope_[r] = 1 - square;
      to_mean.row(r) *= static_cast<float>(precision / n);
    }
    return sum;
  }
  // Down the gradient of the last loss.
  void step(Vecf& log_deviation) {
    for (Index r = 0; r < slope_.size(); ++r) {
      auto level = static_cast<double>(log_deviation[r]);
      adam_[static_cast<std::size_t>(r)].step(level, slope_[r]);
      log_deviation[r] = static_cast<float>(std::max(level, least_));
    }
  }

 private:
  std::vector<nn::ScalarAdam> adam_;
  Vecd slope_;
  double least_;
};

// Of settings: throws mbrl::Error, which begins with `who`, unless both make sense.
inline void check_noise(const std::string& who, double initial_noise, double min_noise) {
  require(std::isfinite(min_noise) && min_noise > 0, who, ": min_noise is ", min_noise,
          ", expected a positive number");
  require(std::isfinite(initial_noise) && initial_noise >= min_noise, who, ": initial_noise is ",
          initial_noise, ", expected at least min_noise, ", min_noise);
}

// Of the mean of functions.
inline double mean_squared_error(const std::vector<nn::Network>& functions, const RegressionBatch& held_out) {
  Batchf error = -held_out.targets, output(held_out.targets.rows(), held_out.targets.cols());
  for (const nn::Network& function : functions) {
    function.evaluate(held_out.inputs, output);
    error += output / static_cast<float>(functions.size());
  }
  return static_cast<double>(error.squaredNorm()) / static_cast<double>(error.size());
}

}  // namespace mbrl
