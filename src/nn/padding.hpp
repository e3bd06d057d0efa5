// The unit in which networks' arrays are padded.
#pragma once

namespace mbrl::nn {

inline constexpr int kPad = 16;  // floats; a multiple of every vector length used
constexpr int padded(int n) { return (n + kPad - 1) / kPad * kPad; }

}  // namespace mbrl::nn
