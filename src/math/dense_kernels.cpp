// Small dense linear algebra, compiled once for each instruction set and chosen at run time by Highway. Rows
// are taken in vectors; where they do not divide evenly the last vector overlaps the one before: the same
// numbers are computed twice, which is why results never share memory with what they are made from.
#include "mbrl/math/dense_kernels.hpp"

#include <algorithm>
#include <cstddef>

#include "simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "math/dense_kernels.cpp"
#include "hwy/foreach_target.h"

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace mbrl::dense {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// 32 registers hold 24 sums, three columns' vectors and a broadcast entry; 16 registers hold 12 sums.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr int kColumns = 8;
#else
constexpr int kColumns = 4;
#endif
constexpr int kVectors = 3;
constexpr int kGainVectors = 6;
constexpr std::size_t kMaxLanes = 8;

template <int kR, int kC, bool kSubtract, class D>
HWY_INLINE void ProductTile(D d, const Product& p, const Index* HWY_RESTRICT row, Index j) {
  using V = hn::Vec<D>;
  V sum[kR][kC];
  const double* HWY_RESTRICT a = p.a;
  const double* HWY_RESTRICT b = p.b + j * p.b_col;
  if (p.c != nullptr) {
    HWY_UNROLL(8) for (int c = 0; c < kC; ++c) {
      HWY_UNROLL(3) for (int r = 0; r < kR; ++r) sum[r][c] = hn::LoadU(d, p.c + row[r] + (j + c) * p.ldc);
    }
  } else {
    HWY_UNROLL(8) for (int c = 0; c < kC; ++c) {
      HWY_UNROLL(3) for (int r = 0; r < kR; ++r) sum[r][c] = hn::Zero(d);
    }
  }
  for (Index k = 0; k < p.depth; ++k) {
    V column[kR];
    HWY_UNROLL(3) for (int r = 0; r < kR; ++r) column[r] = hn::LoadU(d, a + row[r]);
    HWY_UNROLL(8) for (int c = 0; c < kC; ++c) {
      const V entry = hn::Set(d, b[c * p.b_col]);
      HWY_UNROLL(3) for (int r = 0; r < kR; ++r) {
        sum[r][c] =
            kSubtract ? hn::NegMulAdd(column[r], entry, sum[r][c]) : hn::MulAdd(column[r], entry, sum[r][c]);
      }
    }
    a += p.lda;
    b += p.b_row;
  }
  HWY_UNROLL(8) for (int c = 0; c < kC; ++c) {
    HWY_UNROLL(3) for (int r = 0; r < kR; ++r) hn::StoreU(sum[r][c], d, p.d + row[r] + (j + c) * p.ldd);
  }
}

// The tile of run-time width 1 to kC.
template <int kR, int kC, bool kSubtract, class D>
HWY_INLINE void ProductTileOf(D d, const Product& p, const Index* row, Index j, Index width) {
  if constexpr (kC > 1) {
    if (width < kC) {
      ProductTileOf<kR, kC - 1, kSubtract>(d, p, row, j, width);
      return;
    }
  }
  ProductTile<kR, kC, kSubtract>(d, p, row, j);
}

// Columns are dealt out evenly: 49 of them are seven times 7 rather than six times 8 and a thin rest, whose
// few sums would wait for one another.
template <int kR, bool kSubtract, class D>
HWY_INLINE void ProductColumns(D d, const Product& p, const Index* row, Index begin, Index end) {
  const Index tiles = (end - begin + kColumns - 1) / kColumns;
  for (Index i = 0, j = begin; i < tiles; ++i) {
    const Index next = begin + (end - begin) * (i + 1) / tiles;
    ProductTileOf<kR, kColumns, kSubtract>(d, p, row, j, next - j);
    j = next;
  }
}

template <bool kSubtract, class D>
HWY_INLINE void ProductRows(D d, const Product& p) {
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  const Index vectors = (p.rows + lanes - 1) / lanes;
  const Index tiles = (vectors + kVectors - 1) / kVectors;
  for (Index tile = 0; tile < tiles; ++tile) {
    const Index begin = vectors * tile / tiles, count = vectors * (tile + 1) / tiles - begin;
    Index row[kVectors] = {};
    for (Index r = 0; r < count; ++r) row[r] = std::min((begin + r) * lanes, p.rows - lanes);
    // Of a lower triangle the vector at row r ends with column r + lanes: the first columns need all vectors,
    // the next ones all but the first, and so on.
    const auto ends = [&](Index r) { return p.lower ? std::min(p.cols, row[r] + lanes) : p.cols; };
    Index j = ends(0);
    if (count == 3) {
      ProductColumns<3, kSubtract>(d, p, row, 0, j);
      ProductColumns<2, kSubtract>(d, p, row + 1, j, ends(1));
      ProductColumns<1, kSubtract>(d, p, row + 2, ends(1), ends(2));
    } else if (count == 2) {
      ProductColumns<2, kSubtract>(d, p, row, 0, j);
      ProductColumns<1, kSubtract>(d, p, row + 1, j, ends(1));
    } else {
      ProductColumns<1, kSubtract>(d, p, row, 0, j);
    }
  }
}

// Calls work(tag) with the widest vectors that `rows` fill.
template <std::size_t kLanes, class Work>
HWY_INLINE void WithLanes(Index rows, const Work& work) {
  const hn::CappedTag<double, kLanes> d;
  if constexpr (kLanes > 1) {
    if (rows < static_cast<Index>(hn::Lanes(d))) {
      WithLanes<kLanes / 2>(rows, work);
      return;
    }
  }
  work(d);
}

struct ProductWork {
  const Product& p;
  template <class D>
  HWY_INLINE void operator()(D d) const {
    if (p.subtract)
      ProductRows<true>(d, p);
    else
      ProductRows<false>(d, p);
  }
};

void ProductImpl(const Product& p) {
  if (p.rows > 0) WithLanes<kMaxLanes>(p.rows, ProductWork{p});
}

// Blocks of four by four entries, where vectors are wide enough, then of two by two.
void TransposeImpl(Index rows, Index cols, const double* a, Index lda, double* out, Index ldout) {
  Index done = 0;  // columns of a
#if HWY_TARGET != HWY_SCALAR
#if HWY_MAX_BYTES >= 32
  const hn::CappedTag<double, 4> wide;
  for (; done + 4 <= cols; done += 4) {
    const double* from = a + done * lda;
    double* to = out + done;
    Index i = 0;
    for (; i + 4 <= rows; i += 4, to += 4 * ldout) {
      const auto w = hn::LoadU(wide, from + i), x = hn::LoadU(wide, from + i + lda);
      const auto y = hn::LoadU(wide, from + i + 2 * lda), z = hn::LoadU(wide, from + i + 3 * lda);
      const auto wx_even = hn::InterleaveLower(wide, w, x), wx_odd = hn::InterleaveUpper(wide, w, x);
      const auto yz_even = hn::InterleaveLower(wide, y, z), yz_odd = hn::InterleaveUpper(wide, y, z);
      hn::StoreU(hn::ConcatLowerLower(wide, yz_even, wx_even), wide, to);
      hn::StoreU(hn::ConcatLowerLower(wide, yz_odd, wx_odd), wide, to + ldout);
      hn::StoreU(hn::ConcatUpperUpper(wide, yz_even, wx_even), wide, to + 2 * ldout);
      hn::StoreU(hn::ConcatUpperUpper(wide, yz_odd, wx_odd), wide, to + 3 * ldout);
    }
    for (; i < rows; ++i, to += ldout)
      for (Index j = 0; j < 4; ++j) to[j] = from[i + j * lda];
  }
#endif
  const hn::CappedTag<double, 2> d;
  for (; done + 2 <= cols; done += 2) {
    const double* first = a + done * lda;
    const double* second = first + lda;
    double* to = out + done;
    Index i = 0;
    for (; i + 2 <= rows; i += 2, to += 2 * ldout) {
      const auto x = hn::LoadU(d, first + i), y = hn::LoadU(d, second + i);
      hn::StoreU(hn::InterleaveLower(d, x, y), d, to);
      hn::StoreU(hn::InterleaveUpper(d, x, y), d, to + ldout);
    }
    if (i < rows) {
      to[0] = first[i];
      to[1] = second[i];
    }
  }
#endif
  for (; done < cols; ++done)
    for (Index i = 0; i < rows; ++i) out[done + i * ldout] = a[i + done * lda];
}

void MirrorLowerImpl(Index n, double* a, Index lda) {
  constexpr Index kBlock = 4;
  for (Index j = 0; j < n; j += kBlock) {
    const Index width = std::min<Index>(kBlock, n - j);
    for (Index c = 1; c < width; ++c)
      for (Index r = 0; r < c; ++r) a[j + r + (j + c) * lda] = a[j + c + (j + r) * lda];
    if (j + width < n)
      TransposeImpl(n - j - width, width, a + j + width + j * lda, lda, a + j + (j + width) * lda, lda);
  }
}

struct TransposedTimesWork {
  Index rows, cols;
  const double* a;
  Index lda;
  const double* x;
  const double* c;
  double* out;

  template <int kC, class D>
  HWY_INLINE void Columns(D d, Index j) const {
    using V = hn::Vec<D>;
    const auto lanes = static_cast<Index>(hn::Lanes(d));
    V sum[kC];
    HWY_UNROLL(4) for (int i = 0; i < kC; ++i) sum[i] = hn::Zero(d);
    Index k = 0;
    for (; k + lanes <= rows; k += lanes) {
      const V part = hn::LoadU(d, x + k);
      HWY_UNROLL(4) for (int i = 0; i < kC; ++i) {
        sum[i] = hn::MulAdd(part, hn::LoadU(d, a + k + (j + i) * lda), sum[i]);
      }
    }
    if (k < rows) {  // the last vector overlaps: what was added already is masked out
      const auto seen = hn::FirstN(d, static_cast<std::size_t>(lanes - (rows - k)));
      k = rows - lanes;
      const V part = hn::IfThenZeroElse(seen, hn::LoadU(d, x + k));
      HWY_UNROLL(4) for (int i = 0; i < kC; ++i) {
        sum[i] = hn::MulAdd(part, hn::LoadU(d, a + k + (j + i) * lda), sum[i]);
      }
    }
    HWY_UNROLL(4) for (int i = 0; i < kC; ++i) {
      out[j + i] = hn::GetLane(hn::SumOfLanes(d, sum[i])) + (c != nullptr ? c[j + i] : 0.0);
    }
  }
  template <class D>
  HWY_INLINE void operator()(D d) const {
    Index j = 0;
    for (; j + 4 <= cols; j += 4) Columns<4>(d, j);
    for (; j < cols; ++j) Columns<1>(d, j);
  }
};

void TransposedTimesImpl(Index rows, Index cols, const double* a, Index lda, const double* x, const double* c,
                         double* out) {
  if (rows > 0) WithLanes<kMaxLanes>(rows, TransposedTimesWork{rows, cols, a, lda, x, c, out});
}

struct SolveGainWork {
  Index rows, n;
  const double* l;
  Index ldl;
  const double* inverse_diagonal;
  const double* q;
  Index ldq;
  double* y;
  Index ldy;
  double* g;
  Index ldg;

  template <int kR, class D>
  HWY_INLINE void Rows(D d, const Index* HWY_RESTRICT row) const {
    using V = hn::Vec<D>;
    V sum[kR];
    for (Index j = 0; j < n; ++j) {
      HWY_UNROLL(6) for (int r = 0; r < kR; ++r) sum[r] = hn::LoadU(d, q + row[r] + j * ldq);
      for (Index i = 0; i < j; ++i) {
        const V entry = hn::Set(d, l[j + i * ldl]);
        HWY_UNROLL(6) for (int r = 0; r < kR; ++r) {
          sum[r] = hn::NegMulAdd(hn::LoadU(d, y + row[r] + i * ldy), entry, sum[r]);
        }
      }
      const V scale = hn::Set(d, inverse_diagonal[j]);
      HWY_UNROLL(6) for (int r = 0; r < kR; ++r) hn::StoreU(hn::Mul(sum[r], scale), d, y + row[r] + j * ldy);
    }
    for (Index j = n; j-- > 0;) {
      HWY_UNROLL(6) for (int r = 0; r < kR; ++r) sum[r] = hn::Neg(hn::LoadU(d, y + row[r] + j * ldy));
      for (Index i = j + 1; i < n; ++i) {
        const V entry = hn::Set(d, l[i + j * ldl]);
        HWY_UNROLL(6) for (int r = 0; r < kR; ++r) {
          sum[r] = hn::NegMulAdd(hn::LoadU(d, g + row[r] + i * ldg), entry, sum[r]);
        }
      }
      const V scale = hn::Set(d, inverse_diagonal[j]);
      HWY_UNROLL(6) for (int r = 0; r < kR; ++r) hn::StoreU(hn::Mul(sum[r], scale), d, g + row[r] + j * ldg);
    }
  }
  template <class D>
  HWY_INLINE void operator()(D d) const {
    const auto lanes = static_cast<Index>(hn::Lanes(d));
    const Index vectors = (rows + lanes - 1) / lanes;
    // Every entry waits for the one before: the more vectors take turns the better.
    for (Index v = 0; v < vectors; v += kGainVectors) {
      const Index count = std::min<Index>(kGainVectors, vectors - v);
      Index row[kGainVectors] = {};
      for (Index r = 0; r < count; ++r) row[r] = std::min((v + r) * lanes, rows - lanes);
      RowsOf<kGainVectors>(d, row, count);
    }
  }
  template <int kR, class D>
  HWY_INLINE void RowsOf(D d, const Index* row, Index count) const {
    if constexpr (kR > 1) {
      if (count < kR) {
        RowsOf<kR - 1>(d, row, count);
        return;
      }
    }
    Rows<kR>(d, row);
  }
};

void SolveGainImpl(Index rows, Index n, const double* l, Index ldl, const double* inverse_diagonal,
                   const double* q, Index ldq, double* y, Index ldy, double* g, Index ldg) {
  if (rows > 0)
    WithLanes<kMaxLanes>(rows, SolveGainWork{rows, n, l, ldl, inverse_diagonal, q, ldq, y, ldy, g, ldg});
}

}  // namespace HWY_NAMESPACE
}  // namespace mbrl::dense
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mbrl::dense {
HWY_EXPORT(ProductImpl);
HWY_EXPORT(TransposeImpl);
HWY_EXPORT(MirrorLowerImpl);
HWY_EXPORT(TransposedTimesImpl);
HWY_EXPORT(SolveGainImpl);

void product(const Product& p) { HWY_DYNAMIC_DISPATCH(ProductImpl)(p); }
void transpose(Index rows, Index cols, const double* a, Index lda, double* out, Index ldout) {
  HWY_DYNAMIC_DISPATCH(TransposeImpl)(rows, cols, a, lda, out, ldout);
}
void mirror_lower(Index n, double* a, Index lda) { HWY_DYNAMIC_DISPATCH(MirrorLowerImpl)(n, a, lda); }
void transposed_times(Index rows, Index cols, const double* a, Index lda, const double* x, const double* c,
                      double* out) {
  HWY_DYNAMIC_DISPATCH(TransposedTimesImpl)(rows, cols, a, lda, x, c, out);
}
void solve_gain(Index rows, Index n, const double* l, Index ldl, const double* inverse_diagonal,
                const double* q, Index ldq, double* y, Index ldy, double* g, Index ldg) {
  HWY_DYNAMIC_DISPATCH(SolveGainImpl)(rows, n, l, ldl, inverse_diagonal, q, ldq, y, ldy, g, ldg);
}
}  // namespace mbrl::dense
#endif
