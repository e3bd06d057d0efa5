// Highway kernels of networks. This file is compiled once for every instruction set.
#include "simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/network_kernels.cpp"
#include <hwy/foreach_target.h>
// foreach_target must come first
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "nn/few_samples-inl.hpp"
#include "nn/multiply-inl.hpp"
#include "nn/network_kernels.hpp"
#include "simd/philox-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace mbrl::nn {
namespace HWY_NAMESPACE {

using Layer = Network::Layer;
constexpr float kNormEpsilon = 1e-5f;

// slope: null for the network's inputs, which no activation made.
struct SlopeEpilogue {
  const float* slope;
  float* gradient;
  std::size_t ld;
  HWY_INLINE void operator()(D d, std::size_t m, std::size_t n, V acc) const {
    if (slope) acc = hn::Mul(acc, hn::Load(d, slope + m * ld + n));
    hn::Store(acc, d, gradient + m * ld + n);
  }
};

// Into a block of weights: row m is an input, column n an output.
struct PanelEpilogue {
  float* weight;
  std::size_t in;
  HWY_INLINE void operator()(D d, std::size_t m, std::size_t n, V acc) const {
    hn::Store(acc, d, weight + (n / kPad * in + m) * kPad + n % kPad);
  }
};

// z ([out][ld], in place: the normalised z) to y = f(g n + h); also 1 / sqrt(var + eps) and the slope.
template <Activation kActivation>
void NormaliseAndActivate(const Layer& layer, const float* parameters, float* z, float* inverse, float* y,
                          float* slope, std::size_t columns, std::size_t ld) {
  const D d;
  const auto out = static_cast<std::size_t>(layer.out);
  const V share = hn::Set(d, 1.0f / static_cast<float>(out));
  for (std::size_t n = 0; n < columns; n += hn::Lanes(d)) {
    V sum = hn::Zero(d);
    for (std::size_t m = 0; m < out; ++m) sum = hn::Add(sum, hn::Load(d, z + m * ld + n));
    const V mean = hn::Mul(sum, share);
    V square = hn::Zero(d);
    for (std::size_t m = 0; m < out; ++m) {
      const V centred = hn::Sub(hn::Load(d, z + m * ld + n), mean);
      square = hn::MulAdd(centred, centred, square);
    }
    const V scale = hn::Div(hn::Set(d, 1.0f), hn::Sqrt(hn::MulAdd(square, share, hn::Set(d, kNormEpsilon))));
    hn::Store(scale, d, inverse + n);
    for (std::size_t m = 0; m < out; ++m) {
      const V normal = hn::Mul(hn::Sub(hn::Load(d, z + m * ld + n), mean), scale);
      hn::Store(normal, d, z + m * ld + n);
      V value, derivative;
      activate<kActivation>(
          d,
          hn::MulAdd(normal, hn::Set(d, parameters[layer.gain + m]), hn::Set(d, parameters[layer.shift + m])),
          value, derivative);
      hn::Store(value, d, y + m * ld + n);
      hn::Store(derivative, d, slope + m * ld + n);
    }
  }
}

// The gradient with respect to g n + h ([out][ld]) becomes, in place, that with respect to z:
//   dz = (g dn' - mean(g dn') - n mean(g dn' n)) / sqrt(var + eps).
void NormaliseBackward(const Layer& layer, const float* parameters, const float* normal, const float* inverse,
                       float* gradient, std::size_t columns, std::size_t ld) {
  const D d;
  const auto out = static_cast<std::size_t>(layer.out);
  const V share = hn::Set(d, 1.0f / static_cast<float>(out));
  for (std::size_t n = 0; n < columns; n += hn::Lanes(d)) {
    V sum = hn::Zero(d), along = hn::Zero(d);
    for (std::size_t m = 0; m < out; ++m) {
      const V g = hn::Mul(hn::Load(d, gradient + m * ld + n), hn::Set(d, parameters[layer.gain + m]));
      sum = hn::Add(sum, g);
      along = hn::MulAdd(g, hn::Load(d, normal + m * ld + n), along);
    }
    sum = hn::Mul(sum, share);
    along = hn::Mul(along, share);
    const V scale = hn::Load(d, inverse + n);
    for (std::size_t m = 0; m < out; ++m) {
      const V g = hn::Mul(hn::Load(d, gradient + m * ld + n), hn::Set(d, parameters[layer.gain + m]));
      const V rest = hn::NegMulAdd(along, hn::Load(d, normal + m * ld + n), hn::Sub(g, sum));
      hn::Store(hn::Mul(rest, scale), d, gradient + m * ld + n);
    }
  }
}

// z ([out][ld], in place) times a mask of 0 and 1 / (1 - rate), kept for the way back. A word of Philox decides on two
// units, a block on eight.
void DropUnits(const Layer& layer, int l, double rate, const DropoutKey& key, float* z, float* mask,
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
  HWY_ALIGN float sums[kPad] = {};
  for (std::size_t i = 0; i < n; i += kPad)
    for (std::size_t j = 0; j < kPad && i + j < n; j += hn::Lanes(d)) {
      const V x = hn::IfThenElseZero(hn::FirstN(d, n - i - j), term(i + j));
      hn::Store(hn::Add(hn::Load(d, sums + j), x), d, sums + j);
    }
  float total = 0;
  for (const float s : sums) total += s;
  return total;
}

// A layer's inputs x ([in][ld], in place) to g n(x) + h, with what the way back needs; see Network.
void NormaliseOverBatch(const Layer& layer, int l, const BatchNormSettings& settings, const float* parameters,
                        std::size_t samples, std::size_t columns, const PassArrays& work) {
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
void NormaliseOverBatchBackward(const Layer& layer, int l, const float* parameters, std::size_t samples,
                                std::size_t columns, const PassArrays& work, float* gradient,
                                const float* slope, float* of_parameters) {
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

// What ForwardPass gives, for few samples of a network without layer_norm, batch_norm and masks.
template <Activation kActivation>
void ForwardFew(const Layer* layers, int layer_count, const float* parameters, int samples,
                const PassArrays& work) {
  for (int l = 0; l < layer_count; ++l) {
    const bool last = l + 1 == layer_count;
    few_layer<kActivation>(layers[l], parameters, work.inputs[l], static_cast<std::size_t>(samples),
                           static_cast<std::size_t>(work.stride), last ? work.output : work.inputs[l + 1],
                           last ? nullptr : work.slopes[l]);
  }
}

template <Activation kActivation>
void ActivateLayer(const Layer& layer, const float* parameters, const PassArrays& work, int l,
                   std::size_t columns) {
  const auto ld = static_cast<std::size_t>(work.stride);
  if (layer.norm)
    NormaliseAndActivate<kActivation>(layer, parameters, work.centred[l], work.inverse[l], work.inputs[l + 1],
                                      work.slopes[l], columns, ld);
  else
    activate_rows<kActivation>(work.inputs[l + 1], work.slopes[l], static_cast<std::size_t>(layer.out),
                               columns, ld);
}

void ForwardPass(const Layer* layers, int layer_count, const NetworkSettings& settings,
                 const float* parameters, int samples, const DropoutKey& dropout, const PassArrays& work) {
  const auto ld = static_cast<std::size_t>(work.stride), columns = static_cast<std::size_t>(padded(samples));
  if (static_cast<std::size_t>(samples) <= kFewSamples && !settings.layer_norm && !settings.batch_norm.on &&
      !work.masks) {
    switch (settings.activation) {
      case Activation::kSilu:
        return ForwardFew<Activation::kSilu>(layers, layer_count, parameters, samples, work);
      case Activation::kRelu:
        return ForwardFew<Activation::kRelu>(layers, layer_count, parameters, samples, work);
      case Activation::kTanh:
        return ForwardFew<Activation::kTanh>(layers, layer_count, parameters, samples, work);
      case Activation::kElu:
        return ForwardFew<Activation::kElu>(layers, layer_count, parameters, samples, work);
    }
  }
  for (int l = 0; l < layer_count; ++l) {
    const Layer& layer = layers[l];
    const auto in = static_cast<std::size_t>(layer.in);
    const bool last = l + 1 == layer_count;
    if (layer.batch_norm)
      NormaliseOverBatch(layer, l, settings.batch_norm, parameters, static_cast<std::size_t>(samples),
                         columns, work);
    multiply<true>(static_cast<std::size_t>(layer.out), 0, columns, in,
                   WeightRows{parameters + layer.weight, in}, work.inputs[l], ld,
                   StoreEpilogue{parameters + layer.bias,
                                 last         ? work.output
                                 : layer.norm ? work.centred[l]
                                              : work.inputs[l + 1],
                                 ld});
    if (last) return;
    if (work.masks)
      DropUnits(layer, l, settings.dropout, dropout, layer.norm ? work.centred[l] : work.inputs[l + 1],
                work.masks[l], columns, ld);
    switch (settings.activation) {
      case Activation::kSilu:
        ActivateLayer<Activation::kSilu>(layer, parameters, work, l, columns);
        break;
      case Activation::kRelu:
        ActivateLayer<Activation::kRelu>(layer, parameters, work, l, columns);
        break;
      case Activation::kTanh:
        ActivateLayer<Activation::kTanh>(layer, parameters, work, l, columns);
        break;
      case Activation::kElu:
        ActivateLayer<Activation::kElu>(layer, parameters, work, l, columns);
        break;
    }
  }
}

#if HWY_TARGET != HWY_SCALAR
// 4 x 4 numbers.
HWY_INLINE void TransposeFour(const float* from, std::size_t ld, float* to, std::size_t to_ld) {
  const hn::FixedTag<float, 4> d;
  const hn::FixedTag<std::uint64_t, 2> pairs;
  const auto a = hn::LoadU(d, from), b = hn::LoadU(d, from + ld), c = hn::LoadU(d, from + 2 * ld),
             e = hn::LoadU(d, from + 3 * ld);
  const auto ab_low = hn::BitCast(pairs, hn::InterleaveLower(d, a, b)),
             ab_high = hn::BitCast(pairs, hn::InterleaveUpper(d, a, b)),
             ce_low = hn::BitCast(pairs, hn::InterleaveLower(d, c, e)),
             ce_high = hn::BitCast(pairs, hn::InterleaveUpper(d, c, e));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, ab_low, ce_low)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, ab_low, ce_low)), d, to + to_ld);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, ab_high, ce_high)), d, to + 2 * to_ld);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, ab_high, ce_high)), d, to + 3 * to_ld);
}
#endif

// gradient [out][ld] to transposed [sample][to_ld], padded by zeros to `stride`; 16 x 16 at a time, which
// stay in cache.
void Transpose(const float* gradient, std::size_t ld, std::size_t out, std::size_t stride,
               std::size_t samples, float* to, std::size_t to_ld) {
  for (std::size_t o0 = 0; o0 < stride; o0 += kPad)
    for (std::size_t b0 = 0; b0 < samples; b0 += kPad) {
      const std::size_t rows = o0 < out ? std::min<std::size_t>(kPad, out - o0) : 0;
      const std::size_t columns = std::min<std::size_t>(kPad, samples - b0);
#if HWY_TARGET != HWY_SCALAR
      if (rows == kPad && columns == kPad) {
        for (std::size_t o = o0; o < o0 + kPad; o += 4)
          for (std::size_t b = b0; b < b0 + kPad; b += 4)
            TransposeFour(gradient + o * ld + b, ld, to + b * to_ld + o, to_ld);
        continue;
      }
#endif
      for (std::size_t b = 0; b < columns; ++b) {
        float* row = to + (b0 + b) * to_ld + o0;
        for (std::size_t o = 0; o < rows; ++o) row[o] = gradient[(o0 + o) * ld + b0 + b];
        for (std::size_t o = rows; o < kPad; ++o) row[o] = 0.0f;
      }
    }
}

// Sums of columns [0, stride) over n rows, several at a time to hide the latency of an addition.
void SumOfRows(const float* rows, std::size_t ld, std::size_t n, std::size_t stride, float* to) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t o = 0;
  for (; o + 4 * lanes <= stride; o += 4 * lanes) {
    V sum[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
    for (std::size_t b = 0; b < n; ++b)
#pragma GCC unroll 4
      for (std::size_t i = 0; i < 4; ++i)
        sum[i] = hn::Add(sum[i], hn::Load(d, rows + b * ld + o + i * lanes));
    for (std::size_t i = 0; i < 4; ++i) hn::Store(sum[i], d, to + o + i * lanes);
  }
  for (; o < stride; o += lanes) {
    V sum = hn::Zero(d);
    for (std::size_t b = 0; b < n; ++b) sum = hn::Add(sum, hn::Load(d, rows + b * ld + o));
    hn::Store(sum, d, to + o);
  }
}

void BackwardPass(const Layer* layers, int layer_count, const float* parameters, int samples,
                  const PassArrays& work, float* gradient, float* input_gradient) {
  const D d;
  const auto ld = static_cast<std::size_t>(work.stride), columns = static_cast<std::size_t>(padded(samples)),
             n = static_cast<std::size_t>(samples);
  int turn = 0;
  for (int l = layer_count - 1; l >= 0; --l) {
    const Layer& layer = layers[l];
    const auto in = static_cast<std::size_t>(layer.in), out = static_cast<std::size_t>(layer.out);
    const auto stride = static_cast<std::size_t>(layer.stride);
    const auto across = static_cast<std::size_t>(row_stride(layer.stride));
    float* here = work.gradient[turn];
    if (layer.norm) {
      if (gradient) {
        for (std::size_t m = 0; m < out; ++m) {
          double gain = 0.0, shift = 0.0;
          for (std::size_t b = 0; b < n; ++b) {
            gain += static_cast<double>(here[m * ld + b]) * static_cast<double>(work.centred[l][m * ld + b]);
            shift += static_cast<double>(here[m * ld + b]);
          }
          gradient[layer.gain + m] = static_cast<float>(gain);
          gradient[layer.shift + m] = static_cast<float>(shift);
        }
      }
      NormaliseBackward(layer, parameters, work.centred[l], work.inverse[l], here, columns, ld);
    }
    if (work.masks && l + 1 < layer_count)
      for (std::size_t m = 0; m < out; ++m)
        for (std::size_t b = 0; b < columns; b += hn::Lanes(d)) {
          const std::size_t at = m * ld + b;
          hn::Store(hn::Mul(hn::Load(d, work.masks[l] + at), hn::Load(d, here + at)), d, here + at);
        }
    const WeightColumns weights{parameters + layer.weight, in};
    const float* slope = l > 0 ? work.slopes[l - 1] : nullptr;
    // The gradient of what the layer reads.
    float* next = l > 0 || (layer.batch_norm && !input_gradient) ? work.gradient[1 - turn] : input_gradient;
    if (layer.batch_norm && (l > 0 || input_gradient || gradient)) {
      multiply<false>(in, 0, columns, out, weights, here, ld, SlopeEpilogue{nullptr, next, ld});
      NormaliseOverBatchBackward(layer, l, parameters, n, columns, work, next, slope, gradient);
    } else if (next) {
      multiply<false>(in, 0, columns, out, weights, here, ld, SlopeEpilogue{slope, next, ld});
    }
    if (gradient) {
      Transpose(here, ld, out, stride, n, work.transposed, across);
      // Panel by panel, so that a panel of the transposed gradient stays in cache.
      const std::size_t step = std::max<std::size_t>(kPad, 2 * hn::Lanes(d));
      for (std::size_t first = 0; first < stride; first += step)
        multiply<false>(in, first, std::min(stride, first + step), n, SampleRows{work.inputs[l], ld, n},
                        work.transposed, across, PanelEpilogue{gradient + layer.weight, in});
      SumOfRows(work.transposed, across, n, stride, gradient + layer.bias);
    }
    turn = 1 - turn;
  }
}

// Blocks are padded, so that there is no remainder.
void AdamUpdate(float* parameters, float* first, float* second, const float* gradient, std::size_t count,
                float decay, const AdamNumbers& a) {
  const D d;
  const V scale = hn::Set(d, a.scale), lambda = hn::Set(d, decay);
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    const V g = hn::MulAdd(lambda, hn::Load(d, parameters + i), hn::Mul(scale, hn::Load(d, gradient + i)));
    adam(d, g, a, parameters + i, first + i, second + i);
  }
}

// kPad sums, whatever the vector length, added up in order.
double SquaredNorm(const float* values, std::size_t count) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  HWY_ALIGN float sums[kPad] = {};
  double total = 0.0;
  constexpr std::size_t kBlock = 256 * kPad;  // then into double
  for (std::size_t begin = 0; begin < count; begin += kBlock) {
    std::fill_n(sums, kPad, 0.0f);
    for (std::size_t i = begin; i < std::min(count, begin + kBlock); i += kPad)
      for (std::size_t j = 0; j < kPad; j += lanes) {
        const V x = hn::Load(d, values + i + j);
        hn::Store(hn::MulAdd(x, x, hn::Load(d, sums + j)), d, sums + j);
      }
    for (const float s : sums) total += static_cast<double>(s);
  }
  return total;
}

void MoveTowards(float* target, const float* source, std::size_t count, float share) {
  const D d;
  const V step = hn::Set(d, share);
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    const V t = hn::Load(d, target + i);
    hn::Store(hn::MulAdd(step, hn::Sub(hn::Load(d, source + i), t), t), d, target + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace mbrl::nn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mbrl::nn {

HWY_EXPORT(ForwardPass);
HWY_EXPORT(BackwardPass);
HWY_EXPORT(AdamUpdate);
HWY_EXPORT(SquaredNorm);
HWY_EXPORT(MoveTowards);

void forward_pass(const Network::Layer* layers, int layer_count, const NetworkSettings& settings,
                  const float* parameters, int samples, const DropoutKey& dropout, const PassArrays& work) {
  HWY_DYNAMIC_DISPATCH(ForwardPass)(layers, layer_count, settings, parameters, samples, dropout, work);
}
void backward_pass(const Network::Layer* layers, int layer_count, const float* parameters, int samples,
                   const PassArrays& work, float* gradient, float* input_gradient) {
  HWY_DYNAMIC_DISPATCH(BackwardPass)
  (layers, layer_count, parameters, samples, work, gradient, input_gradient);
}
void adam_update(float* parameters, float* first, float* second, const float* gradient, std::size_t count,
                 float decay, const AdamNumbers& numbers) {
  HWY_DYNAMIC_DISPATCH(AdamUpdate)(parameters, first, second, gradient, count, decay, numbers);
}
double squared_norm(const float* values, std::size_t count) {
  return HWY_DYNAMIC_DISPATCH(SquaredNorm)(values, count);
}
void move_towards(float* target, const float* source, std::size_t count, float share) {
  HWY_DYNAMIC_DISPATCH(MoveTowards)(target, source, count, share);
}

}  // namespace mbrl::nn
#endif
