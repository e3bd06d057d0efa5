// Highway kernels of elementary functions. This file is compiled once for every instruction set.
#include "simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nn/elementary.cpp"
#include <hwy/foreach_target.h>
// foreach_target must come first
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <cmath>
#include <cstddef>

#include "nn/elementary.hpp"
#include "nn/padding.hpp"

HWY_BEFORE_NAMESPACE();
namespace mbrl::nn {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::CappedTag<float, kPad>;
using V = hn::Vec<D>;

// Highway's functions are polynomials, which make a number of NaN.
HWY_INLINE V keep_nan(V x, V y) { return hn::IfThenElse(hn::IsNaN(x), x, y); }

HWY_INLINE V exp_of(D d, V x) { return hn::Exp(d, hn::Min(x, hn::Set(d, 88.7f))); }

void ExpAll(const float* x, float* y, std::size_t count) {
  const D d;
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    const V v = hn::Load(d, x + i);
    hn::Store(keep_nan(v, exp_of(d, v)), d, y + i);
  }
}

void LogAll(const float* x, float* y, std::size_t count) {
  const D d;
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    const V v = hn::Load(d, x + i);
    const V at_zero = hn::IfThenElse(hn::Eq(v, hn::Zero(d)), hn::Set(d, -HUGE_VALF), hn::Log(d, v));
    hn::Store(keep_nan(v, at_zero), d, y + i);
  }
}

void TanhAll(const float* x, float* y, std::size_t count) {
  const D d;
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    const V v = hn::Load(d, x + i);
    hn::Store(keep_nan(v, hn::Tanh(d, v)), d, y + i);
  }
}

void AtanhAll(const float* x, float* y, std::size_t count) {
  const D d;
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    const V v = hn::Load(d, x + i);
    hn::Store(keep_nan(v, hn::Atanh(d, v)), d, y + i);
  }
}

void SoftplusAll(const float* x, float* y, float* slope, std::size_t count) {
  const D d;
  const V one = hn::Set(d, 1.0f), zero = hn::Zero(d);
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    const V v = hn::Load(d, x + i);
    const V e = hn::Exp(d, hn::Neg(hn::Abs(v)));
    hn::Store(keep_nan(v, hn::Add(hn::Max(v, zero), hn::Log1p(d, e))), d, y + i);
    const V above = hn::IfThenElse(hn::Gt(v, zero), one, e);
    hn::Store(keep_nan(v, hn::Div(above, hn::Add(one, e))), d, slope + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace mbrl::nn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mbrl::nn {

HWY_EXPORT(ExpAll);
HWY_EXPORT(LogAll);
HWY_EXPORT(TanhAll);
HWY_EXPORT(AtanhAll);
HWY_EXPORT(SoftplusAll);

void exp_all(const float* x, float* y, std::size_t count) { HWY_DYNAMIC_DISPATCH(ExpAll)(x, y, count); }
void log_all(const float* x, float* y, std::size_t count) { HWY_DYNAMIC_DISPATCH(LogAll)(x, y, count); }
void tanh_all(const float* x, float* y, std::size_t count) { HWY_DYNAMIC_DISPATCH(TanhAll)(x, y, count); }
void atanh_all(const float* x, float* y, std::size_t count) { HWY_DYNAMIC_DISPATCH(AtanhAll)(x, y, count); }
void softplus_all(const float* x, float* y, float* slope, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(SoftplusAll)(x, y, slope, count);
}

}  // namespace mbrl::nn
#endif
