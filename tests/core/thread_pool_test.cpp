// The pool runs every task once, reports the same error, and gives the same results for any number of
// threads.
#include "mbrl/core/thread_pool.hpp"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/core/random.hpp"

using namespace mbrl;

TEST_CASE("every task runs exactly once", "[thread_pool]") {
  for (int threads = 1; threads <= 8; ++threads) {
    ThreadPool pool(threads);
    CHECK(pool.size() == threads);
    for (const int count : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> hits(static_cast<std::size_t>(count));
      pool.run(count, [&](int i) { ++hits[static_cast<std::size_t>(i)]; });
      for (const auto& h : hits) REQUIRE(h == 1);
    }
  }
  CHECK(ThreadPool().size() >= 1);
}

TEST_CASE("results are the same for 1 to 8 threads", "[thread_pool]") {
  const auto compute = [](int threads) {
    ThreadPool pool(threads);
    const RandomStream random(5, Stream::kUser);
    std::vector<double> sums(37, 0.0);
    pool.parallel_for(100000, 37, [&](std::ptrdiff_t begin, std::ptrdiff_t end, int chunk) {
      for (std::ptrdiff_t i = begin; i < end; ++i)
        sums[static_cast<std::size_t>(chunk)] += random.normal(static_cast<std::uint32_t>(i));
    });
    return sums;
  };
  const auto expected = compute(1);
  for (int threads = 2; threads <= 8; ++threads) CHECK(compute(threads) == expected);
}

TEST_CASE("chunks cover a range without gaps", "[thread_pool]") {
  ThreadPool pool(3);
  for (const int n : {0, 1, 5, 100})
    for (const int chunks : {1, 3, 8}) {
      std::vector<std::atomic<int>> hits(static_cast<std::size_t>(n));
      pool.parallel_for(n, chunks, [&](std::ptrdiff_t begin, std::ptrdiff_t end, int) {
        for (std::ptrdiff_t i = begin; i < end; ++i) ++hits[static_cast<std::size_t>(i)];
      });
      for (const auto& h : hits) REQUIRE(h == 1);
    }
}

TEST_CASE("the exception of the lowest index comes out, after all tasks have run", "[thread_pool]") {
  for (int threads = 1; threads <= 4; ++threads) {
    ThreadPool pool(threads);
    for (int repeat = 0; repeat < 50; ++repeat) {
      std::atomic<int> ran{0};
      std::string message;
      try {
        pool.run(40, [&](int i) {
          ++ran;
          if (i % 10 == 3) throw std::runtime_error("task " + std::to_string(i));
        });
      } catch (const std::runtime_error& error) {
        message = error.what();
      }
      REQUIRE(message == "task 3");
      REQUIRE(ran == 40);
    }
    int sum = 0;  // and the pool still works
    pool.run(1, [&](int i) { sum += i + 1; });
    CHECK(sum == 1);
  }
}

TEST_CASE("many small runs in a row", "[thread_pool]") {
  for (const int threads : {2, 4}) {  // with more threads than processors, who waits sleeps at once
    ThreadPool pool(threads);
    std::vector<long> sums(8, 0);  // each task its own entry: no race unless two runs overlap
    for (int repeat = 0; repeat < 5000; ++repeat)
      pool.run(8, [&](int i) { sums[static_cast<std::size_t>(i)] += i; });
    for (std::size_t i = 0; i < sums.size(); ++i) CHECK(sums[i] == 5000 * static_cast<long>(i));
  }
}

TEST_CASE("runs after gaps of all lengths find workers that look and workers that sleep", "[thread_pool]") {
  using Clock = std::chrono::steady_clock;
  for (const int threads : {2, 4}) {
    ThreadPool pool(threads);
    std::vector<long> sums(4, 0);
    for (int repeat = 0; repeat < 2000; ++repeat) {
      const auto begin = Clock::now() + std::chrono::microseconds(37 * repeat % 201);
      while (Clock::now() < begin) {
      }
      pool.run(4, [&](int i) { sums[static_cast<std::size_t>(i)] += i; });
    }
    for (std::size_t i = 0; i < sums.size(); ++i) CHECK(sums[i] == 2000 * static_cast<long>(i));
  }
}

TEST_CASE("a run within a task and runs from two threads do not deadlock", "[thread_pool]") {
  ThreadPool pool(3);
  std::atomic<int> inner{0};
  pool.run(6, [&](int) { pool.run(5, [&](int) { ++inner; }); });
  CHECK(inner == 30);

  std::atomic<int> total{0};
  const auto work = [&] {
    for (int repeat = 0; repeat < 200; ++repeat) pool.run(4, [&](int) { ++total; });
  };
  std::thread other(work);
  work();
  other.join();
  CHECK(total == 2 * 200 * 4);
}

TEST_CASE("pools come and go", "[thread_pool]") {
  for (int repeat = 0; repeat < 200; ++repeat) {
    ThreadPool pool(repeat < 100 ? 2 : 4);
    if (repeat % 2 == 0) continue;
    std::atomic<int> ran{0};
    pool.run(3, [&](int) { ++ran; });
    REQUIRE(ran == 3);
  }
}

TEST_CASE("a number of threads below zero is refused", "[thread_pool]") {
  CHECK(error_of([] { ThreadPool pool(-4); }) == "threads is -4, expected at least 1, or 0 for all cores");
}
