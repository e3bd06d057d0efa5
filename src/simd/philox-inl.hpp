// Philox4x32-10 on one counter a lane: the same words as mbrl::philox4x32. Part of every file of kernels that includes
// it, once per instruction set.
#if defined(MBRL_SIMD_PHILOX_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef MBRL_SIMD_PHILOX_INL_HPP
#undef MBRL_SIMD_PHILOX_INL_HPP
#else
#define MBRL_SIMD_PHILOX_INL_HPP
#endif

#include <hwy/highway.h>

#include <array>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace mbrl::simd {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// 32 x 32 -> 64 bit products, split into words.
template <class DU, class VU = hn::Vec<DU>>
HWY_INLINE void multiply_wide(DU du, VU a, VU b, VU& high, VU& low) {
#if HWY_TARGET == HWY_SCALAR
  const std::uint64_t product = std::uint64_t{hn::GetLane(a)} * hn::GetLane(b);
  high = hn::Set(du, static_cast<std::uint32_t>(product >> 32));
  low = hn::Set(du, static_cast<std::uint32_t>(product));
#else
  const hn::Repartition<std::uint64_t, DU> dw;
  const auto even = hn::MulEven(a, b);
  const auto odd = hn::MulEven(hn::BitCast(du, hn::ShiftRight<32>(hn::BitCast(dw, a))), b);
  high = hn::OddEven(hn::BitCast(du, odd), hn::BitCast(du, hn::ShiftRight<32>(even)));
  low = hn::OddEven(hn::BitCast(du, hn::ShiftLeft<32>(odd)), hn::BitCast(du, even));
#endif
}

template <class DU, class VU = hn::Vec<DU>>
HWY_INLINE void philox(DU du, std::array<std::uint32_t, 2> key, VU& c0, VU& c1, VU& c2, VU& c3) {
  const VU m0 = hn::Set(du, 0xD2511F53u), m1 = hn::Set(du, 0xCD9E8D57u);
  for (int round = 0; round < 10; ++round) {
    VU high0, low0, high1, low1;
    multiply_wide(du, c0, m0, high0, low0);
    multiply_wide(du, c2, m1, high1, low1);
    c0 = hn::Xor(hn::Xor(high1, c1), hn::Set(du, key[0]));
    c2 = hn::Xor(hn::Xor(high0, c3), hn::Set(du, key[1]));
    c1 = low1;
    c3 = low0;
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace mbrl::simd
HWY_AFTER_NAMESPACE();

#endif
