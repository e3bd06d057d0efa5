#include "mbrl/env/familiar_range.hpp"

#include "catch.hpp"
#include "mbrl/env/classic/pendulum.hpp"

namespace mbrl {
namespace {

TEST_CASE(
    "familiar range: what chance reaches is the measure, and the entry that leaves it furthest is named") {
  Pendulum env;
  FamiliarRange range(env, 3, 200, 7);
  CHECK(range.furthest().times() == 0.0);  // nothing seen yet

  // Another random episode is familiar; cosine and sine reach 1 in all of them.
  Pendulum other;
  Vecd obs = other.reset(100);
  range.see(obs);
  for (int t = 0; t < 200; ++t) {
    obs = other.step(Vecd::Constant(1, t % 20 < 10 ? 1.0 : -1.0)).obs;
    range.see(obs);
  }
  CHECK(range.furthest().times() < 5.0);
  const double usual_speed = [&] {
    FamiliarRange again(env, 3, 200, 7);
    again.see((Vecd(3) << 0.0, 0.0, 1000.0).finished());
    return again.furthest().usual;
  }();
  CHECK(usual_speed > 0.1);
  CHECK(usual_speed <= 8.0);  // the task's limit on speed

  range.see((Vecd(3) << 0.5, 0.0, -20.0 * usual_speed).finished());
  CHECK(range.furthest().entry == 2);
  CHECK(range.furthest().times() == Approx(20.0));
}

TEST_CASE("familiar range: mistakes") {
  Pendulum env;
  CHECK_THROWS_AS(FamiliarRange(env, 0, 10, 1), Error);
  FamiliarRange range(env, 1, 5, 1);
  CHECK_THROWS_AS(range.see(Vecd::Zero(4)), Error);
}

}  // namespace
}  // namespace mbrl
