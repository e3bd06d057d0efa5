// After fork() a child says that it has no threads instead of waiting for them for ever.
#include "mbrl/core/fork.hpp"

#include <atomic>
#include <memory>
#include <thread>

#include "catch.hpp"
#include "core/child_process.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/core/thread_pool.hpp"

using namespace mbrl;

namespace {

// The thread sanitizer ends a child of a process with threads that starts threads itself.
#if defined(__has_feature)  // clang
#if __has_feature(thread_sanitizer)
#define MBRL_THREAD_SANITIZER
#endif
#elif defined(__SANITIZE_THREAD__)
#define MBRL_THREAD_SANITIZER
#endif
#ifdef MBRL_THREAD_SANITIZER
constexpr bool kChildMayStartThreads = false;
#else
constexpr bool kChildMayStartThreads = true;
#endif
#undef MBRL_THREAD_SANITIZER

// In a child: 0 if the pool refuses to run, can be destroyed, and another one works.
int use_in_child(std::unique_ptr<ThreadPool>& pool) {
  const std::string message = error_of([&] { pool->run(4, [](int) {}); });
  if (!contains(message, "forked") || !contains(message, "in the child")) return 1;
  std::atomic<int> ran{0};
  pool->run(1, [&](int) { ++ran; });  // needs no other thread
  if (ran != 1) return 2;
  pool.reset();
  if (!kChildMayStartThreads) return 0;
  ThreadPool other(3);
  other.run(5, [&](int) { ++ran; });
  return ran == 6 ? 0 : 3;
}

// Returns when every thread of the pool has run. A thread that is still starting may hold a lock of the allocator's, and
// a child made in that moment would wait for its copy for ever: glibc sees to its own locks at fork(), the sanitizers'
// allocators do not.
void wait_for_all_threads(ThreadPool& pool) {
  std::atomic<int> begun{0};
  pool.run(pool.size(), [&](int) {
    ++begun;
    while (begun < pool.size()) std::this_thread::yield();
  });
}

}  // namespace

TEST_CASE("an object knows that its process was forked", "[fork]") {
  const ProcessOfOrigin here;
  CHECK_FALSE(here.is_elsewhere());
  CHECK(in_child([&] {
          const ProcessOfOrigin child;
          if (!here.is_elsewhere() || child.is_elsewhere()) return 1;
          return in_child([&] { return here.is_elsewhere() && child.is_elsewhere() ? 0 : 1; });
        }) == 0);
  CHECK_FALSE(here.is_elsewhere());
}

TEST_CASE("a child refuses its parent's idle pool, destroys it, and makes one of its own", "[fork]") {
  auto pool = std::make_unique<ThreadPool>(3);
  wait_for_all_threads(*pool);
  std::atomic<int> ran{0};
  pool->run(10, [&](int) { ++ran; });
  CHECK(in_child([&] { return use_in_child(pool); }) == 0);
  pool->run(10, [&](int) { ++ran; });  // the parent's goes on
  CHECK(ran == 20);
}

TEST_CASE("a child made while the pool is busy does the same", "[fork]") {
  auto pool = std::make_unique<ThreadPool>(3);
  std::atomic<int> begun{0};
  std::atomic<bool> may_end{false};
  std::thread user([&] {
    pool->run(3, [&](int) {
      ++begun;
      may_end.wait(false);
    });
  });
  for (int n = begun; n < 3; n = begun) std::this_thread::yield();
  CHECK(in_child([&] { return use_in_child(pool); }) == 0);
  may_end = true;
  may_end.notify_all();
  user.join();
}

TEST_CASE("a task that forks may go on in the child, where runs within it are serial", "[fork]") {
  ThreadPool pool(2);
  wait_for_all_threads(pool);
  std::atomic<int> status{-1};
  pool.run(2, [&](int i) {
    if (i != 0) return;
    status = in_child([&] {
      int sum = 0;
      pool.run(4, [&](int k) { sum += k; });
      return sum == 6 ? 0 : 1;
    });
  });
  CHECK(status == 0);
}
