// What one step of Adam multiplies by.
#pragma once

#include <cmath>
#include <cstdint>

namespace mbrl::nn {

// w -= rate * m / (sqrt(v) * root + epsilon) with rate = lr / (1 - beta1^t), root = 1 / sqrt(1 - beta2^t).
struct AdamNumbers {
  float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f;
  float rate = 0.0f, root = 0.0f;
  float scale = 1.0f;  // of the gradient: clipping
};

inline AdamNumbers adam_numbers(double learning_rate, std::int64_t step, double beta1 = 0.9,
                                double beta2 = 0.999, double epsilon = 1e-8) {
  const double t = static_cast<double>(step);
  AdamNumbers numbers;
  numbers.beta1 = static_cast<float>(beta1);
  numbers.beta2 = static_cast<float>(beta2);
  numbers.epsilon = static_cast<float>(epsilon);
  numbers.rate = static_cast<float>(learning_rate / (1.0 - std::pow(beta1, t)));
  numbers.root = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(beta2, t)));
  return numbers;
}

}  // namespace mbrl::nn
