// Elementary functions over whole arrays: in vectors of the machine's length for float, the standard
// library's for double. A number's result does not depend on its place in the array, and NaN stays NaN.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace mbrl::nn {

// Sizes are multiples of kPad and arrays are aligned for the widest vectors; y may be x.
void exp_all(const float* x, float* y, std::size_t count);
void log_all(const float* x, float* y, std::size_t count);
void tanh_all(const float* x, float* y, std::size_t count);
void atanh_all(const float* x, float* y, std::size_t count);
// y = log(1 + e^x) and its derivative, slope = 1 / (1 + e^-x).
void softplus_all(const float* x, float* y, float* slope, std::size_t count);

inline void exp_all(const double* x, double* y, std::size_t count) {
  std::transform(x, x + count, y, [](double v) { return std::exp(v); });
}
inline void log_all(const double* x, double* y, std::size_t count) {
  std::transform(x, x + count, y, [](double v) { return std::log(v); });
}
inline void tanh_all(const double* x, double* y, std::size_t count) {
  std::transform(x, x + count, y, [](double v) { return std::tanh(v); });
}
inline void atanh_all(const double* x, double* y, std::size_t count) {
  std::transform(x, x + count, y, [](double v) { return std::atanh(v); });
}
inline void softplus_all(const double* x, double* y, double* slope, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const double v = x[i], e = std::exp(-std::abs(v));
    y[i] = std::max(v, 0.0) + std::log1p(e);
    slope[i] = (v > 0.0 ? 1.0 : e) / (1.0 + e);
    if (std::isnan(v)) y[i] = v;
  }
}

}  // namespace mbrl::nn
