// iLQR as a planner: in closed loop, saved and restored, and where its warm start diverges.
#include "mbrl/planning/trajectory/ilqr_planner.hpp"

#include <cmath>
#include <numbers>
#include <vector>

#include "catch.hpp"
#include "mbrl/planning/any_planner.hpp"
#include "mbrl/planning/mpc.hpp"
#include "planning/trajectory/trajectory_support.hpp"

namespace mbrl {
namespace {

using planning_test::column;
using planning_test::diagonal;
using planning_test::Exploding;
using planning_test::PendulumModel;

static_assert(Planner<IlqrPlanner<PendulumModel, QuadraticCost>>);

double angle_from_top(double angle) { return std::abs(std::remainder(angle, 2 * std::numbers::pi)); }

TEST_CASE("the planner swings the pendulum up in closed loop and can be saved") {
  const PendulumModel model({}, {0.05});
  const QuadraticCost cost(diagonal({1.0, 0.1}), diagonal({0.01}), diagonal({100.0, 10.0}),
                           column({0.0, 0.0}));
  const ActionBounds bounds = ActionBounds::uniform(1, -2.5, 2.5);
  using P = IlqrPlanner<PendulumModel, QuadraticCost>;
  IlqrSettings settings;
  settings.iterations = 100;
  Mpc<P> mpc(P(model, cost, 60, settings, bounds, column({0.3})));
  PendulumModel::Workspace none;
  Vecd x = column({std::numbers::pi, 0.0}), next(2), middle;
  StateDict saved;
  std::vector<double> after;
  for (int t = 0; t < 140; ++t) {
    if (t == 40) {
      mpc.save(saved, "mpc.");
      middle = x;
    }
    const Vecd u = mpc.act(x);
    CHECK(std::abs(u(0)) <= 2.5);
    if (t >= 40) after.push_back(u(0));
    model.step(x, u, next, none);
    x = next;
  }
  CHECK(angle_from_top(x(0)) < 0.05);
  CHECK(std::abs(x(1)) < 0.1);

  // A copy that takes over reproduces the rest.
  Mpc<P> copy(P(model, cost, 60, settings, bounds, column({0.3})));
  x = middle;
  copy.load(saved, "mpc.");
  for (int t = 0; t < 5; ++t) {
    const Vecd u = copy.act(x);
    CHECK(u(0) == after[static_cast<std::size_t>(t)]);
    model.step(x, u, next, none);
    x = next;
  }
  AnyPlanner<Vecd, double> any(P(model, cost, 60, settings, bounds, column({0.3})));
  const auto plan = any.plan(x, 0);
  CHECK(plan.predicted_return < 0);
  CHECK(plan.report.rollouts >= plan.report.iterations);
}

// Cost of 40 steps of a pendulum kept upright, whose model is `gain` times too strong, pushed at step 3.
double cost_upright(const MpcSettings& settings, double gain, double push, StateDict* saved = nullptr,
                    const StateDict* resumed = nullptr) {
  const PendulumModel model({}, {0.05});
  const QuadraticCost cost(diagonal({1.0, 0.1}), diagonal({0.01}), diagonal({100.0, 10.0}),
                           column({0.0, 0.0}));
  IlqrSettings solver;
  solver.iterations = 50;
  Mpc mpc(IlqrPlanner(model, cost, 20, solver, ActionBounds::uniform(1, -8, 8)), settings);
  PendulumModel::Workspace none;
  Vecd x = column({0.2, 0.0}), next(2);
  double sum = 0;
  for (int t = 0; t < 40; ++t) {
    if (t == 3) x(1) += push;
    if (t == 5 && resumed) mpc.load(*resumed, "m.");
    if (t == 5 && saved) mpc.save(*saved, "m.");
    const Vecd u = mpc.act(x);
    CHECK(std::abs(u(0)) <= 8.0);
    sum += cost.stage(x, u, t);
    model.step(x, Vecd(gain * u), next, none);
    x = next;
  }
  return sum;
}

TEST_CASE("between plans ilqr's gains close the loop") {
  const MpcSettings closed{.replan_every = 10};
  const MpcSettings open{.replan_every = 10, .feedback = false};
  // With the exact model the states are those planned: nothing is corrected.
  CHECK(cost_upright(closed, 1.0, 0.0) == cost_upright(open, 1.0, 0.0));
  // A push, and a motor that is too weak.
  const double every_step = cost_upright({}, 1.0, 1.0);
  CHECK(cost_upright(closed, 1.0, 1.0) < 1.1 * every_step);
  CHECK(cost_upright(open, 1.0, 1.0) > 1.5 * every_step);
  CHECK(cost_upright(closed, 0.7, 1.0) < 0.8 * cost_upright(open, 0.7, 1.0));
  // In open loop there is no looking, and the gains are part of a checkpoint.
  CHECK(cost_upright({.open_loop = true}, 1.0, 1.0) ==
        cost_upright({.open_loop = true, .feedback = false}, 1.0, 1.0));
  StateDict saved;
  const double whole = cost_upright(closed, 0.7, 1.0, &saved);
  CHECK(cost_upright({.replan_every = 10}, 0.7, 1.0, nullptr, &saved) == whole);
}

TEST_CASE("a planner whose warm start diverges falls back to its initial action") {
  const QuadraticCost cost(diagonal({1.0}), diagonal({0.1}), diagonal({1.0}), column({2.0}));
  IlqrPlanner planner(Exploding{}, cost, 5);
  StateDict state;
  state.put_matrix("p.actions", Batchd::Constant(1, 5, 3.0));
  planner.load(state, "p.");
  const auto plan = planner.plan(column({0.0}), 0);
  CHECK(plan.report.unusable >= 1);
  CHECK(std::isfinite(plan.predicted_return));
  IlqrPlanner hopeless(Exploding{}, cost, 5, {}, {}, column({3.0}));
  const auto bad = hopeless.plan(column({0.0}), 0);
  CHECK(std::isnan(bad.predicted_return));
  CHECK(bad.actions.isConstant(3.0));
  CHECK_THROWS_AS(planner.advance(-1), Error);
  CHECK_THROWS_AS(IlqrPlanner(Exploding{}, cost, 5, {}, {}, column({3.0, 1.0})), Error);
}

TEST_CASE("advance shifts a plan and repeats its end") {
  const QuadraticCost cost(diagonal({1.0}), diagonal({0.1}), diagonal({1.0}), column({2.0}));
  const auto shifted = [&](int steps) {
    IlqrPlanner planner(Exploding{}, cost, 4);
    StateDict in, out;
    in.put_matrix("a.actions", (Batchd(1, 4) << 1, 2, 3, 4).finished());
    planner.load(in, "a.");
    planner.advance(steps);
    planner.save(out, "b.");
    return out.get_matrix<double>("b.actions");
  };
  CHECK(shifted(0) == (Batchd(1, 4) << 1, 2, 3, 4).finished());
  CHECK(shifted(1) == (Batchd(1, 4) << 2, 3, 4, 4).finished());
  CHECK(shifted(3) == (Batchd(1, 4) << 4, 4, 4, 4).finished());
  CHECK(shifted(4) == (Batchd(1, 4) << 4, 4, 4, 4).finished());
  CHECK(shifted(9) == (Batchd(1, 4) << 4, 4, 4, 4).finished());
}

}  // namespace
}  // namespace mbrl
