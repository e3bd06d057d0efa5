// Actions of discrete environments, which come as numbers.
#pragma once

#include <cmath>

#include "mbrl/core/error.hpp"

namespace mbrl {

// The nearest of 0 ... count - 1 (EnvSpec::choices). Throws if there is none within 1/2.
inline int discrete_action(const char* environment, double action, int count) {
  const double rounded = std::floor(action + 0.5);
  require(rounded >= 0.0 && rounded < count, environment, ": action is ", action, ", expected 0 to ",
          count - 1);
  return static_cast<int>(rounded);
}

}  // namespace mbrl
