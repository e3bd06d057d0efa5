// Highway kernels of the ensembles' losses. This file is compiled once for every instruction set.
#include "simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/neural/ensemble_loss.cpp"
#include <hwy/foreach_target.h>
// foreach_target must come first
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <cstddef>

#include "models/neural/ensemble_loss.hpp"
#include "nn/multiply-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace mbrl::training {
namespace HWY_NAMESPACE {

using namespace nn::HWY_NAMESPACE;  // the products, and hn for Highway
using nn::padded;

// How far the loops over a batch go.
struct Extent {
  std::size_t samples, columns, ld;
  double count;

  explicit Extent(const LossBatch& batch)
      : samples(static_cast<std::size_t>(batch.samples)),
        columns(static_cast<std::size_t>(padded(batch.samples))),
        ld(static_cast<std::size_t>(batch.stride)),
        count(static_cast<double>(batch.samples) * static_cast<double>(batch.dims)) {}
  // The share of one number, times `weight`.
  V share(double weight) const { return hn::Set(D(), static_cast<float>(weight / count)); }
  // The vector from column n on, zero where there is no sample.
  HWY_INLINE V used(std::size_t n, V x) const {
    return hn::IfThenElseZero(hn::FirstN(D(), n < samples ? samples - n : 0), x);
  }
  // Sum of a row's samples, in order: the same for every vector length.
  double sum(const float* row) const {
    double total = 0.0;
    for (std::size_t i = 0; i < samples; ++i) total += static_cast<double>(row[i]);
    return total;
  }
};

double GaussianLoss(const LossBatch& batch, int rows, const float* max_logvar, const float* min_logvar,
                    float beta, double* max_grad, double* min_grad) {
  const D d;
  const Extent e(batch);
  const auto size = static_cast<std::size_t>(batch.dims) * e.ld;
  const V even_share = e.share(1.0), one = hn::Set(d, 1.0f), power = hn::Set(d, beta);
  for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) {
    const V high = hn::Set(d, max_logvar[r]), low = hn::Set(d, min_logvar[r]);
    for (std::size_t n = 0; n < e.columns; n += hn::Lanes(d)) {
      const std::size_t at = r * e.ld + n, at_raw = at + size;
      const V raw = hn::Load(d, batch.outputs + at_raw);
      const V to_high = hn::Sub(high, raw);
      const V capped = hn::Sub(high, softplus(d, to_high));
      const V to_low = hn::Sub(capped, low);
      const V logvar = hn::Add(low, softplus(d, to_low));
      const V pass_high = sigmoid(d, to_high), pass_low = sigmoid(d, to_low);
      const V share = beta == 0.0f ? even_share : hn::Mul(even_share, exp_of(d, hn::Mul(power, logvar)));
      const V error = hn::Sub(hn::Load(d, batch.outputs + at), hn::Load(d, batch.targets + at));
      const V weighted = hn::Mul(error, exp_of(d, hn::Neg(logvar)));
      const V square = hn::Mul(error, weighted);
      const V mean_grad = hn::Mul(hn::Add(weighted, weighted), share);
      const V logvar_grad = hn::Mul(hn::Sub(one, square), share);
      const V capped_grad = hn::Mul(logvar_grad, pass_low);
      hn::Store(e.used(n, mean_grad), d, batch.gradient + at);
      hn::Store(e.used(n, hn::Mul(capped_grad, pass_high)), d, batch.gradient + at_raw);
      hn::Store(hn::Add(square, logvar), d, batch.terms + at);
      hn::Store(hn::Mul(capped_grad, hn::Sub(one, pass_high)), d, batch.terms + size + at);
      hn::Store(hn::Mul(logvar_grad, hn::Sub(one, pass_low)), d, batch.terms + 2 * size + at);
    }
  }
  double loss = 0.0;
  for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) {
    loss += e.sum(batch.terms + r * e.ld);
    max_grad[r] = e.sum(batch.terms + size + r * e.ld);
    min_grad[r] = e.sum(batch.terms + 2 * size + r * e.ld);
  }
  return loss / e.count;
}

double SquaredLoss(const LossBatch& batch, int rows) {
  const D d;
  const Extent e(batch);
  const V twice_share = e.share(2.0);
  for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r)
    for (std::size_t n = 0; n < e.columns; n += hn::Lanes(d)) {
      const std::size_t at = r * e.ld + n;
      const V error = hn::Sub(hn::Load(d, batch.outputs + at), hn::Load(d, batch.targets + at));
      hn::Store(e.used(n, hn::Mul(error, twice_share)), d, batch.gradient + at);
      hn::Store(hn::Mul(error, error), d, batch.terms + at);
    }
  double loss = 0.0;
  for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) loss += e.sum(batch.terms + r * e.ld);
  return loss / e.count;
}

double LogisticLoss(const LossBatch& batch, int row, double weight) {
  const D d;
  const Extent e(batch);
  const V share = e.share(weight);
  for (std::size_t n = 0; n < e.columns; n += hn::Lanes(d)) {
    const std::size_t at = static_cast<std::size_t>(row) * e.ld + n;
    const V logit = hn::Load(d, batch.outputs + at), target = hn::Load(d, batch.targets + at);
    hn::Store(e.used(n, hn::Mul(hn::Sub(sigmoid(d, logit), target), share)), d, batch.gradient + at);
    hn::Store(hn::Sub(softplus(d, logit), hn::Mul(logit, target)), d, batch.terms + n);
  }
  return e.sum(batch.terms) / e.count;
}

}  // namespace HWY_NAMESPACE
}  // namespace mbrl::training
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mbrl::training {

HWY_EXPORT(GaussianLoss);
HWY_EXPORT(SquaredLoss);
HWY_EXPORT(LogisticLoss);

double gaussian_loss(const LossBatch& batch, int rows, const float* max_logvar, const float* min_logvar,
                     float beta, double* max_grad, double* min_grad) {
  return HWY_DYNAMIC_DISPATCH(GaussianLoss)(batch, rows, max_logvar, min_logvar, beta, max_grad, min_grad);
}

double squared_loss(const LossBatch& batch, int rows) {
  return HWY_DYNAMIC_DISPATCH(SquaredLoss)(batch, rows);
}

double logistic_loss(const LossBatch& batch, int row, double weight) {
  return HWY_DYNAMIC_DISPATCH(LogisticLoss)(batch, row, weight);
}

}  // namespace mbrl::training
#endif
