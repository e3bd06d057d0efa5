// Compiled once for every instruction set and chosen at run time.
#include "models/gp/evidence_sums.hpp"

#include "simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/gp/evidence_sums.cpp"
#include <hwy/foreach_target.h>
// foreach_target must come first
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace mbrl::gp {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::CappedTag<double, 8>;
using V = hn::Vec<D>;

void AddEvidenceSumsImpl(const EvidenceSums& b) {
  constexpr Index kRows = EvidenceSums::kRows, kLanes = EvidenceSums::kLanes;
  const D d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  const V half = hn::Set(d, 0.5);
  HWY_ALIGN double weights[kRows];
  for (Index j = 0; j < b.cols; ++j) {
    const double* HWY_RESTRICT inverse = b.inverse + j * kRows;
    const double* HWY_RESTRICT k = b.k + j * b.ldk;
    const V beta = hn::Set(d, b.beta_cols[j]);
    V sum = hn::LoadU(d, b.sums);
    for (Index i = 0; i < kRows; i += lanes) {
      const V difference = hn::MulSub(hn::LoadU(d, b.beta_rows + i), beta, hn::LoadU(d, inverse + i));
      const V weight = hn::Mul(hn::Mul(half, difference), hn::LoadU(d, k + i));
      hn::Store(weight, d, weights + i);
      sum = hn::Add(sum, weight);
    }
    hn::StoreU(sum, d, b.sums);
    for (Index dim = 0; dim < b.dims; ++dim) {
      const double* HWY_RESTRICT rows = b.z_rows + dim * b.ldz;
      const V z = hn::Set(d, b.z_cols[dim * b.ldz + j]);
      double* squares = b.sums + (1 + dim) * kLanes;
      V first = hn::LoadU(d, squares), second = hn::Zero(d);
      Index i = 0;
      for (; i + 2 * lanes <= kRows; i += 2 * lanes) {
        const V x = hn::Sub(hn::LoadU(d, rows + i), z), y = hn::Sub(hn::LoadU(d, rows + i + lanes), z);
        first = hn::MulAdd(hn::Mul(hn::Load(d, weights + i), x), x, first);
        second = hn::MulAdd(hn::Mul(hn::Load(d, weights + i + lanes), y), y, second);
      }
      hn::StoreU(hn::Add(first, second), d, squares);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace mbrl::gp
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mbrl::gp {
HWY_EXPORT(AddEvidenceSumsImpl);

void add_evidence_sums(const EvidenceSums& block) { HWY_DYNAMIC_DISPATCH(AddEvidenceSumsImpl)(block); }
}  // namespace mbrl::gp
#endif
