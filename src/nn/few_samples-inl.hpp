// A forward pass of fewer samples than a vector has room for: who acts in one environment, or in some. Vectors run over
// outputs instead of samples; every sum still runs over the inputs in their order, so the numbers are those of the other
// pass. Part of every file of kernels that includes it, once per instruction set.
#if defined(MBRL_NN_FEW_SAMPLES_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef MBRL_NN_FEW_SAMPLES_INL_HPP
#undef MBRL_NN_FEW_SAMPLES_INL_HPP
#else
#define MBRL_NN_FEW_SAMPLES_INL_HPP
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>

#include "mbrl/nn/network.hpp"
#include "nn/multiply-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace mbrl::nn {
namespace HWY_NAMESPACE {

constexpr std::size_t kFewSamples = 8;  // from there on the other pass wastes less than half of its products

// Outputs of a tile at a time, so that the sums of four samples and the weights stay in registers.
#if HWY_TARGET <= HWY_AVX3
constexpr std::size_t kFewVectors = 4;
#else
constexpr std::size_t kFewVectors = 2;
#endif

// z of kS samples and kN vectors of outputs from `first` on, to z [sample][kFewVectors * kPad].
template <int kS, int kN>
HWY_INLINE void few_sums(const Network::Layer& layer, const float* parameters, const float* x, std::size_t ld,
                         std::size_t first, float* z) {
  const D d;
  const std::size_t lanes = hn::Lanes(d), in = static_cast<std::size_t>(layer.in);
  V acc[kS][kN];
  const float* weight[kN];
#pragma GCC unroll 4
  for (int n = 0; n < kN; ++n) {
    const std::size_t o = first + static_cast<std::size_t>(n) * lanes;
    weight[n] = parameters + layer.weight + o / kPad * in * kPad + o % kPad;
#pragma GCC unroll 4
    for (int s = 0; s < kS; ++s) acc[s][n] = hn::Zero(d);
  }
  for (std::size_t k = 0; k < in; ++k) {
    V row[kN];
#pragma GCC unroll 4
    for (int n = 0; n < kN; ++n) row[n] = hn::Load(d, weight[n] + k * kPad);
#pragma GCC unroll 4
    for (int s = 0; s < kS; ++s) {
      const V factor = hn::Set(d, x[k * ld + static_cast<std::size_t>(s)]);
#pragma GCC unroll 4
      for (int n = 0; n < kN; ++n) acc[s][n] = hn::MulAdd(row[n], factor, acc[s][n]);
    }
  }
#pragma GCC unroll 4
  for (int n = 0; n < kN; ++n) {
    const std::size_t at = static_cast<std::size_t>(n) * lanes;
    const V bias = hn::Load(d, parameters + layer.bias + first + at);
#pragma GCC unroll 4
    for (int s = 0; s < kS; ++s)
      hn::Store(hn::Add(acc[s][n], bias), d, z + static_cast<std::size_t>(s) * kFewVectors * kPad + at);
  }
}

// All outputs of kS samples, to rows of y and of the slope (null: not wanted). `last`: there is no activation.
template <int kS, Activation kActivation>
void few_outputs(const Network::Layer& layer, bool last, const float* parameters, const float* x,
                 std::size_t ld, float* y, float* slope) {
  constexpr std::size_t kWidth = kFewVectors * kPad;
  const std::size_t lanes = hn::Lanes(D()), out = static_cast<std::size_t>(layer.out),
                    stride = static_cast<std::size_t>(layer.stride);
  HWY_ALIGN float z[kS * kWidth], slopes[kS * kWidth];
  for (std::size_t first = 0; first < stride;) {
    const bool whole = first + kFewVectors * lanes <= stride;
    const std::size_t count = whole ? kFewVectors * lanes : lanes;
    if (whole)
      few_sums<kS, static_cast<int>(kFewVectors)>(layer, parameters, x, ld, first, z);
    else
      few_sums<kS, 1>(layer, parameters, x, ld, first, z);
    if (!last) activate_rows<kActivation>(z, slopes, kS, count, kWidth);
    const std::size_t end = std::min(first + count, out);
    for (std::size_t o = first; o < end; ++o)
      for (std::size_t s = 0; s < kS; ++s) {
        y[o * ld + s] = z[s * kWidth + o - first];
        if (slope) slope[o * ld + s] = slopes[s * kWidth + o - first];
      }
    first += count;
  }
}

template <Activation kActivation>
void few_layer(const Network::Layer& layer, bool last, const float* parameters, const float* x,
               std::size_t samples, std::size_t ld, float* y, float* slope) {
  for (std::size_t s = 0; s < samples; s += 4) {
    float* slope_here = slope ? slope + s : nullptr;
    switch (std::min<std::size_t>(samples - s, 4)) {
      case 1:
        few_outputs<1, kActivation>(layer, last, parameters, x + s, ld, y + s, slope_here);
        break;
      case 2:
        few_outputs<2, kActivation>(layer, last, parameters, x + s, ld, y + s, slope_here);
        break;
      case 3:
        few_outputs<3, kActivation>(layer, last, parameters, x + s, ld, y + s, slope_here);
        break;
      default:
        few_outputs<4, kActivation>(layer, last, parameters, x + s, ld, y + s, slope_here);
        break;
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace mbrl::nn
HWY_AFTER_NAMESPACE();
#endif
