// The counter of allocations itself: included by one source of a test program that counts.
#pragma once

#include <atomic>
#include <cstdlib>

#include "allocation_counter.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MBRL_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define MBRL_TEST_SANITIZED 1
#endif
#endif

namespace {
std::atomic<bool> counting{false};
std::atomic<std::int64_t> allocations{0};
}  // namespace

#if defined(__GLIBC__) && !defined(MBRL_TEST_SANITIZED)
namespace {
void count_one() {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1, std::memory_order_relaxed);
}
}  // namespace

// The C library lets a program define these; operator new and Eigen end up here.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void* malloc(std::size_t size) noexcept {
  count_one();
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) noexcept {
  count_one();
  return __libc_calloc(count, size);
}
void* realloc(void* old, std::size_t size) noexcept {
  count_one();
  return __libc_realloc(old, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  count_one();
  return __libc_memalign(alignment, size);
}
}
#endif

namespace mbrl::test {

bool can_count_allocations() {
#if defined(__GLIBC__) && !defined(MBRL_TEST_SANITIZED)
  return true;
#else
  return false;
#endif
}

void start_counting_allocations() {
  allocations = 0;
  counting = true;
}

std::int64_t stop_counting_allocations() {
  counting = false;
  return allocations;
}

}  // namespace mbrl::test
