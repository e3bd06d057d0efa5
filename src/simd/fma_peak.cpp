// Measures the multiply-add peak with the vector width that the kernels choose at run time.
#include "simd/fma_peak.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

#include "simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "simd/fma_peak.cpp"
#include "hwy/foreach_target.h"

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace mbrl::simd {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
HWY_INLINE double FmaRoundsOf(long rounds, T* sink) {
  using D = hn::ScalableTag<T>;
  const D d;
  constexpr int kChains = 12;  // more than latency times throughput of any processor's multiply-add
  hn::Vec<D> sum[kChains];
  for (int i = 0; i < kChains; ++i) sum[i] = hn::Set(d, static_cast<T>(i));
  const auto half = hn::Set(d, T(0.5)), one = hn::Set(d, T(1));
  for (long r = 0; r < rounds; ++r) {
    HWY_UNROLL(12) for (int i = 0; i < kChains; ++i) sum[i] = hn::MulAdd(sum[i], half, one);
  }
  auto total = sum[0];
  for (int i = 1; i < kChains; ++i) total = hn::Add(total, sum[i]);
  *sink = hn::GetLane(hn::SumOfLanes(d, total));
  return 2.0 * kChains * static_cast<double>(hn::Lanes(d)) * static_cast<double>(rounds);
}

double FmaRounds(long rounds, float* sink) { return FmaRoundsOf(rounds, sink); }
double FmaRoundsDouble(long rounds, double* sink) { return FmaRoundsOf(rounds, sink); }

}  // namespace HWY_NAMESPACE
}  // namespace mbrl::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mbrl::simd {
HWY_EXPORT(FmaRounds);
HWY_EXPORT(FmaRoundsDouble);
double fma_rounds(long rounds, float* sink) { return HWY_DYNAMIC_DISPATCH(FmaRounds)(rounds, sink); }
double fma_rounds(long rounds, double* sink) { return HWY_DYNAMIC_DISPATCH(FmaRoundsDouble)(rounds, sink); }

namespace {
template <class T>
double measured_peak(ThreadPool& pool, double seconds) {
  using Clock = std::chrono::steady_clock;
  constexpr long kRounds = 20000;  // a fraction of a millisecond
  const int tasks = 8 * pool.size();
  std::vector<T> sinks(static_cast<std::size_t>(tasks));
  long repeat = 1;
  for (;;) {  // lengthen the measurement until it lasts as long as asked
    std::vector<double> flops(static_cast<std::size_t>(tasks));
    const auto start = Clock::now();
    pool.run(tasks, [&](int i) {
      flops[static_cast<std::size_t>(i)] = fma_rounds(repeat * kRounds, &sinks[static_cast<std::size_t>(i)]);
    });
    const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    double total = 0.0;
    for (const double f : flops) total += f;
    if (elapsed >= 0.7 * seconds) return total / elapsed;
    repeat = std::max(repeat + 1, static_cast<long>(static_cast<double>(repeat) * seconds / elapsed));
  }
}
}  // namespace

double fma_peak(ThreadPool& pool, double seconds) { return measured_peak<float>(pool, seconds); }
double fma_peak_double(ThreadPool& pool, double seconds) { return measured_peak<double>(pool, seconds); }
}  // namespace mbrl::simd
#endif
