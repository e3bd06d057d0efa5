// References that move with the time, costs for planners that sample, and costs exchanged at run time.
#include <cmath>
#include <numbers>

#include "catch.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/sampling/cem.hpp"
#include "mbrl/planning/trajectory/cost_reward.hpp"
#include "mbrl/planning/trajectory/gradient_planner.hpp"
#include "mbrl/planning/trajectory/ilqr_planner.hpp"
#include "mbrl/task/switchable_cost.hpp"
#include "planning/trajectory/trajectory_support.hpp"

namespace mbrl {
namespace {

using planning_test::column;
using planning_test::diagonal;

using PointMass = AnalyticModel<PointMassSystem>;
static_assert(TrajectoryCost<SwitchableCost>);
static_assert(RewardModel<CostReward<QuadraticCost>, double>);

constexpr double kDt = 0.1;

// Once round a circle of radius 1 in 6 s, with its velocities.
Batchd circle(int steps) {
  Batchd reference(4, steps);
  const double rate = 2 * std::numbers::pi / 6;
  for (int t = 0; t < steps; ++t) {
    const double angle = rate * kDt * t;
    reference.col(t) << std::cos(angle), std::sin(angle), -rate * std::sin(angle), rate * std::cos(angle);
  }
  return reference;
}
QuadraticCost track(const Batchd& reference) {
  const Batchd weights = diagonal({10, 10, 1, 1});
  return QuadraticCost(weights, diagonal({0.01, 0.01}), weights, reference);
}
const ActionBounds kBounds = ActionBounds::uniform(2, -5, 5);

// Largest distance from the reference after the first second, starting on it.
template <class Controller>
double tracking_error(Controller& controller, const Batchd& reference, int steps) {
  const PointMass model({}, {kDt});
  PointMass::Workspace none;
  Vecd x = reference.col(0), next(4);
  double worst = 0;
  for (int t = 0; t < steps; ++t) {
    if (t >= 10) worst = std::max(worst, (x - reference.col(t)).head(2).norm());
    model.step(x, controller.act(x), next, none);
    x = next;
  }
  return worst;
}

TEST_CASE("the mpc loop follows a reference that moves with the time") {
  const PointMass model({}, {kDt});
  const Batchd reference = circle(130);
  Mpc ilqr(IlqrPlanner(model, track(reference), 15, {}, kBounds));
  const double exact = tracking_error(ilqr, reference, 120);
  CHECK(exact < 0.02);

  ThreadPool pool(1);
  auto rollouts = cost_rollout(model, track(reference), {.horizon = 15}, pool);
  Mpc cem(Cem(rollouts, kBounds, {.population = 150, .elites = 15, .iterations = 4}, 3));
  const double sampled = tracking_error(cem, reference, 60);
  INFO("ilqr " << exact << ", cem " << sampled);
  CHECK(sampled < 0.3);

  // A plan that is executed for three steps sees the reference three steps later.
  Mpc seldom(IlqrPlanner(model, track(reference), 15, {}, kBounds), {.replan_every = 3});
  CHECK(tracking_error(seldom, reference, 120) < 0.02);
  // With the reference held still the mass stays behind.
  Mpc still(IlqrPlanner(model, track(reference.col(0)), 15, {}, kBounds));
  CHECK(tracking_error(still, reference, 60) > 1.0);
}

TEST_CASE("a return is minus the cost of the trajectory") {
  const PointMass model({}, {kDt});
  const Batchd reference = circle(40);
  const QuadraticCost cost = track(reference);
  ThreadPool pool(2);
  auto rollouts = cost_rollout(model, cost, {.horizon = 12, .block = 3}, pool);
  const Vecd start = column({0.3, -0.2, 0.1, 0.5});
  Batchd actions(24, 7);
  for (Index k = 0; k < actions.size(); ++k) actions(k) = std::sin(0.7 * static_cast<double>(k));
  Vecd returns(7);
  constexpr int kT0 = 9;
  rollouts.evaluate(start, actions, {0, 0, kT0}, returns);
  PointMass::Workspace none;
  for (Index k = 0; k < 7; ++k) {
    Vecd x = start, next(4);
    double sum = 0;
    for (int t = 0; t < 12; ++t) {
      const Vecd u = actions.col(k).segment(2 * t, 2);
      sum += cost.stage(x, u, kT0 + t);
      model.step(x, u, next, none);
      x = next;
    }
    CHECK(returns(k) == Approx(-(sum + cost.final_cost(x, kT0 + 12))).epsilon(1e-12));
  }
}

TEST_CASE("a cost can be exchanged under a planner's feet") {
  const PointMass model({}, {kDt});
  const QuadraticCost left = track(column({-1, 0, 0, 0})), right = track(column({1, 0, 0, 0}));
  SwitchableCost cost(left);
  ThreadPool pool(1);
  auto rollouts = cost_rollout(model, cost, {.horizon = 12}, pool);
  Mpc ilqr(IlqrPlanner(model, cost, 12, {}, kBounds));
  Mpc cem(Cem(rollouts, kBounds, {.population = 100, .elites = 10, .iterations = 3}, 3), {.replan_every = 4});
  GradientPlanner gradient(model, cost, kBounds, {.horizon = 12, .starts = {.starts = 1}}, 1, pool);
  PointMass::Workspace none;
  Vecd next(4);
  const auto run = [&](auto& controller, Vecd& x, int steps) {
    for (int t = 0; t < steps; ++t) {
      model.step(x, controller.act(x), next, none);
      x = next;
    }
  };
  Vecd a = Vecd::Zero(4), b = Vecd::Zero(4);
  run(ilqr, a, 41);
  run(cem, b, 41);
  CHECK(a(0) == Approx(-1).margin(0.05));
  CHECK(b(0) == Approx(-1).margin(0.1));
  CHECK(gradient.plan(Vecd::Zero(4), 0).actions(0, 0) < 0);

  cost.set(right);
  // With the new cost a planner is the one that never had another.
  IlqrPlanner fresh(model, right, 12, {}, kBounds);
  IlqrPlanner told(model, cost, 12, {}, kBounds);
  CHECK(fresh.plan(a, 0).actions == told.plan(a, 0).actions);
  CHECK(fresh.plan(a, 0).predicted_return == told.plan(a, 0).predicted_return);
  cem.replan();
  cem.act(b);
  CHECK(cem.planned_now());
  CHECK(cem.last_plan().actions(0, 0) > 0);
  gradient.reset();
  CHECK(gradient.plan(Vecd::Zero(4), 0).actions(0, 0) > 0);
  run(ilqr, a, 40);
  run(cem, b, 40);
  CHECK(a(0) == Approx(1).margin(0.05));
  CHECK(b(0) == Approx(1).margin(0.1));
}

}  // namespace
}  // namespace mbrl
