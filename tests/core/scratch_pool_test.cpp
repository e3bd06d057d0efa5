// Tasks get a piece each, a thread the one that is still in its cache.
#include "mbrl/core/scratch_pool.hpp"

#include <atomic>
#include <cstddef>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/thread_pool.hpp"

using namespace mbrl;

TEST_CASE("scratch pool: a thread gets the piece that it had, another thread another one", "[scratch_pool]") {
  ScratchPool<int> pool;
  int made = 0;
  pool.fill(2, [&] { return ++made; });
  CHECK(made == 2);
  const int mine = *pool.borrow();
  int other = 0;
  for (int round = 0; round < 3; ++round) {
    std::thread([&] { other = *pool.borrow(); }).join();
    CHECK(other != mine);
    CHECK(*pool.borrow() == mine);
  }
}

TEST_CASE("scratch pool: what is lent is nobody else's, and comes back", "[scratch_pool]") {
  ScratchPool<int> pool;
  CHECK_THROWS_WITH(pool.borrow(), Catch::Contains("all 0 pieces are lent"));
  pool.fill(2, [n = 0]() mutable { return ++n; });
  {
    const auto a = pool.borrow(), b = pool.borrow();
    CHECK(*a != *b);
    CHECK_THROWS_WITH(pool.borrow(), Catch::Contains("all 2 pieces are lent"));
  }
  *pool.borrow() = 7;
  CHECK(*pool.borrow() == 7);
  ScratchPool<int> moved = std::move(pool);
  CHECK(*moved.borrow() == 7);
}

TEST_CASE("scratch pool: as many pieces as threads are enough for any number of tasks", "[scratch_pool]") {
  for (const int threads : {1, 2, 4}) {
    ThreadPool workers(threads);
    ScratchPool<std::atomic<int>*> pool;
    std::vector<std::atomic<int>> users(static_cast<std::size_t>(threads));
    pool.fill(threads, [&, i = std::size_t{0}]() mutable { return &users[i++]; });
    std::atomic<int> shared = 0, done = 0;
    workers.run(500, [&](int) {
      const auto piece = pool.borrow();
      if (++**piece != 1) ++shared;
      ++done;
      --**piece;
    });
    CHECK(shared == 0);
    CHECK(done == 500);
  }
}
