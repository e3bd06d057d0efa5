// What may lie between a network's products beside its activations: layer and batch normalisation and dropout, there and
// back. Part of every file of kernels that includes it, once per instruction set.
#if defined(MBRL_NN_NORMALISE_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef MBRL_NN_NORMALISE_INL_HPP
#undef MBRL_NN_NORMALISE_INL_HPP
#else
#define MBRL_NN_NORMALISE_INL_HPP
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "nn/multiply-inl.hpp"
#include "nn/network_kernels.hpp"
#include "simd/philox-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace mbrl::nn {
namespace HWY_NAMESPACE {

using Layer = Network::Layer;
constexpr float kNormEpsilon = 1e-5f;

// Of kN vectors of samples from n on, whose sums hide each other's latency.
template <Activation kActivation, std::size_t kN>
HWY_INLINE void normalise_columns(const Layer& layer, const float* parameters, float* z, float* inverse,
                                  float* y, float* slope, std::size_t n, std::size_t ld) {
  const D d;
  const auto out = static_cast<std::size_t>(layer.out), lanes = hn::Lanes(d);
  const V share = hn::Set(d, 1.0f / static_cast<float>(out));
  V mean[kN], square[kN], scale[kN];
  for (std::size_t i = 0; i < kN; ++i) mean[i] = square[i] = hn::Zero(d);
  for (std::size_t m = 0; m < out; ++m)
    for (std::size_t i = 0; i < kN; ++i) mean[i] = hn::Add(mean[i], hn::Load(d, z + m * ld + n + i * lanes));
  for (std::size_t i = 0; i < kN; ++i) mean[i] = hn::Mul(mean[i], share);
  for (std::size_t m = 0; m < out; ++m)
    for (std::size_t i = 0; i < kN; ++i) {
      const V centred = hn::Sub(hn::Load(d, z + m * ld + n + i * lanes), mean[i]);
      square[i] = hn::MulAdd(centred, centred, square[i]);
    }
  for (std::size_t i = 0; i < kN; ++i) {
    scale[i] = hn::Div(hn::Set(d, 1.0f), hn::Sqrt(hn::MulAdd(square[i], share, hn::Set(d, kNormEpsilon))));
    hn::Store(scale[i], d, inverse + n + i * lanes);
  }
  for (std::size_t m = 0; m < out; ++m) {
    const V gain = hn::Set(d, parameters[layer.gain + m]), shift = hn::Set(d, parameters[layer.shift + m]);
    for (std::size_t i = 0; i < kN; ++i) {
      const std::size_t at = m * ld + n + i * lanes;
      const V normal = hn::Mul(hn::Sub(hn::Load(d, z + at), mean[i]), scale[i]);
      hn::Store(normal, d, z + at);
      V value, derivative;
      activate<kActivation>(d, hn::MulAdd(normal, gain, shift), value, derivative);
      hn::Store(value, d, y + at);
      if (slope) hn::Store(derivative, d, slope + at);
    }
  }
}

// z ([out][ld], in place: the normalised z) to y = f(g n + h); also 1 / sqrt(var + eps) and the slope (null: not
// wanted).
template <Activation kActivation>
void NormaliseAndActivate(const Layer& layer, const float* parameters, float* z, float* inverse, float* y,
                          float* slope, std::size_t columns, std::size_t ld) {
  const std::size_t lanes = hn::Lanes(D());
  std::size_t n = 0;
  for (; n + 4 * lanes <= columns; n += 4 * lanes)
    normalise_columns<kActivation, 4>(layer, parameters, z, inverse, y, slope, n, ld);
  for (; n < columns; n += lanes)
    normalise_columns<kActivation, 1>(layer, parameters, z, inverse, y, slope, n, ld);
}

// Of kN vectors of samples from n on.
template <std::size_t kN>
HWY_INLINE void normalise_columns_back(const Layer& layer, const float* parameters, const float* normal,
                                       const float* inverse, float* gradient, std::size_t n, std::size_t ld) {
  const D d;
  const auto out = static_cast<std::size_t>(layer.out), lanes = hn::Lanes(d);
  const V share = hn::Set(d, 1.0f / static_cast<float>(out));
  V sum[kN], along[kN];
  for (std::size_t i = 0; i < kN; ++i) sum[i] = along[i] = hn::Zero(d);
  for (std::size_t m = 0; m < out; ++m) {
    const V gain = hn::Set(d, parameters[layer.gain + m]);
    for (std::size_t i = 0; i < kN; ++i) {
      const std::size_t at = m * ld + n + i * lanes;
      const V g = hn::Mul(hn::Load(d, gradient + at), gain);
      sum[i] = hn::Add(sum[i], g);
      along[i] = hn::MulAdd(g, hn::Load(d, normal + at), along[i]);
    }
  }
  for (std::size_t i = 0; i < kN; ++i) {
    sum[i] = hn::Mul(sum[i], share);
    along[i] = hn::Mul(along[i], share);
  }
  for (std::size_t m = 0; m < out; ++m) {
    const V gain = hn::Set(d, parameters[layer.gain + m]);
    for (std::size_t i = 0; i < kN; ++i) {
      const std::size_t at = m * ld + n + i * lanes;
      const V g = hn::Mul(hn::Load(d, gradient + at), gain);
      const V rest = hn::NegMulAdd(along[i], hn::Load(d, normal + at), hn::Sub(g, sum[i]));
      hn::Store(hn::Mul(rest, hn::Load(d, inverse + n + i * lanes)), d, gradient + at);
    }
  }
}

// The gradient with respect to g n + h ([out][ld]) becomes, in place, that with respect to z:
//   dz = (g dn' - mean(g dn') - n mean(g dn' n)) / sqrt(var + eps).
inline void NormaliseBackward(const Layer& layer, const float* parameters, const float* normal,
                              const float* inverse, float* gradient, std::size_t columns, std::size_t ld) {
  const std::size_t lanes = hn::Lanes(D());
  std::size_t n = 0;
  for (; n + 4 * lanes <= columns; n += 4 * lanes)
    normalise_columns_back<4>(layer, parameters, normal, inverse, gradient, n, ld);
  for (; n < columns; n += lanes)
    normalise_columns_back<1>(layer, parameters, normal, inverse, gradient, n, ld);
}

// z ([out][ld], in place) times a mask of 0 and 1 / (1 - rate), kept for the way back. A word of Philox decides on two
// units, a block on eight.
inline void DropUnits(const Layer& layer, int l, double rate, const DropoutKey& key, float* z, float* mask,
                      std::size_t columns, std::size_t ld) {
  const D d;
  const hn::Rebind<std::uint32_t, D> du;
  using VU = hn::Vec<decltype(du)>;
  const auto out = static_cast<std::size_t>(layer.out);
  const V kept = hn::Set(d, static_cast<float>(1.0 / (1.0 - rate)));
  const VU threshold = hn::Set(du, static_cast<std::uint32_t>(std::lround(rate * 65536.0)));
  const VU half = hn::Set(du, 0xFFFFu);
  const std::uint32_t where = 0x80000000u | key.network << 8 | static_cast<std::uint32_t>(l);
  for (std::size_t first = 0; first < out; first += 8)
    for (std::size_t n = 0; n < columns; n += hn::Lanes(d)) {
      VU words[4] = {hn::Iota(du, key.first + static_cast<std::uint32_t>(n)), hn::Set(du, where),
                     hn::Set(du, key.step), hn::Set(du, static_cast<std::uint32_t>(first / 8))};
      simd::HWY_NAMESPACE::philox(du, key.key, words[0], words[1], words[2], words[3]);
      for (std::size_t i = 0; i < 8 && first + i < out; ++i) {
        const VU word = i % 2 == 0 ? hn::And(words[i / 2], half) : hn::ShiftRight<16>(words[i / 2]);
        const auto keep = hn::RebindMask(d, hn::Not(hn::Lt(word, threshold)));
        const std::size_t at = (first + i) * ld + n;
        const V factor = hn::IfThenElseZero(keep, kept);
        hn::Store(factor, d, mask + at);
        hn::Store(hn::Mul(factor, hn::Load(d, z + at)), d, z + at);
      }
    }
}

// Sum over the first n of what term(i) gives for a vector's entries from i on: kPad sums, whatever the vector length,
// added up in order.
template <class F>
HWY_INLINE float SumOf(std::size_t n, const F& term) {
  const D d;
  HWY_ALIGN float sums[kPad];
  for (std::size_t j = 0; j < kPad; j += hn::Lanes(d)) {
    V sum = hn::Zero(d);
    std::size_t i = j;
    for (; i + hn::Lanes(d) <= n; i += kPad) sum = hn::Add(sum, term(i));
    if (i < n) sum = hn::Add(sum, hn::IfThenElseZero(hn::FirstN(d, n - i), term(i)));
    hn::Store(sum, d, sums + j);
  }
  float total = 0;
  for (const float s : sums) total += s;
  return total;
}

// A layer's inputs x ([in][ld], in place) to g n(x) + h, with what the way back needs; see Network.
inline void NormaliseOverBatch(const Layer& layer, int l, const BatchNormSettings& settings,
                               const float* parameters, std::size_t samples, std::size_t columns,
                               const PassArrays& work) {
  const D d;
  const auto in = static_cast<std::size_t>(layer.in), ld = static_cast<std::size_t>(work.stride);
  const auto apart = static_cast<std::size_t>(padded(layer.in));
  const float* running = work.running_moments + layer.moments;
  const auto eps = static_cast<float>(settings.epsilon), count = static_cast<float>(samples);
  for (std::size_t m = 0; m < in; ++m) {
    float* x = work.inputs[l] + m * ld;
    float* normal = work.normal[l] + m * ld;
    float mean = running[m], variance = running[apart + m], r = 1, shift = 0;
    if (work.batch_moments) {
      mean = SumOf(samples, [&](std::size_t i) HWY_ATTR { return hn::Load(d, x + i); }) / count;
      variance = SumOf(samples,
                       [&](std::size_t i) HWY_ATTR {
                         const V centred = hn::Sub(hn::Load(d, x + i), hn::Set(d, mean));
                         return hn::Mul(centred, centred);
                       }) /
                 count;
      work.batch_moments[layer.moments + m] = mean;
      work.batch_moments[layer.moments + apart + m] = variance;
      if (work.renormalise) {
        const float largest = static_cast<float>(settings.max_scale),
                    far = static_cast<float>(settings.max_shift);
        const float inverse = 1.0f / std::sqrt(running[apart + m] + eps);
        r = std::clamp(std::sqrt(variance + eps) * inverse, 1.0f / largest, largest);
        shift = std::clamp((mean - running[m]) * inverse, -far, far);
      }
    }
    const float inverse = 1.0f / std::sqrt(variance + eps);
    work.factors[l][m] = r;
    work.factors[l][apart + m] = shift;
    work.factors[l][2 * apart + m] = inverse;
    const float g = parameters[layer.batch_gain + m], h = parameters[layer.batch_shift + m];
    const V scale = hn::Set(d, g * r), offset = hn::Set(d, g * shift + h);
    for (std::size_t n = 0; n < columns; n += hn::Lanes(d)) {
      const V one = hn::Mul(hn::Sub(hn::Load(d, x + n), hn::Set(d, mean)), hn::Set(d, inverse));
      hn::Store(one, d, normal + n);
      hn::Store(hn::MulAdd(one, scale, offset), d, x + n);
    }
  }
}

// The gradient y' with respect to g n(x) + h ([in][ld]) becomes, in place, that with respect to x, times `slope` (null:
// 1) of the activation that made x. In the batch's moments, with c = (x - m) / sqrt(v + eps):
//   x' = g r / sqrt(v + eps) (y' - mean(y') - c mean(y' c)).
inline void NormaliseOverBatchBackward(const Layer& layer, int l, const float* parameters,
                                       std::size_t samples, std::size_t columns, const PassArrays& work,
                                       float* gradient, const float* slope, float* of_parameters) {
  const D d;
  const auto in = static_cast<std::size_t>(layer.in), ld = static_cast<std::size_t>(work.stride);
  const auto apart = static_cast<std::size_t>(padded(layer.in));
  for (std::size_t m = 0; m < in; ++m) {
    const float* normal = work.normal[l] + m * ld;
    float* y = gradient + m * ld;
    const float r = work.factors[l][m], inverse = work.factors[l][2 * apart + m];
    float sum = 0, along = 0;
    if (work.batch_moments || of_parameters) {
      sum = SumOf(samples, [&](std::size_t i) HWY_ATTR { return hn::Load(d, y + i); });
      along = SumOf(samples, [&](std::size_t i)
                                 HWY_ATTR { return hn::Mul(hn::Load(d, y + i), hn::Load(d, normal + i)); });
    }
    if (of_parameters) {
      of_parameters[layer.batch_gain + m] = r * along + work.factors[l][apart + m] * sum;
      of_parameters[layer.batch_shift + m] = sum;
    }
    const float share = work.batch_moments ? 1.0f / static_cast<float>(samples) : 0.0f;
    const V scale = hn::Set(d, parameters[layer.batch_gain + m] * r * inverse);
    for (std::size_t n = 0; n < columns; n += hn::Lanes(d)) {
      V x = hn::Sub(hn::Load(d, y + n), hn::Set(d, share * sum));
      x = hn::Mul(scale, hn::NegMulAdd(hn::Load(d, normal + n), hn::Set(d, share * along), x));
      if (slope) x = hn::Mul(x, hn::Load(d, slope + m * ld + n));
      hn::Store(x, d, y + n);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace mbrl::nn
HWY_AFTER_NAMESPACE();
#endif
