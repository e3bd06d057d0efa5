// Starts of planners that descend: what is sampled and chosen, and pendulums that one start does not swing
// up.
#include "mbrl/planning/trajectory/multi_start.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "mbrl/planning/trajectory/gradient_planner.hpp"
#include "mbrl/planning/trajectory/ilqr_planner.hpp"
#include "planning/pendulum_support.hpp"

namespace mbrl {
namespace {

using planning_test::episode;
using planning_test::kPendulum;
using planning_test::kTorque;
using planning_test::WrappedCost;

TEST_CASE("the cheapest samples that differ are the starts") {
  const ActionBounds bounds({-1.0, 0.0}, {1.0, 4.0});
  const MultiStartSettings settings{.samples = 90, .starts = 4};
  MultiStart starts("test", bounds, 2, 5, settings, 3);
  const Vecd last = starts.box().mid();
  Batchd drawn;
  const auto cost_of = [&](ConstBatchRef<double> sequences, VecRef<double> costs) {
    drawn = sequences;
    for (Index k = 0; k < sequences.cols(); ++k) costs(k) = sequences.col(k).sum();
    costs(0) = std::numeric_limits<double>::quiet_NaN();
  };
  starts.search(last, cost_of);
  REQUIRE(drawn.cols() == 90);
  for (Index k = 0; k < 90; ++k) {
    CHECK((drawn.col(k).array() >= starts.box().low().array()).all());
    CHECK((drawn.col(k).array() <= starts.box().high().array()).all());
  }
  // Held rest (zero, mid-range where that is no inner point), and the bounds themselves, are among them.
  CHECK(drawn.col(2) == Eigen::Vector2d(0.0, 2.0).replicate(5, 1));
  CHECK(drawn.col(5) == starts.box().low());
  CHECK(drawn.col(8) == starts.box().high());
  // The cheapest is the lower bound; the others are the next that are not the same again.
  REQUIRE(starts.count() == 3);
  CHECK(starts.start(0) == starts.box().low());
  CHECK(starts.cost(0) == -5.0);
  for (int i = 1; i < 3; ++i) {
    CHECK(starts.cost(i) >= starts.cost(i - 1));
    CHECK((starts.start(i) - starts.start(i - 1)).norm() > 0.1);
  }
  CHECK(starts.start(0) != last);

  // Each plan draws other numbers, and a copy that is restored goes on with them.
  const Batchd first = drawn;
  StateDict saved;
  starts.save(saved, "s.");
  starts.search(last, cost_of);
  CHECK(drawn != first);
  const Batchd second = drawn;
  MultiStart copy("test", bounds, 2, 5, settings, 99);
  copy.load(saved, "s.");
  copy.search(last, cost_of);
  CHECK(drawn == second);

  MultiStart none("test", bounds, 2, 5, {.samples = 0}, 3);
  none.search(last, cost_of);
  CHECK(none.count() == 0);
  CHECK_THROWS_AS(MultiStart("test", bounds, 2, 5, {.samples = -1}, 3), Error);
  CHECK_THROWS_AS(MultiStart("test", bounds, 2, 5, {.starts = 0}, 3), Error);
  CHECK_THROWS_AS(MultiStart("test", bounds, 2, 5, {.std = -1.0}, 3), Error);
}

auto ilqr(bool second_order, const MultiStartSettings& starts) {
  return IlqrPlanner(kPendulum, WrappedCost{}, 30, {.second_order = second_order}, kTorque,
                     Vecd(Vecd::Zero(1)), nullptr, starts, 1);
}

TEST_CASE("ilqr and ddp do not stay in the first local minimum") {
  // Seed 78 starts 0.37 rad from upright, 75 near it, 79 has to swing up. From the last plan alone the
  // pendulum falls through, and the returns are -240 and below.
  for (const bool second_order : {false, true}) {
    INFO("second order " << second_order);
    CHECK(episode(ilqr(second_order, {.starts = 1}), 78, 100) < -200);
    CHECK(episode(ilqr(second_order, {}), 78, 100) > -10);
    CHECK(episode(ilqr(second_order, {}), 75, 100) > -10);
    CHECK(episode(ilqr(second_order, {}), 79, 100) > -140);
  }
}

TEST_CASE("no plan makes more rollouts than it may, and more threads change nothing") {
  const MultiStartSettings starts{.samples = 20, .rollouts = 60};
  Vecd x(2);
  x << 2.5, 0.5;
  ThreadPool three(3);
  auto one = ilqr(false, starts);
  IlqrPlanner several(kPendulum, WrappedCost{}, 30, {}, kTorque, Vecd(Vecd::Zero(1)), &three, starts, 1);
  for (int t = 0; t < 5; ++t) {
    const auto a = one.plan(x, t), b = several.plan(x, t);
    CHECK(a.report.rollouts <= 60);
    CHECK(a.report.rollouts > 23);
    CHECK(a.actions == b.actions);
    one.advance(1);
    several.advance(1);
  }
  ThreadPool pool(1);
  GradientPlanner gradient(kPendulum, WrappedCost{}, kTorque, {.horizon = 30, .starts = starts}, 1, pool);
  CHECK(gradient.plan(x, 0).report.rollouts <= 60);
  CHECK(gradient.plan(x, 0).report.rollouts > 40);
}

}  // namespace
}  // namespace mbrl
