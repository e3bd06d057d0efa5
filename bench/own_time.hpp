// Time that this process had on the cores, for benchmarks of one thread: on a machine that others use too, what they took
// does not count, though they still slow the caches and a core's two threads down.
#pragma once

#include <algorithm>
#include <ctime>

#include "simd/fma_peak.hpp"

namespace mbrl {

inline double own_seconds() {
  std::timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// The multiply-add peak of one thread in that time and precision, flops a second, measured for some milliseconds.
template <class Real = float>
double own_fma_peak() {
  Real sink = 0;
  double best = 0;
  for (int i = 0; i < 5; ++i) {
    const double start = own_seconds(), flops = simd::fma_rounds(1'000'000, &sink);
    best = std::max(best, flops / (own_seconds() - start));
  }
  return best;
}

}  // namespace mbrl
