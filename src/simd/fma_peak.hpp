// The machine's multiply-add peak: what the benchmarks measure the kernels against.
#pragma once

#include "mbrl/core/thread_pool.hpp"

namespace mbrl::simd {

// Flops done by `rounds` rounds of independent multiply-adds in registers, with the widest vectors the
// kernels use, on the calling thread. `sink` takes one float, so that nothing is optimised away.
double fma_rounds(long rounds, float* sink);
double fma_rounds(long rounds, double* sink);  // in double precision

// Measures for about `seconds` on all threads of the pool at once; flops a second.
double fma_peak(ThreadPool& pool, double seconds);
double fma_peak_double(ThreadPool& pool, double seconds);

}  // namespace mbrl::simd
