// fork() is counted by a handler that runs in every child.
#include "mbrl/core/fork.hpp"

#include <pthread.h>

#include <atomic>

namespace mbrl {
namespace {

// Lock-free, as a child may only do what a signal handler may.
std::atomic<unsigned> forks{0};
static_assert(std::atomic<unsigned>::is_always_lock_free);

void count_forks() {
  [[maybe_unused]] static const int registered =
      ::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1, std::memory_order_relaxed); });
}

}  // namespace

ProcessOfOrigin::ProcessOfOrigin() {
  count_forks();
  forks_ = forks.load(std::memory_order_relaxed);
}

bool ProcessOfOrigin::is_elsewhere() const { return forks.load(std::memory_order_relaxed) != forks_; }

}  // namespace mbrl
