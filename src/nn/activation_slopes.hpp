// Activations with their derivatives, for products that go forward.
#pragma once

#include <cmath>

#include "mbrl/core/types.hpp"
#include "mbrl/nn/activation.hpp"

namespace mbrl::nn {

/// z becomes f(z); f'(z) into slope and, unless null, f''(z) into curve.
inline void activate(Activation f, Batchf& z, Batchf& slope, Batchf* curve = nullptr) {
  slope.resize(z.rows(), z.cols());
  if (curve != nullptr) curve->resize(z.rows(), z.cols());
  for (Index i = 0; i < z.size(); ++i) {
    float &value = z.data()[i], &derivative = slope.data()[i], second = 0.0f;
    const float at = value;
    switch (f) {
      case Activation::kSilu: {
        const float s = 1.0f / (1.0f + std::exp(-at));
        value = at * s;
        derivative = s * (1.0f + at * (1.0f - s));
        second = s * (1.0f - s) * (2.0f + at * (1.0f - 2.0f * s));
        break;
      }
      case Activation::kRelu:
        value = at > 0.0f ? at : 0.0f;
        derivative = at > 0.0f ? 1.0f : 0.0f;
        break;
      case Activation::kTanh:
        value = std::tanh(at);
        derivative = 1.0f - value * value;
        second = -2.0f * value * derivative;
        break;
      case Activation::kElu:
        value = at > 0.0f ? at : std::expm1(at);
        derivative = at > 0.0f ? 1.0f : value + 1.0f;
        second = at > 0.0f ? 0.0f : derivative;
        break;
    }
    if (curve != nullptr) curve->data()[i] = second;
  }
}

}  // namespace mbrl::nn
