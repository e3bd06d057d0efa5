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

constexpr double kExp[] = {0.50000000000000011,    0.16666666666666669,    0.041666666666624129,
                           0.0083333333333300615,  0.0013888888917213717,  0.00019841269863053618,
                           2.4801521295954376e-05, 2.7557268459997064e-06, 2.7620088445409746e-07,
                           2.510038549551032e-08};

// exp of kN vectors at once, up to e^700, and e^-708 for what is less: 2^k e^r with k whole and |r| <= 1/2 log 2, where e^r is
// 1 + r + r^2 q(r) with q of degree 9 through Chebyshev's points, within 1e-17. Each step is made of all vectors before
// the next: one alone would wait for itself.
template <int kN>
HWY_INLINE void Exponentials(D d, V* x) {
  // To a double of this size its whole part is added: k lies in the lowest bits.
  const V magic = hn::Set(d, 6755399441055744.0), per_log2 = hn::Set(d, 1.4426950408889634);
  const V log2_high = hn::Set(d, 6.93147180369123816490e-01),
          log2_low = hn::Set(d, 1.90821492927058770002e-10);
  V shifted[kN], r[kN], r2[kN], even[kN], odd[kN];
  HWY_UNROLL(4) for (int n = 0; n < kN; ++n) {
    x[n] = hn::Max(hn::Min(x[n], hn::Set(d, 700.0)), hn::Set(d, -708.0));
    shifted[n] = hn::MulAdd(x[n], per_log2, magic);
  }
  HWY_UNROLL(4) for (int n = 0; n < kN; ++n) r2[n] = hn::Sub(shifted[n], magic);
  HWY_UNROLL(4) for (int n = 0; n < kN; ++n) r[n] = hn::NegMulAdd(r2[n], log2_high, x[n]);
  HWY_UNROLL(4) for (int n = 0; n < kN; ++n) r[n] = hn::NegMulAdd(r2[n], log2_low, r[n]);
  HWY_UNROLL(4) for (int n = 0; n < kN; ++n) {
    r2[n] = hn::Mul(r[n], r[n]);
    even[n] = hn::Set(d, kExp[8]);
    odd[n] = hn::Set(d, kExp[9]);
  }
  HWY_UNROLL(4) for (int degree = 6; degree >= 0; degree -= 2) {
    HWY_UNROLL(4) for (int n = 0; n < kN; ++n) {
      even[n] = hn::MulAdd(even[n], r2[n], hn::Set(d, kExp[degree]));
      odd[n] = hn::MulAdd(odd[n], r2[n], hn::Set(d, kExp[degree + 1]));
    }
  }
  HWY_UNROLL(4) for (int n = 0; n < kN; ++n) even[n] = hn::MulAdd(odd[n], r[n], even[n]);
  HWY_UNROLL(4) for (int n = 0; n < kN; ++n) {
    const V power = hn::MulAdd(even[n], r2[n], hn::Add(r[n], hn::Set(d, 1.0)));
    const hn::RebindToSigned<D> whole;
    const auto exponent = hn::ShiftLeft<52>(hn::BitCast(whole, shifted[n]));
    x[n] = hn::BitCast(d, hn::Add(hn::BitCast(whole, power), exponent));
  }
}

template <int kDims, int kRows>
struct RowSums {
  V turned[kRows][kDims], moved[kRows][kDims], row[kRows], weight[kRows], sum[kRows];
};

// kRows vectors of rows against kCols columns.
template <int kDims, bool kTriangle, int kRows, int kCols>
HWY_INLINE void Columns(const PairInput& in, const PairOutput& out, std::size_t i, std::size_t j,
                        RowSums<kDims, kRows>& s) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  V e[kRows * kCols];
  HWY_UNROLL(2) for (int c = 0; c < kCols; ++c) {
    const V column = hn::Set(d, in.column[j + static_cast<std::size_t>(c)]);
    HWY_UNROLL(2) for (int r = 0; r < kRows; ++r) e[c * kRows + r] = hn::Add(s.row[r], column);
  }
  HWY_UNROLL(8) for (int k = 0; k < kDims; ++k) {
    HWY_UNROLL(2) for (int c = 0; c < kCols; ++c) {
      const V entry =
          hn::Set(d, in.scaled[(j + static_cast<std::size_t>(c)) * kDims + static_cast<std::size_t>(k)]);
      HWY_UNROLL(2)
      for (int r = 0; r < kRows; ++r) e[c * kRows + r] = hn::MulAdd(s.turned[r][k], entry, e[c * kRows + r]);
    }
  }
  Exponentials<kRows * kCols>(d, e);
  HWY_UNROLL(2) for (int c = 0; c < kCols; ++c) {
    const std::size_t at = j + static_cast<std::size_t>(c);
    double* lane = out.lanes + at * lanes;
    V sum = hn::LoadU(d, lane);
    HWY_UNROLL(2) for (int r = 0; r < kRows; ++r) {
      V& product = e[c * kRows + r];
      if constexpr (kTriangle)
        product = hn::Mul(
            product, hn::LoadU(d, in.weights + packed_weight(i, at) + static_cast<std::size_t>(r) * lanes));
      else
        product = hn::Mul(product, hn::Mul(s.weight[r], hn::Set(d, in.column_weight[at])));
      s.sum[r] = hn::Add(s.sum[r], product);
      sum = hn::Add(sum, product);
    }
    hn::StoreU(sum, d, lane);
  }
  HWY_UNROLL(8) for (int k = 0; k < kDims; ++k) {
    HWY_UNROLL(2) for (int c = 0; c < kCols; ++c) {
      const V entry =
          hn::Set(d, in.scaled[(j + static_cast<std::size_t>(c)) * kDims + static_cast<std::size_t>(k)]);
      HWY_UNROLL(2)
      for (int r = 0; r < kRows; ++r) s.moved[r][k] = hn::MulAdd(e[c * kRows + r], entry, s.moved[r][k]);
    }
  }
}

// kRows vectors of rows, from i on, against all columns they have weights for; the sums over rows are a vector a column.
template <int kDims, bool kTriangle, int kRows>
HWY_INLINE void Rows(const PairInput& in, const PairOutput& out, std::size_t i) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  RowSums<kDims, kRows> s;
  HWY_UNROLL(2) for (int r = 0; r < kRows; ++r) {
    const std::size_t at = i + static_cast<std::size_t>(r) * lanes;
    HWY_UNROLL(8) for (int k = 0; k < kDims; ++k) {
      s.turned[r][k] = hn::LoadU(d, in.turned + static_cast<std::size_t>(k) * in.padded + at);
      s.moved[r][k] = hn::Zero(d);
    }
    s.row[r] = hn::LoadU(d, in.row + at);
    s.sum[r] = hn::Zero(d);
    s.weight[r] = kTriangle ? s.sum[r] : hn::LoadU(d, in.row_weight + at);
  }
  const std::size_t columns = kTriangle ? std::min(in.columns, i + kRows * lanes) : in.columns;
  std::size_t j = 0;
  for (; j + 2 <= columns; j += 2) Columns<kDims, kTriangle, kRows, 2>(in, out, i, j, s);
  if (j < columns) Columns<kDims, kTriangle, kRows, 1>(in, out, i, j, s);
  HWY_UNROLL(2) for (int r = 0; r < kRows; ++r) {
    const std::size_t at = i + static_cast<std::size_t>(r) * lanes;
    hn::StoreU(s.sum[r], d, out.row_sum + at);
    HWY_UNROLL(8)
    for (int k = 0; k < kDims; ++k)
      hn::StoreU(s.moved[r][k], d, out.moved + static_cast<std::size_t>(k) * in.padded + at);
  }
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
      product = hn::Mul(product, hn::LoadU(d, in.weights + packed_weight(i, j)));
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
  std::size_t i = 0;
  if constexpr (kDims > 0) {
    for (; i + 2 * lanes <= in.padded; i += 2 * lanes) Rows<kDims, kTriangle, 2>(in, out, i);
    for (; i < in.padded; i += lanes) Rows<kDims, kTriangle, 1>(in, out, i);
  } else {
    for (; i < in.padded; i += lanes) ManyRows<kTriangle>(in, out, i);
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
