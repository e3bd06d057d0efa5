// When another piece of work is begun under a deadline, on a clock that the tests move.
#include "mbrl/core/deadline.hpp"

#include <memory>
#include <random>
#include <vector>

#include "catch.hpp"

namespace mbrl {
namespace {

TEST_CASE("another iteration is begun only if it will be ready in time") {
  double now = 5;
  const Deadline deadline(std::make_shared<const SecondsClock>([&] { return now; }), 20);
  Pacer pace(deadline);
  CHECK(pace.another());  // the first
  now = 9;
  CHECK(pace.another());  // 9 + 4 <= 20
  now = 15;
  CHECK_FALSE(pace.another());  // 15 + 6 > 20
  CHECK(pace.stopped());
  CHECK_FALSE(deadline.passed());
  now = 20;
  CHECK(deadline.passed());
  CHECK(Pacer(deadline).another());  // something is always done

  const Deadline none;
  Pacer free(none);
  for (int i = 0; i < 10; ++i) CHECK(free.another());
  CHECK_FALSE(free.stopped());
  CHECK_FALSE(none.passed());
}

TEST_CASE("the cost of work is an upper estimate between the sizes that were seen") {
  WorkCost cost;
  CHECK(std::isinf(cost.seconds(1)));
  CHECK(cost.pieces(1e9, 100, 1) == 0);
  cost.add(10, 2.0);
  const double margin = cost.seconds(10) / 2.0;
  CHECK(margin > 1);
  CHECK(margin < 1.5);
  CHECK(cost.seconds(1) == cost.seconds(10));         // not more than a larger piece
  CHECK(cost.seconds(35) == 3.5 * cost.seconds(10));  // nor than in proportion
  cost.add(100, 5.0);                                 // larger pieces are cheaper
  CHECK(cost.seconds(35) == 2.5 * cost.seconds(10));
  CHECK(cost.seconds(10) == 2.0 * margin);
  CHECK(cost.pieces(2.5 * margin, 1000, 10) == 10 / 8);
  CHECK(cost.pieces(10 * margin, 1000, 10) == 20);
  CHECK(cost.pieces(10 * margin, 7, 10) == 7);
  cost.add(10, 4.0);  // rises at once
  CHECK(cost.seconds(10) == 4.0 * margin);
  for (int i = 0; i < 10; ++i) cost.add(10, 1.0);  // and forgets slowly
  CHECK(cost.seconds(10) > 2.0 * margin);
  for (int i = 0; i < 200; ++i) cost.add(10, 1.0);
  CHECK(cost.seconds(10) < 1.01 * margin);
}

TEST_CASE("work that has become dearer is not taken to be cheap for what other sizes once took") {
  WorkCost cost;
  cost.add(10, 1.0);
  cost.add(100, 8.0);
  const double margin = cost.seconds(10);
  for (int i = 0; i < 3; ++i) cost.add(100, 20.0);  // twice at most each time
  CHECK(cost.seconds(100) >= 13 * margin);          // by what 10 once took it would be 10
  CHECK(cost.seconds(100) <= 20.01 * margin);
  CHECK(cost.seconds(10) <= 2 * margin);
  cost.add(10, 50.0);  // and for what larger pieces took
  cost.add(10, 50.0);
  cost.add(10, 50.0);
  CHECK(cost.seconds(10) >= 5 * margin);
  for (int i = 0; i < 200; ++i) cost.add(10, 1.0);
  CHECK(cost.seconds(10) < 1.01 * margin);
}

TEST_CASE("work in parts ends in time, whatever is known of its cost") {
  double now = 0;
  const Deadline deadline(std::make_shared<const SecondsClock>([&] { return now; }), 100);
  WorkCost cost;
  Pacer pace(deadline);
  std::vector<std::ptrdiff_t> parts;
  const auto work = [&](std::ptrdiff_t first, std::ptrdiff_t number) {
    CHECK(first == std::accumulate(parts.begin(), parts.end(), std::ptrdiff_t{0}));
    parts.push_back(number);
    now += 0.5 + static_cast<double>(number);  // a fixed cost of every call, as batches and threads have
  };
  pace.reserve(10);
  const std::ptrdiff_t done = pace.in_parts(1000, 1, cost, work);
  CHECK(pace.stopped());
  CHECK(parts.front() == 1);
  CHECK(now <= 90);
  CHECK(now > 75);
  CHECK(done == std::accumulate(parts.begin(), parts.end(), std::ptrdiff_t{0}));
  CHECK(parts.size() < 20);

  parts.clear();
  const Deadline none;
  Pacer free(none);
  CHECK(free.in_parts(1000, 1, cost, work) == 1000);
  CHECK(parts.size() == 1);
}

TEST_CASE("as much time is kept free for pauses as leaves 8 plans in a thousand late") {
  const double given = 0.01;
  PauseReserve reserve;
  for (int i = 0; i < 100; ++i) reserve.add(0.99 * given, given);
  CHECK(reserve.seconds(given) == 0);

  // Plans that take what they are given; in one of twenty a pause of up to a fifth of the time comes on top. Of those
  // a share of 1 - r / 0.2 is longer than the reserve r, so that 0.05 (1 - r / 0.2) = 0.008 are late at r = 0.168.
  std::mt19937 generator(3);
  const auto uniform = [&] { return static_cast<double>(generator()) / 0x1p32; };
  const int plans = 40000;
  int late = 0;
  double kept = 0;
  for (int i = 0; i < plans + 2000; ++i) {
    const double pause = uniform() < 0.05 ? 0.2 * given * uniform() : 0.0;
    const double seconds = given - reserve.seconds(given) + pause;
    reserve.add(seconds, given);
    if (i < 2000) continue;
    late += seconds > given;
    kept += reserve.seconds(given) / given;
  }
  CHECK(late > 0.007 * plans);
  CHECK(late < 0.009 * plans);
  CHECK_THAT(kept / plans, Catch::Matchers::WithinAbs(0.168, 0.02));

  for (int i = 0; i < 100; ++i) reserve.add(2 * given, given);
  CHECK(reserve.seconds(given) == 0.5 * given);  // more helps none that are always late
  for (int i = 0; i < 1600; ++i) reserve.add(given, given);
  CHECK(reserve.seconds(given) == 0);
}

}  // namespace
}  // namespace mbrl
