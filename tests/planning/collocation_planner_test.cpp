// Collocation in the MPC loop: against a closed form, and what planners owe the loop.
#include "mbrl/planning/collocation_planner.hpp"

#include <cmath>

#include "catch.hpp"
#include "mbrl/models/systems.hpp"
#include "mbrl/planning/mpc.hpp"
#include "planning/trajectory_support.hpp"

namespace mbrl {
namespace {

using planning_test::column;

// A mass, over one second to rest at (1, 0).
auto make_planner(double force) {
  CollocationLimits limits;
  limits.action_low = {-force, -force};
  limits.action_high = {force, force};
  limits.final_low = limits.final_high = {1.0, 0.0, 0.0, 0.0};
  const QuadraticCost effort(Batchd::Zero(4, 4), Batchd::Identity(2, 2), Batchd::Zero(4, 4), Vecd::Zero(4));
  CollocationSettings settings;
  settings.segments = 10;
  return CollocationPlanner(Collocation(AnalyticFlow<PointMassSystem>{}, effort, 1.0, settings, limits), 20,
                            column({1, 0, 0, 0}));
}

static_assert(Planner<decltype(make_planner(1.0))>);

TEST_CASE("the collocation planner plans the closed form and drives there in closed loop") {
  auto planner = make_planner(50.0);
  const Vecd rest = Vecd::Zero(4);
  const auto plan = planner.plan(rest, 0);
  REQUIRE(plan.actions.cols() == 20);
  CHECK(-plan.predicted_return == Approx(6.0).epsilon(1e-6));
  for (int t = 0; t < 20; ++t) CHECK(plan.actions(0, t) == Approx(6 - 12 * (t + 0.5) / 20).margin(1e-3));

  planner.advance(3);
  StateDict saved;
  planner.save(saved, "p.");
  auto copy = make_planner(50.0);
  copy.load(saved, "p.");
  const Vecd later = column({0.1, 0.05, 0.5, 0.0});
  const Batchd again = copy.plan(later, 3).actions;
  CHECK(again == planner.plan(later, 3).actions);
  planner.reset();
  CHECK(planner.plan(rest, 0).actions == plan.actions);
  CHECK_THROWS_AS(planner.advance(-1), Error);
  CHECK_THROWS_AS(planner.plan(Vecd::Zero(3), 0), Error);

  Mpc mpc(make_planner(50.0), {.replan_every = 2});
  const AnalyticModel model(PointMassSystem{}, {0.05});
  AnalyticModel<PointMassSystem>::Workspace none;
  Vecd x = rest, next(4);
  for (int t = 0; t < 60; ++t) {
    model.step(x, mpc.act(x), next, none);
    x = next;
  }
  CHECK((x - column({1, 0, 0, 0})).norm() < 0.1);
}

TEST_CASE("the collocation planner says when no plan was found") {
  auto planner = make_planner(2.0);  // too weak for a metre a second
  CHECK(std::isnan(planner.plan(Vecd::Zero(4), 0).predicted_return));
  CHECK(std::isfinite(planner.plan(column({0.9, 0, 0, 0}), 0).predicted_return));
}

}  // namespace
}  // namespace mbrl
