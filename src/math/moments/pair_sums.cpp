// Highway kernels of moment matching. This file is compiled once for every instruction set.
#include "math/moments/pair_sums.hpp"

#include <algorithm>

#include "simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "math/moments/pair_sums.cpp"
#include <hwy/foreach_target.h>
// foreach_target must come first
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mbrl::moments {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::CappedTag<double, kPad>;
using V = hn::Vec<D>;

// One vector of rows against all columns it has weights for; the sums over rows are a vector a column.
template <int kDims, bool kTriangle>
HWY_INLINE void Rows(const PairInput& in, const PairOutput& out, std::size_t i) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  V turned[kDims], moved[kDims];
  HWY_UNROLL(16) for (int k = 0; k < kDims; ++k) {
    turned[k] = hn::LoadU(d, in.turned + static_cast<std::size_t>(k) * in.padded + i);
    moved[k] = hn::Zero(d);
  }
  const V row = hn::LoadU(d, in.row + i);
  V row_weight = hn::Zero(d), row_sum = hn::Zero(d);
  if constexpr (!kTriangle) row_weight = hn::LoadU(d, in.row_weight + i);
  const std::size_t columns = kTriangle ? std::min(in.columns, i + lanes) : in.columns;
  const double* HWY_RESTRICT scaled = in.scaled;
  for (std::size_t j = 0; j < columns; ++j, scaled += kDims) {
    V exponent = hn::Add(row, hn::Set(d, in.column[j]));
    HWY_UNROLL(16)
    for (int k = 0; k < kDims; ++k) exponent = hn::MulAdd(turned[k], hn::Set(d, scaled[k]), exponent);
    V product = hn::Exp(d, hn::Min(exponent, hn::Set(d, 700.0)));
    if constexpr (kTriangle)
      product = hn::Mul(product, hn::LoadU(d, in.weights + j * in.padded + i));
    else
      product = hn::Mul(product, hn::Mul(row_weight, hn::Set(d, in.column_weight[j])));
    row_sum = hn::Add(row_sum, product);
    double* sum = out.lanes + j * lanes;
    hn::StoreU(hn::Add(hn::LoadU(d, sum), product), d, sum);
    HWY_UNROLL(16)
    for (int k = 0; k < kDims; ++k) moved[k] = hn::MulAdd(product, hn::Set(d, scaled[k]), moved[k]);
  }
  hn::StoreU(row_sum, d, out.row_sum + i);
  HWY_UNROLL(16)
  for (int k = 0; k < kDims; ++k)
    hn::StoreU(moved[k], d, out.moved + static_cast<std::size_t>(k) * in.padded + i);
}

// The same for any number of dimensions, with the sums of moved columns in memory.
template <bool kTriangle>
HWY_INLINE void ManyRows(const PairInput& in, const PairOutput& out, std::size_t i) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t k = 0; k < in.dims; ++k) hn::StoreU(hn::Zero(d), d, out.moved + k * in.padded + i);
  V row_sum = hn::Zero(d);
  const std::size_t columns = kTriangle ? std::min(in.columns, i + lanes) : in.columns;
  for (std::size_t j = 0; j < columns; ++j) {
    const double* HWY_RESTRICT scaled = in.scaled + j * in.dims;
    V exponent = hn::Add(hn::LoadU(d, in.row + i), hn::Set(d, in.column[j]));
    for (std::size_t k = 0; k < in.dims; ++k)
      exponent = hn::MulAdd(hn::LoadU(d, in.turned + k * in.padded + i), hn::Set(d, scaled[k]), exponent);
    V product = hn::Exp(d, hn::Min(exponent, hn::Set(d, 700.0)));
    if constexpr (kTriangle)
      product = hn::Mul(product, hn::LoadU(d, in.weights + j * in.padded + i));
    else
      product = hn::Mul(product, hn::Mul(hn::LoadU(d, in.row_weight + i), hn::Set(d, in.column_weight[j])));
    row_sum = hn::Add(row_sum, product);
    double* sum = out.lanes + j * lanes;
    hn::StoreU(hn::Add(hn::LoadU(d, sum), product), d, sum);
    for (std::size_t k = 0; k < in.dims; ++k) {
      double* moved = out.moved + k * in.padded + i;
      hn::StoreU(hn::MulAdd(product, hn::Set(d, scaled[k]), hn::LoadU(d, moved)), d, moved);
    }
  }
  hn::StoreU(row_sum, d, out.row_sum + i);
}

template <int kDims, bool kTriangle>
HWY_NOINLINE void AllRows(const PairInput& in, const PairOutput& out) {
  const std::size_t lanes = hn::Lanes(D());
  for (std::size_t i = 0; i < in.padded; i += lanes) {
    if constexpr (kDims > 0)
      Rows<kDims, kTriangle>(in, out, i);
    else
      ManyRows<kTriangle>(in, out, i);
  }
}

template <bool kTriangle>
void ByDimensions(const PairInput& in, const PairOutput& out) {
  switch (in.dims) {
    case 1:
      return AllRows<1, kTriangle>(in, out);
    case 2:
      return AllRows<2, kTriangle>(in, out);
    case 3:
      return AllRows<3, kTriangle>(in, out);
    case 4:
      return AllRows<4, kTriangle>(in, out);
    case 5:
      return AllRows<5, kTriangle>(in, out);
    case 6:
      return AllRows<6, kTriangle>(in, out);
    case 7:
      return AllRows<7, kTriangle>(in, out);
    case 8:
      return AllRows<8, kTriangle>(in, out);
    default:
      return AllRows<0, kTriangle>(in, out);
  }
}

void PairSums(const PairInput& in, const PairOutput& out) {
  std::fill_n(out.lanes, in.columns * kPad, 0.0);
  if (in.weights)
    ByDimensions<true>(in, out);
  else
    ByDimensions<false>(in, out);
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t j = 0; j < in.columns; ++j)
    out.column_sum[j] = hn::GetLane(hn::SumOfLanes(d, hn::LoadU(d, out.lanes + j * lanes)));
}

}  // namespace HWY_NAMESPACE
}  // namespace mbrl::moments
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mbrl::moments {
HWY_EXPORT(PairSums);
void pair_sums(const PairInput& in, const PairOutput& out) { HWY_DYNAMIC_DISPATCH(PairSums)(in, out); }
}  // namespace mbrl::moments
#endif
