// Highway kernels of the native trainer. This file is compiled once for every instruction set.
#include "simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/neural/native_trainer_kernels.cpp"
#include <hwy/foreach_target.h>
// foreach_target must come first
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>

#include "models/neural/native_trainer_kernels.hpp"
#include "nn/multiply-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace mbrl::training {
namespace HWY_NAMESPACE {

using namespace nn::HWY_NAMESPACE;  // the products, and hn for Highway
using nn::AdamNumbers;
using nn::kPad;
using nn::padded;

struct SlopeEpilogue {
  const float* slope;
  float* gradient;
  std::size_t ld;
  HWY_INLINE void operator()(D d, std::size_t m, std::size_t n, V acc) const {
    hn::Store(hn::Mul(acc, hn::Load(d, slope + m * ld + n)), d, gradient + m * ld + n);
  }
};

// The weight gradient goes from registers straight into the update: it is never stored.
struct AdamEpilogue {
  const LayerState& layer;
  const AdamNumbers& step;
  HWY_INLINE void operator()(D d, std::size_t m, std::size_t n, V acc) const {
    const std::size_t at = (n / kPad * static_cast<std::size_t>(layer.in) + m) * kPad + n % kPad;
    float* w = layer.weight + at;
    const V gradient = hn::MulAdd(hn::Set(d, layer.decay), hn::Load(d, w), acc);
    adam(d, gradient, step, w, layer.weight_m + at, layer.weight_v + at);
  }
};

void Forward(const LayerState* layers, int layer_count, Activation activation, int samples,
             const Activations& work) {
  const auto ld = static_cast<std::size_t>(work.stride), columns = static_cast<std::size_t>(padded(samples));
  for (int l = 0; l < layer_count; ++l) {
    const LayerState& layer = layers[l];
    const auto in = static_cast<std::size_t>(layer.in), out = static_cast<std::size_t>(layer.out);
    const bool last = l + 1 == layer_count;
    float* y = last ? work.output : work.inputs[l + 1];
    multiply<true>(out, 0, columns, in, WeightRows{layer.weight, in}, work.inputs[l], ld,
                   StoreEpilogue{layer.bias, y, ld});
    if (last) return;
    float* slope = work.slopes[l + 1];
    switch (activation) {
      case Activation::kSilu:
        activate_rows<Activation::kSilu>(y, slope, out, columns, ld);
        break;
      case Activation::kRelu:
        activate_rows<Activation::kRelu>(y, slope, out, columns, ld);
        break;
      case Activation::kTanh:
        activate_rows<Activation::kTanh>(y, slope, out, columns, ld);
        break;
      case Activation::kElu:
        activate_rows<Activation::kElu>(y, slope, out, columns, ld);
        break;
    }
  }
}

// Sum of a row's first `samples` entries, in order: the same for every vector length.
HWY_INLINE double row_sum(const float* row, int samples) {
  double sum = 0.0;
  for (int i = 0; i < samples; ++i) sum += static_cast<double>(row[i]);
  return sum;
}

double GaussianLoss(const float* targets, int rows, int dims, int samples, const float* max_logvar,
                    const float* min_logvar, const Activations& work, float* terms, double* max_grad,
                    double* min_grad) {
  const D d;
  const auto ld = static_cast<std::size_t>(work.stride), columns = static_cast<std::size_t>(padded(samples));
  const auto size = static_cast<std::size_t>(dims) * ld;
  const double count = static_cast<double>(samples) * static_cast<double>(dims);
  const V share = hn::Set(d, static_cast<float>(1.0 / count)), one = hn::Set(d, 1.0f);
  for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) {
    const V high = hn::Set(d, max_logvar[r]), low = hn::Set(d, min_logvar[r]);
    for (std::size_t n = 0; n < columns; n += hn::Lanes(d)) {
      const std::size_t at = r * ld + n, at_raw = at + size;
      const auto used =
          hn::FirstN(d, n < static_cast<std::size_t>(samples) ? static_cast<std::size_t>(samples) - n : 0);
      const V raw = hn::Load(d, work.output + at_raw);
      const V to_high = hn::Sub(high, raw);
      const V capped = hn::Sub(high, softplus(d, to_high));
      const V to_low = hn::Sub(capped, low);
      const V logvar = hn::Add(low, softplus(d, to_low));
      const V pass_high = sigmoid(d, to_high), pass_low = sigmoid(d, to_low);
      const V error = hn::Sub(hn::Load(d, work.output + at), hn::Load(d, targets + at));
      const V weighted = hn::Mul(error, exp_of(d, hn::Neg(logvar)));
      const V square = hn::Mul(error, weighted);
      const V mean_grad = hn::Mul(hn::Add(weighted, weighted), share);
      const V logvar_grad = hn::Mul(hn::Sub(one, square), share);
      const V capped_grad = hn::Mul(logvar_grad, pass_low);
      hn::Store(hn::IfThenElseZero(used, mean_grad), d, work.gradient[0] + at);
      hn::Store(hn::IfThenElseZero(used, hn::Mul(capped_grad, pass_high)), d, work.gradient[0] + at_raw);
      hn::Store(hn::Add(square, logvar), d, terms + at);
      hn::Store(hn::Mul(capped_grad, hn::Sub(one, pass_high)), d, terms + size + at);
      hn::Store(hn::Mul(logvar_grad, hn::Sub(one, pass_low)), d, terms + 2 * size + at);
    }
  }
  double loss = 0.0;
  for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) {
    loss += row_sum(terms + r * ld, samples);
    max_grad[r] = row_sum(terms + size + r * ld, samples);
    min_grad[r] = row_sum(terms + 2 * size + r * ld, samples);
  }
  return loss / count;
}

double SquaredLoss(const float* targets, int rows, int dims, int samples, const Activations& work,
                   float* terms) {
  const D d;
  const auto ld = static_cast<std::size_t>(work.stride), columns = static_cast<std::size_t>(padded(samples));
  const double count = static_cast<double>(samples) * static_cast<double>(dims);
  const V twice_share = hn::Set(d, static_cast<float>(2.0 / count));
  for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r)
    for (std::size_t n = 0; n < columns; n += hn::Lanes(d)) {
      const std::size_t at = r * ld + n;
      const auto used =
          hn::FirstN(d, n < static_cast<std::size_t>(samples) ? static_cast<std::size_t>(samples) - n : 0);
      const V error = hn::Sub(hn::Load(d, work.output + at), hn::Load(d, targets + at));
      hn::Store(hn::IfThenElseZero(used, hn::Mul(error, twice_share)), d, work.gradient[0] + at);
      hn::Store(hn::Mul(error, error), d, terms + at);
    }
  double loss = 0.0;
  for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) loss += row_sum(terms + r * ld, samples);
  return loss / count;
}

double LogisticLoss(const float* targets, int row, int dims, int samples, double weight,
                    const Activations& work, float* terms) {
  const D d;
  const auto ld = static_cast<std::size_t>(work.stride), columns = static_cast<std::size_t>(padded(samples));
  const double count = static_cast<double>(samples) * static_cast<double>(dims);
  const V share = hn::Set(d, static_cast<float>(weight / count));
  for (std::size_t n = 0; n < columns; n += hn::Lanes(d)) {
    const std::size_t at = static_cast<std::size_t>(row) * ld + n;
    const auto used =
        hn::FirstN(d, n < static_cast<std::size_t>(samples) ? static_cast<std::size_t>(samples) - n : 0);
    const V logit = hn::Load(d, work.output + at), target = hn::Load(d, targets + at);
    hn::Store(hn::IfThenElseZero(used, hn::Mul(hn::Sub(sigmoid(d, logit), target), share)), d,
              work.gradient[0] + at);
    hn::Store(hn::Sub(softplus(d, logit), hn::Mul(logit, target)), d, terms + n);
  }
  return row_sum(terms, samples) / count;
}

void BackwardUpdate(const LayerState* layers, int layer_count, int samples, const AdamNumbers& step,
                    const Activations& work) {
  const D d;
  const auto ld = static_cast<std::size_t>(work.stride), columns = static_cast<std::size_t>(padded(samples));
  int turn = 0;
  for (int l = layer_count - 1; l >= 0; --l) {
    const LayerState& layer = layers[l];
    const auto in = static_cast<std::size_t>(layer.in), out = static_cast<std::size_t>(layer.out);
    const auto stride = static_cast<std::size_t>(layer.stride), n = static_cast<std::size_t>(samples);
    const float* gradient = work.gradient[turn];
    // The gradient of the layer's inputs needs the weights before they are updated.
    if (l > 0)
      multiply<false>(in, 0, columns, out, WeightColumns{layer.weight, in}, gradient, ld,
                      SlopeEpilogue{work.slopes[l], work.gradient[1 - turn], ld});
    for (std::size_t b = 0; b < n; ++b) {
      float* row = work.transposed + b * stride;
      for (std::size_t o = 0; o < out; ++o) row[o] = gradient[o * ld + b];
      for (std::size_t o = out; o < stride; ++o) row[o] = 0.0f;
    }
    // Panel by panel, so that weights and moments stream through once, in the order they lie in.
    const std::size_t step_columns = std::max<std::size_t>(kPad, 2 * hn::Lanes(d));
    for (std::size_t first = 0; first < stride; first += step_columns)
      multiply<false>(in, first, std::min(stride, first + step_columns), n, SampleRows{work.inputs[l], ld, n},
                      work.transposed, stride, AdamEpilogue{layer, step});
    for (std::size_t o = 0; o < stride; o += hn::Lanes(d)) {
      V sum = hn::Zero(d);
      for (std::size_t b = 0; b < n; ++b) sum = hn::Add(sum, hn::Load(d, work.transposed + b * stride + o));
      adam(d, sum, step, layer.bias + o, layer.bias_m + o, layer.bias_v + o);
    }
    turn = 1 - turn;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace mbrl::training
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mbrl::training {

HWY_EXPORT(Forward);
HWY_EXPORT(GaussianLoss);
HWY_EXPORT(SquaredLoss);
HWY_EXPORT(LogisticLoss);
HWY_EXPORT(BackwardUpdate);

void forward(const LayerState* layers, int layer_count, Activation activation, int samples,
             const Activations& work) {
  HWY_DYNAMIC_DISPATCH(Forward)(layers, layer_count, activation, samples, work);
}

double gaussian_loss(const float* targets, int rows, int dims, int samples, const float* max_logvar,
                     const float* min_logvar, const Activations& work, float* terms, double* max_grad,
                     double* min_grad) {
  return HWY_DYNAMIC_DISPATCH(GaussianLoss)(targets, rows, dims, samples, max_logvar, min_logvar, work, terms,
                                            max_grad, min_grad);
}

double squared_loss(const float* targets, int rows, int dims, int samples, const Activations& work,
                    float* terms) {
  return HWY_DYNAMIC_DISPATCH(SquaredLoss)(targets, rows, dims, samples, work, terms);
}

double logistic_loss(const float* targets, int row, int dims, int samples, double weight,
                     const Activations& work, float* terms) {
  return HWY_DYNAMIC_DISPATCH(LogisticLoss)(targets, row, dims, samples, weight, work, terms);
}

void backward_update(const LayerState* layers, int layer_count, int samples, const nn::AdamNumbers& adam,
                     const Activations& work) {
  HWY_DYNAMIC_DISPATCH(BackwardUpdate)(layers, layer_count, samples, adam, work);
}

}  // namespace mbrl::training
#endif
