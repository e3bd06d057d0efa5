// Adam for a plain vector of numbers that belong to no network, e.g. the logarithms of deviations.
#pragma once

#include <cmath>
#include <cstdint>

#include "mbrl/core/types.hpp"
#include "mbrl/nn/adam.hpp"

namespace mbrl::nn {

/// Kingma and Ba, ICLR 2015, algorithm 1, as Adam; clipping and decay are not used.
class VectorAdam {
 public:
  VectorAdam(Index size, const AdamSettings& settings)
      : first(Vecf::Zero(size)), second(Vecf::Zero(size)), settings_(settings) {}

  /// One step of `values` down the gradient: unlike Adam::step and ScalarAdam also one that is not finite.
  void step(VecRef<float> values, ConstVecRef<float> gradient) {
    const auto t = static_cast<double>(++steps);
    const auto beta1 = static_cast<float>(settings_.beta1), beta2 = static_cast<float>(settings_.beta2),
               epsilon = static_cast<float>(settings_.epsilon),
               rate = static_cast<float>(settings_.learning_rate / (1 - std::pow(settings_.beta1, t))),
               root = static_cast<float>(1 / std::sqrt(1 - std::pow(settings_.beta2, t)));
    for (Index i = 0; i < values.size(); ++i) {
      first(i) = beta1 * first(i) + (1 - beta1) * gradient(i);
      second(i) = beta2 * second(i) + (1 - beta2) * gradient(i) * gradient(i);
      // Eigen's root of a packet is an approximation that differs between processors.
      values(i) -= rate * first(i) / (std::sqrt(second(i)) * root + epsilon);
    }
  }

  Vecf first, second;  // running means of the gradient and of its square
  std::int64_t steps = 0;

 private:
  AdamSettings settings_;
};

}  // namespace mbrl::nn
