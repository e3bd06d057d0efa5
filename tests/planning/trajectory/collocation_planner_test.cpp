// Collocation in the MPC loop: against a closed form, and what planners owe the loop.
#include "mbrl/planning/trajectory/collocation_planner.hpp"

#include <cmath>
#include <memory>
#include <numbers>

#include "catch.hpp"
#include "mbrl/models/analytic/systems.hpp"
#include "mbrl/planning/mpc.hpp"
#include "planning/trajectory/trajectory_support.hpp"

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

// Goes on by one whenever it is read.
Deadline ticking_clock(double ticks) {
  return Deadline(
      std::make_shared<const SecondsClock>([now = std::make_shared<double>(0)] { return ++*now; }), ticks);
}

// Rates are costly enough that a pendulum which swings up has to plan it.
auto swing_up_planner() {
  const QuadraticCost cost(planning_test::diagonal({1.0, 0.1}), planning_test::diagonal({0.01}),
                           planning_test::diagonal({100.0, 10.0}), column({0.0, 0.0}));
  return step_collocation(AnalyticFlow<PendulumSystem>{}, cost, 0.05, 40,
                          ActionBounds::uniform(1, -2.5, 2.5));
}

TEST_CASE("the collocation planner ends in time and goes on from there") {
  const Vecd hanging = column({std::numbers::pi, 0.0});
  auto free = swing_up_planner();
  const auto whole = free.plan(hanging, 0);
  REQUIRE(std::isfinite(whole.predicted_return));
  REQUIRE(whole.report.iterations > 5);
  CHECK_FALSE(whole.report.timed_out);

  auto early = swing_up_planner();
  early.set_deadline(ticking_clock(1e9));
  CHECK(early.plan(hanging, 0).actions == whole.actions);

  // What the dynamics make of a plan, by the planner's own rule: RK4, the stage cost by the trapezoid rule.
  const AnalyticModel model(PendulumSystem{}, {0.05});
  const auto cost_of = [&](const Batchd& actions) {
    AnalyticModel<PendulumSystem>::Workspace none;
    Vecd x = hanging, next(2);
    double sum = 0;
    const auto stage = [&](int t) {
      return 0.5 * (x(0) * x(0) + 0.1 * x(1) * x(1) + 0.01 * actions(0, t) * actions(0, t));
    };
    for (int t = 0; t < actions.cols(); ++t) {
      sum += 0.5 * stage(t);
      model.step(x, actions.col(t), next, none);
      x = next;
      sum += 0.5 * stage(t);
    }
    return sum + 0.5 * (100 * x(0) * x(0) + 10 * x(1) * x(1));
  };

  // No time at all: one Newton step a plan, each going on from the last iterate.
  auto hurried = swing_up_planner();
  double best = cost_of(Batchd::Zero(1, 40));
  for (int plan = 0; plan < 100; ++plan) {
    hurried.set_deadline(ticking_clock(-1));
    const auto cut = hurried.plan(hanging, 0);
    REQUIRE(cut.report.timed_out);
    REQUIRE(cut.report.iterations <= 1);
    CHECK(-cut.predicted_return == Approx(cost_of(cut.actions)).epsilon(1e-9));
    CHECK(cut.actions.cwiseAbs().maxCoeff() <= 2.5);
    if (plan == 0) CHECK(-cut.predicted_return <= best * (1 + 1e-12));  // no worse than to hang on
    best = std::min(best, -cut.predicted_return);
  }
  CHECK(best <= 1.05 * cost_of(whole.actions));
}

}  // namespace
}  // namespace mbrl
