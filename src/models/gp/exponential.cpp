// Compiled once for every instruction set and chosen at run time.
#include "models/gp/exponential.hpp"

#include <algorithm>

#include "simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/gp/exponential.cpp"
#include <hwy/foreach_target.h>
// foreach_target must come first
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mbrl::gp {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::CappedTag<double, 8>;

// Highway's polynomial makes a number of NaN, and of what is too large.
HWY_INLINE void ExpAt(D d, double* x) {
  const auto v = hn::LoadU(d, x);
  const auto y = hn::Exp(d, hn::Min(v, hn::Set(d, 709.0)));
  hn::StoreU(hn::IfThenElse(hn::IsNaN(v), v, y), d, x);
}

void ExponentialImpl(double* x, Index rows, Index cols, Index ld) {
  const D d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  for (Index j = 0; j < cols; ++j) {
    double* column = x + j * ld;
    Index i = 0;
    for (; i + lanes <= rows; i += lanes) ExpAt(d, column + i);
    if (i == rows) continue;
    double rest[8] = {};
    std::copy(column + i, column + rows, rest);
    ExpAt(d, rest);
    std::copy(rest, rest + (rows - i), column + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace mbrl::gp
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mbrl::gp {
HWY_EXPORT(ExponentialImpl);

void exponential(double* x, Index rows, Index cols, Index ld) {
  HWY_DYNAMIC_DISPATCH(ExponentialImpl)(x, rows, cols, ld);
}
}  // namespace mbrl::gp
#endif
