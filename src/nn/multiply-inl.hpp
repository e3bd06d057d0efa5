// The products of networks, vectorised over the columns of their result: one small kernel, and what goes in
// front of and behind it. Part of every file of kernels that includes it, once per instruction set.
//   activations  [feature][sample], rows padded to a multiple of kPad samples;
//   weights      [output / kPad][input][kPad]: panels of kPad outputs, so that every pass reads them in runs.
#if defined(MBRL_NN_MULTIPLY_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef MBRL_NN_MULTIPLY_INL_HPP
#undef MBRL_NN_MULTIPLY_INL_HPP
#else
#define MBRL_NN_MULTIPLY_INL_HPP
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstddef>

#include "mbrl/nn/activation.hpp"
#include "nn/adam_numbers.hpp"
#include "nn/padding.hpp"

HWY_BEFORE_NAMESPACE();
namespace mbrl::nn {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::CappedTag<float, kPad>;
using V = hn::Vec<D>;

// Rows of a tile: with two vectors a row, enough independent sums to hide the latency of a multiply-add.
// Divides kPad, so that a tile's rows lie in one panel of the weights.
#if HWY_TARGET <= HWY_AVX3
constexpr int kRows = 8;
#else
constexpr int kRows = 4;
#endif

// exp, kept out of the range where it overflows.
HWY_INLINE V exp_of(D d, V x) { return hn::Exp(d, hn::Min(x, hn::Set(d, 80.0f))); }

HWY_INLINE V sigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  return hn::Div(one, hn::Add(one, exp_of(d, hn::Neg(x))));
}

// tanh within 4 units in the last place: the ratio of polynomials of Eigen's vectorised tanh, at half the cost of
// Highway's, which goes by way of e^x - 1. From 7.9 on it is 1 to within a rounding.
HWY_INLINE V tanh_of(D d, V z) {
  const V x = hn::Min(hn::Max(z, hn::Set(d, -7.90531110763549805f)), hn::Set(d, 7.90531110763549805f));
  const V square = hn::Mul(x, x);
  V above = hn::MulAdd(square, hn::Set(d, -2.76076847742355e-16f), hn::Set(d, 2.00018790482477e-13f));
  above = hn::MulAdd(square, above, hn::Set(d, -8.60467152213735e-11f));
  above = hn::MulAdd(square, above, hn::Set(d, 5.12229709037114e-08f));
  above = hn::MulAdd(square, above, hn::Set(d, 1.48572235717979e-05f));
  above = hn::MulAdd(square, above, hn::Set(d, 6.37261928875436e-04f));
  above = hn::MulAdd(square, above, hn::Set(d, 4.89352455891786e-03f));
  V below = hn::MulAdd(square, hn::Set(d, 1.19825839466702e-06f), hn::Set(d, 1.18534705686654e-04f));
  below = hn::MulAdd(square, below, hn::Set(d, 2.26843463243900e-03f));
  below = hn::MulAdd(square, below, hn::Set(d, 4.89352518554385e-03f));
  return hn::Div(hn::Mul(x, above), below);
}

// log(1 + e^x) without overflow.
HWY_INLINE V softplus(D d, V x) {
  return hn::Add(hn::Max(x, hn::Zero(d)), hn::Log1p(d, hn::Exp(d, hn::Neg(hn::Abs(x)))));
}

// Where A(m, k) of a product is: base + m * row + k * column, for up to `run` consecutive k; the next run
// begins `jump` floats later.
struct Operand {
  const float* base;
  std::size_t row, column, run, jump;
};

// C(m, n) = sum over k of A(m, k) B(k, n) for kM rows from m0 and kN vectors of columns from n0; B is
// [k][ldb]. The sum runs over k in order, so no result depends on the vector length. kUnitRow: a.row is 1,
// else a.column is 1.
template <int kM, int kN, bool kUnitRow, class Epilogue>
HWY_INLINE void tile(const Operand& a, const float* HWY_RESTRICT b, std::size_t ldb, std::size_t depth,
                     const Epilogue& epilogue, std::size_t m0, std::size_t n0) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  V acc[kM][kN];
#pragma GCC unroll 16
  for (int m = 0; m < kM; ++m)
#pragma GCC unroll 8
    for (int n = 0; n < kN; ++n) acc[m][n] = hn::Zero(d);
  const float* HWY_RESTRICT from = a.base;
  for (std::size_t k0 = 0; k0 < depth; k0 += a.run, from += a.jump) {
    const std::size_t count = std::min(a.run, depth - k0);
    for (std::size_t k = 0; k < count; ++k, b += ldb) {
      V row[kN];
#pragma GCC unroll 8
      for (int n = 0; n < kN; ++n) row[n] = hn::Load(d, b + static_cast<std::size_t>(n) * lanes);
#pragma GCC unroll 16
      for (int m = 0; m < kM; ++m) {
        const auto row_index = static_cast<std::size_t>(m);
        const V factor = hn::Set(d, from[kUnitRow ? k * a.column + row_index : row_index * a.row + k]);
#pragma GCC unroll 8
        for (int n = 0; n < kN; ++n) acc[m][n] = hn::MulAdd(factor, row[n], acc[m][n]);
      }
    }
  }
#pragma GCC unroll 16
  for (int m = 0; m < kM; ++m)
#pragma GCC unroll 8
    for (int n = 0; n < kN; ++n)
      epilogue(d, m0 + static_cast<std::size_t>(m), n0 + static_cast<std::size_t>(n) * lanes, acc[m][n]);
}

// Columns [first, columns) of kM rows from m on, kN vectors at a time, then the rest.
template <int kM, int kN, bool kUnitRow, class Epilogue>
HWY_INLINE void tile_row(const Operand& a, const float* b, std::size_t ldb, std::size_t first,
                         std::size_t columns, std::size_t depth, const Epilogue& epilogue, std::size_t m) {
  const std::size_t lanes = hn::Lanes(D());
  std::size_t n = first;
  for (; n + kN * lanes <= columns; n += kN * lanes)
    tile<kM, kN, kUnitRow>(a, b + n, ldb, depth, epilogue, m, n);
  if constexpr (kN > 1) tile_row<kM, kN / 2, kUnitRow>(a, b, ldb, n, columns, depth, epilogue, m);
}

// C for all rows and columns [0, columns); `operand(m)` gives A from row m on. `columns` is a multiple of the vector
// length. Two vectors of columns at a time for all rows, so that they stay in cache while A passes by; then the rows
// that are no full tile, which have more columns instead, to hide the latency of a multiply-add.
template <bool kUnitRow, class OperandAt, class Epilogue>
HWY_INLINE void multiply(std::size_t rows, std::size_t columns, std::size_t depth, const OperandAt& operand,
                         const float* b, std::size_t ldb, const Epilogue& epilogue) {
  const std::size_t panel = 2 * hn::Lanes(D()), full = rows / kRows * kRows;
  for (std::size_t n = 0; n < columns; n += panel)
    for (std::size_t m = 0; m < full; m += kRows)
      tile_row<kRows, 2, kUnitRow>(operand(m), b, ldb, n, std::min(columns, n + panel), depth, epilogue, m);
  std::size_t m = full;
  if (m + 4 <= rows) {
    tile_row<4, 4, kUnitRow>(operand(m), b, ldb, 0, columns, depth, epilogue, m);
    m += 4;
  }
  if (m + 2 <= rows) {
    tile_row<2, 4, kUnitRow>(operand(m), b, ldb, 0, columns, depth, epilogue, m);
    m += 2;
  }
  if (m < rows) tile_row<1, 8, kUnitRow>(operand(m), b, ldb, 0, columns, depth, epilogue, m);
}

// Weights as the left operand: rows are outputs, the sum runs over inputs.
struct WeightRows {
  const float* weight;
  std::size_t in;
  HWY_INLINE Operand operator()(std::size_t m) const {
    return {weight + m / kPad * in * kPad + m % kPad, 1, kPad, in, 0};
  }
};

// Their transpose: rows are inputs, the sum runs over outputs, panel by panel.
struct WeightColumns {
  const float* weight;
  std::size_t in;
  HWY_INLINE Operand operator()(std::size_t m) const { return {weight + m * kPad, kPad, 1, kPad, in * kPad}; }
};

// Activations [feature][sample]: rows are features, the sum runs over samples.
struct SampleRows {
  const float* base;
  std::size_t ld, samples;
  HWY_INLINE Operand operator()(std::size_t m) const { return {base + m * ld, ld, 1, samples, 0}; }
};

// y = product + bias.
struct StoreEpilogue {
  const float* bias;
  float* y;
  std::size_t ld;
  HWY_INLINE void operator()(D d, std::size_t m, std::size_t n, V acc) const {
    hn::Store(hn::Add(acc, hn::Set(d, bias[m])), d, y + m * ld + n);
  }
};

// f(z) and f'(z).
template <Activation kActivation>
HWY_INLINE void activate(D d, V z, V& value, V& slope) {
  const V one = hn::Set(d, 1.0f);
  if constexpr (kActivation == Activation::kSilu) {
    const V s = sigmoid(d, z);
    value = hn::Mul(z, s);
    slope = hn::MulAdd(value, hn::Sub(one, s), s);
  } else if constexpr (kActivation == Activation::kRelu) {
    value = hn::Max(hn::Zero(d), z);
    slope = hn::IfThenElseZero(hn::Gt(z, hn::Zero(d)), one);
  } else if constexpr (kActivation == Activation::kElu) {
    const V below = hn::Sub(exp_of(d, hn::Min(z, hn::Zero(d))), one);
    const auto positive = hn::Gt(z, hn::Zero(d));
    value = hn::IfThenElse(positive, z, below);
    slope = hn::IfThenElse(positive, one, hn::Add(below, one));
  } else {
    value = tanh_of(d, z);
    slope = hn::NegMulAdd(value, value, one);
  }
  // Highway's functions swallow a NaN; an input without a value must not look like one that has one.
  if constexpr (kActivation != Activation::kSilu) value = hn::IfThenElse(hn::IsNaN(z), z, value);
}

// y = f(product + bias) of the rectifier, straight from registers.
struct RectifierEpilogue {
  const float* bias;
  float* y;
  std::size_t ld;
  HWY_INLINE void operator()(D d, std::size_t m, std::size_t n, V acc) const {
    V value, slope;
    activate<Activation::kRelu>(d, hn::Add(acc, hn::Set(d, bias[m])), value, slope);
    hn::Store(value, d, y + m * ld + n);
  }
};

// y = f(z) in place, and the slope (null: not wanted). Apart from the products, but for the rectifier above: inlined
// behind their sums, the other activations' constants take the registers of the sums, and compilers take minutes.
template <Activation kActivation>
void activate_rows(float* y, float* slope, std::size_t rows, std::size_t columns, std::size_t ld) {
  const D d;
  for (std::size_t m = 0; m < rows; ++m)
    for (std::size_t n = 0; n < columns; n += hn::Lanes(d)) {
      V value, derivative;
      activate<kActivation>(d, hn::Load(d, y + m * ld + n), value, derivative);
      hn::Store(value, d, y + m * ld + n);
      if (slope) hn::Store(derivative, d, slope + m * ld + n);
    }
}

// A moment whose gradient stays 0, a unit's that a rectifier has switched off, decays to a denormal number and remains
// one, on which arithmetic takes many times as long: below this it is 0. A NaN stays.
HWY_INLINE V no_denormals(D d, V moment) {
  return hn::IfThenZeroElse(hn::Lt(hn::Abs(moment), hn::Set(d, 1e-37f)), moment);
}

// Adam (Kingma and Ba 2015, algorithm 1) on one vector of parameters; the gradient is scaled already.
HWY_INLINE void adam(D d, V gradient, const AdamNumbers& a, float* w, float* m, float* v) {
  const V new_m = no_denormals(
      d, hn::MulAdd(hn::Set(d, 1.0f - a.beta1), gradient, hn::Mul(hn::Set(d, a.beta1), hn::Load(d, m))));
  const V new_v = no_denormals(d, hn::MulAdd(hn::Mul(hn::Set(d, 1.0f - a.beta2), gradient), gradient,
                                             hn::Mul(hn::Set(d, a.beta2), hn::Load(d, v))));
  const V scale = hn::MulAdd(hn::Sqrt(new_v), hn::Set(d, a.root), hn::Set(d, a.epsilon));
  hn::Store(new_m, d, m);
  hn::Store(new_v, d, v);
  hn::Store(hn::Sub(hn::Load(d, w), hn::Div(hn::Mul(hn::Set(d, a.rate), new_m), scale)), d, w);
}

}  // namespace HWY_NAMESPACE
}  // namespace mbrl::nn
HWY_AFTER_NAMESPACE();
#endif
