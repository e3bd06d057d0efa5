// Adam for a single number, e.g. the logarithm of a temperature.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/nn/adam.hpp"

namespace mbrl::nn {

/// Kingma and Ba, ICLR 2015, algorithm 1, as Adam; clipping and decay are not used.
class ScalarAdam {
 public:
  explicit ScalarAdam(const AdamSettings& settings) : settings_(settings) {}

  /// One step of `value` down the gradient. A gradient that is not finite changes nothing.
  void step(double& value, double gradient) {
    if (!std::isfinite(gradient)) return;
    ++steps_;
    first_ = settings_.beta1 * first_ + (1 - settings_.beta1) * gradient;
    second_ = settings_.beta2 * second_ + (1 - settings_.beta2) * gradient * gradient;
    const double mean = first_ / (1 - std::pow(settings_.beta1, steps_)),
                 square = second_ / (1 - std::pow(settings_.beta2, steps_));
    value -= settings_.learning_rate * mean / (std::sqrt(square) + settings_.epsilon);
  }

  void save(StateDict& out, const std::string& prefix) const {
    out.put(prefix + "moments", std::vector<double>{first_, second_, steps_});
  }
  void load(const StateDict& in, const std::string& prefix) {
    const auto moments = in.get<double>(prefix + "moments");
    require_dim("ScalarAdam", "'" + prefix + "moments'", moments.size(), 3);
    first_ = moments[0];
    second_ = moments[1];
    steps_ = moments[2];
  }

 private:
  AdamSettings settings_;
  double first_ = 0, second_ = 0, steps_ = 0;
};

}  // namespace mbrl::nn
