// Counts heap allocations of the whole test program, by whatever road they are asked for: Eigen calls malloc,
// not operator new. allocation_hook.hpp holds the hook.
#pragma once

#include <cstdint>
#include <utility>

namespace mbrl::test {

// False where malloc cannot be replaced: under the sanitizers, and elsewhere than with glibc.
bool can_count_allocations();

void start_counting_allocations();
std::int64_t stop_counting_allocations();  // how many since the start, on all threads

template <class F>
std::int64_t allocations_during(F&& work) {
  start_counting_allocations();
  std::forward<F>(work)();
  return stop_counting_allocations();
}

}  // namespace mbrl::test
