// Activation functions of hidden layers.
#pragma once

#include <array>
#include <utility>

#include "mbrl/core/enum_names.hpp"

namespace mbrl {

/// silu: z / (1 + e^-z); elu: z where z > 0, else e^z - 1. The numbers are those of checkpoints.
enum class Activation : int { kSilu = 0, kRelu = 1, kTanh = 2, kElu = 3 };

constexpr auto enum_names(Activation) {
  return std::array{std::pair{Activation::kSilu, "silu"}, std::pair{Activation::kRelu, "relu"},
                    std::pair{Activation::kTanh, "tanh"}, std::pair{Activation::kElu, "elu"}};
}

}  // namespace mbrl
