// Start states drawn from a buffer, and the schedule of horizons.
#include <cmath>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/rollout/horizon_schedule.hpp"
#include "mbrl/rollout/start_states.hpp"

namespace mbrl {
namespace {

TEST_CASE(
    "start states: each row as likely, the newest only if asked for, the same again for the same index") {
  TransitionBuffer buffer(1, 1, 8);
  const RandomStream random(3, Stream::kUser);
  Batchf starts, again;
  CHECK_THROWS_AS(draw_starts(buffer, 4, random, 0, starts), Error);
  for (int i = 0; i < 12; ++i)  // wraps: observations 4 ... 11 are kept
    buffer.add(Vecd::Constant(1, i), Vecd::Zero(1), Vecd::Constant(1, i + 1), 0.0, false, false);
  draw_starts(buffer, 8000, random, 5, starts);
  std::vector<int> count(12, 0);
  for (Index i = 0; i < 8000; ++i) ++count[static_cast<std::size_t>(starts(0, i))];
  for (std::size_t i = 0; i < 4; ++i) CHECK(count[i] == 0);
  for (std::size_t i = 4; i < 12; ++i) CHECK(std::abs(count[i] - 1000) < 5 * std::sqrt(1000.0 * 7 / 8));
  draw_starts(buffer, 8000, random, 5, again);
  CHECK(again == starts);
  draw_starts(buffer, 8000, random, 6, again);
  CHECK(again != starts);
  draw_starts(buffer, 400, random, 5, starts, 2);
  CHECK(starts.minCoeff() == 10.0f);
  CHECK(starts.maxCoeff() == 11.0f);
}

TEST_CASE("horizon schedule: MBPO's, up and down") {
  // 1 -> 15 over epochs 20 -> 100, as for Hopper and Walker2d in the authors' configuration.
  const HorizonSchedule schedule{1, 15, 20, 100};
  CHECK(schedule.at(0) == 1);
  CHECK(schedule.at(20) == 1);
  CHECK(schedule.at(25) == 1);  // 1.875
  CHECK(schedule.at(26) == 2);  // 2.05
  CHECK(schedule.at(60) == 8);
  CHECK(schedule.at(99.9) == 14);
  CHECK(schedule.at(100) == 15);
  CHECK(schedule.at(1e9) == 15);
  const HorizonSchedule down{5, 1, 0, 8};
  CHECK(down.at(1.9) == 5);
  CHECK(down.at(2) == 4);
  CHECK(down.at(8) == 1);
  CHECK_NOTHROW(HorizonSchedule{}.validate("test"));
  CHECK_THROWS_AS((HorizonSchedule{0, 3, 1, 2}.validate("test")), Error);
  CHECK_THROWS_AS((HorizonSchedule{1, 3, 2, 2}.validate("test")), Error);
}

}  // namespace
}  // namespace mbrl
