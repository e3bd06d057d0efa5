// Highway kernels of networks. This file is compiled once for every instruction set.
#include "simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/network_kernels.cpp"
#include <hwy/foreach_target.h>
// foreach_target must come first
#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "nn/few_samples-inl.hpp"
#include "nn/multiply-inl.hpp"
#include "nn/network_kernels.hpp"
#include "nn/normalise-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace mbrl::nn {
namespace HWY_NAMESPACE {

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

// The same behind a rectifier, whose values say where it let anything pass.
struct RectifiedEpilogue {
  const float* value;
  float* gradient;
  std::size_t ld;
  HWY_INLINE void operator()(D d, std::size_t m, std::size_t n, V acc) const {
    const auto passed = hn::Gt(hn::Load(d, value + m * ld + n), hn::Zero(d));
    hn::Store(hn::IfThenElseZero(passed, acc), d, gradient + m * ld + n);
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

// Straight from registers into the step of these weights: their gradient is never stored.
struct AdamEpilogue {
  float *weight, *first, *second;
  std::size_t in;
  float decay;
  const AdamNumbers& numbers;
  HWY_INLINE void operator()(D d, std::size_t m, std::size_t n, V acc) const {
    const std::size_t at = (n / kPad * in + m) * kPad + n % kPad;
    const V gradient = hn::MulAdd(hn::Set(d, decay), hn::Load(d, weight + at), acc);
    adam(d, gradient, numbers, weight + at, first + at, second + at);
  }
};

// What ForwardPass gives, for few samples of a network without layer_norm, batch_norm and masks.
template <Activation kActivation>
void ForwardFew(const Layer* layers, int layer_count, const float* parameters, int samples,
                const PassArrays& work) {
  for (int l = 0; l < layer_count; ++l) {
    const bool last = l + 1 == layer_count;
    few_layer<kActivation>(layers[l], last, parameters, work.inputs[l], static_cast<std::size_t>(samples),
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
    const auto out = static_cast<std::size_t>(layer.out);
    const WeightRows weights{parameters + layer.weight, in};
    if (!last && !layer.norm && !work.masks && !work.slopes[l]) {
      multiply<true>(out, columns, in, weights, work.inputs[l], ld,
                     RectifierEpilogue{parameters + layer.bias, work.inputs[l + 1], ld});
      continue;
    }
    multiply<true>(out, columns, in, weights, work.inputs[l], ld,
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
// The transpose of every 4 x 4 block of four rows: `to` gets their columns 0, 1, 2 and 3.
template <class Tag, class Vector = hn::Vec<Tag>>
HWY_INLINE void TransposeFour(Tag d, const float* from, std::size_t ld, Vector to[4]) {
  const hn::Repartition<std::uint64_t, Tag> pairs;
  const Vector a = hn::LoadU(d, from), b = hn::LoadU(d, from + ld), c = hn::LoadU(d, from + 2 * ld),
               e = hn::LoadU(d, from + 3 * ld);
  const auto ab_low = hn::BitCast(pairs, hn::InterleaveLower(d, a, b)),
             ab_high = hn::BitCast(pairs, hn::InterleaveUpper(d, a, b)),
             ce_low = hn::BitCast(pairs, hn::InterleaveLower(d, c, e)),
             ce_high = hn::BitCast(pairs, hn::InterleaveUpper(d, c, e));
  to[0] = hn::BitCast(d, hn::InterleaveLower(pairs, ab_low, ce_low));
  to[1] = hn::BitCast(d, hn::InterleaveUpper(pairs, ab_low, ce_low));
  to[2] = hn::BitCast(d, hn::InterleaveLower(pairs, ab_high, ce_high));
  to[3] = hn::BitCast(d, hn::InterleaveUpper(pairs, ab_high, ce_high));
}

#if HWY_MAX_BYTES >= 32
constexpr std::size_t kSquare = 8;
#else
constexpr std::size_t kSquare = 4;
#endif

// kSquare x kSquare numbers.
HWY_INLINE void TransposeSquare(const float* from, std::size_t ld, float* to, std::size_t to_ld) {
  const hn::FixedTag<float, kSquare> d;
  hn::Vec<decltype(d)> above[4];
  TransposeFour(d, from, ld, above);
#if HWY_MAX_BYTES >= 32
  hn::Vec<decltype(d)> below[4];
  TransposeFour(d, from + 4 * ld, ld, below);
#pragma GCC unroll 4
  for (std::size_t i = 0; i < 4; ++i) {
    hn::StoreU(hn::ConcatLowerLower(d, below[i], above[i]), d, to + i * to_ld);
    hn::StoreU(hn::ConcatUpperUpper(d, below[i], above[i]), d, to + (4 + i) * to_ld);
  }
#else
#pragma GCC unroll 4
  for (std::size_t i = 0; i < 4; ++i) hn::StoreU(above[i], d, to + i * to_ld);
#endif
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
        for (std::size_t b = b0; b < b0 + kPad; b += kSquare)
          for (std::size_t o = o0; o < o0 + kPad; o += kSquare)
            TransposeSquare(gradient + o * ld + b, ld, to + b * to_ld + o, to_ld);
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

// The sums over samples that are a layer's gradients, from that of its output ([out][ld]): of weights to the epilogue,
// of biases to `bias`, one row that may be where `gradient` begins. `transposed` is scratch memory.
template <class Epilogue>
HWY_INLINE void ProductOfGradients(const Layer& layer, std::size_t samples, const float* input,
                                   std::size_t ld, const float* gradient, float* transposed,
                                   const Epilogue& epilogue, float* bias) {
  const D d;
  const auto in = static_cast<std::size_t>(layer.in), out = static_cast<std::size_t>(layer.out),
             stride = static_cast<std::size_t>(layer.stride);
  if (out == 1) {  // of a product most would be padding
    const auto first = [d](float value)
                           HWY_ATTR { return hn::IfThenElseZero(hn::FirstN(d, 1), hn::Set(d, value)); };
    for (std::size_t m = 0; m < in; ++m) {
      const float* row = input + m * ld;
      const float sum = SumOf(samples, [&](std::size_t i) HWY_ATTR {
        return hn::Mul(hn::Load(d, row + i), hn::Load(d, gradient + i));
      });
      for (std::size_t n = 0; n < stride; n += hn::Lanes(d))
        epilogue(d, m, n, n == 0 ? first(sum) : hn::Zero(d));
    }
    const float sum = SumOf(samples, [&](std::size_t i) HWY_ATTR { return hn::Load(d, gradient + i); });
    for (std::size_t n = 0; n < stride; n += hn::Lanes(d))
      hn::Store(n == 0 ? first(sum) : hn::Zero(d), d, bias + n);
    return;
  }
  const auto across = static_cast<std::size_t>(row_stride(layer.stride));
  Transpose(gradient, ld, out, stride, samples, transposed, across);
  multiply<false>(in, stride, samples, SampleRows{input, ld, samples}, transposed, across, epilogue);
  SumOfRows(transposed, across, samples, stride, bias);
}

// The same and the layer's step. The gradient's first row is overwritten.
void StepOfLayer(const Layer& layer, float decay, std::size_t samples, const float* input, std::size_t ld,
                 float* gradient, float* transposed, const AdamSteps& s) {
  ProductOfGradients(
      layer, samples, input, ld, gradient, transposed,
      AdamEpilogue{s.parameters + layer.weight, s.first + layer.weight, s.second + layer.weight,
                   static_cast<std::size_t>(layer.in), decay, s.numbers},
      gradient);
  AdamUpdate(s.parameters + layer.bias, s.first + layer.bias, s.second + layer.bias, gradient,
             static_cast<std::size_t>(layer.stride), 0.0f, s.numbers);
}

void BackwardPass(const Layer* layers, int layer_count, const float* parameters, int samples,
                  const PassArrays& work, float* gradient, const AdamSteps* steps, float* input_gradient) {
  const D d;
  const auto ld = static_cast<std::size_t>(work.stride), columns = static_cast<std::size_t>(padded(samples)),
             n = static_cast<std::size_t>(samples);
  int turn = 0;
  for (int l = layer_count - 1; l >= 0; --l) {
    const Layer& layer = layers[l];
    const auto in = static_cast<std::size_t>(layer.in), out = static_cast<std::size_t>(layer.out);
    float* here = work.gradient[turn];
    if (layer.norm) {
      if (gradient) {
        for (std::size_t m = 0; m < out; ++m) {
          const float *of_row = here + m * ld, *normal = work.centred[l] + m * ld;
          gradient[layer.gain + m] = SumOf(n, [&](std::size_t i) HWY_ATTR {
            return hn::Mul(hn::Load(d, of_row + i), hn::Load(d, normal + i));
          });
          gradient[layer.shift + m] =
              SumOf(n, [&](std::size_t i) HWY_ATTR { return hn::Load(d, of_row + i); });
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
      multiply<false>(in, columns, out, weights, here, ld, SlopeEpilogue{nullptr, next, ld});
      NormaliseOverBatchBackward(layer, l, parameters, n, columns, work, next, slope, gradient);
    } else if (next && l > 0 && !slope) {
      multiply<false>(in, columns, out, weights, here, ld, RectifiedEpilogue{work.inputs[l], next, ld});
    } else if (next) {
      multiply<false>(in, columns, out, weights, here, ld, SlopeEpilogue{slope, next, ld});
    }
    if (steps)
      StepOfLayer(layer, steps->decay[l], n, work.inputs[l], ld, here, work.transposed, *steps);
    else if (gradient)
      ProductOfGradients(layer, n, work.inputs[l], ld, here, work.transposed,
                         PanelEpilogue{gradient + layer.weight, in}, gradient + layer.bias);
    turn = 1 - turn;
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
  (layers, layer_count, parameters, samples, work, gradient, nullptr, input_gradient);
}
void backward_steps(const Network::Layer* layers, int layer_count, int samples, const PassArrays& work,
                    const AdamSteps& steps) {
  HWY_DYNAMIC_DISPATCH(BackwardPass)
  (layers, layer_count, steps.parameters, samples, work, nullptr, &steps, nullptr);
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
