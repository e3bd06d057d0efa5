// The gradient planner against LQR, and what it does with starts, threads and models that diverge.
#include "mbrl/planning/trajectory/gradient_planner.hpp"

#include <array>
#include <cmath>
#include <numbers>

#include "catch.hpp"
#include "mbrl/planning/trajectory/ilqr.hpp"
#include "planning/pendulum_support.hpp"

namespace mbrl {
namespace {

using planning_test::column;
using planning_test::diagonal;
using planning_test::double_integrator;
using planning_test::episode;
using planning_test::Exploding;
using planning_test::PendulumModel;
using planning_test::regulator;

static_assert(Planner<GradientPlanner<PendulumModel, QuadraticCost>>);

TEST_CASE("the gradient planner finds lqr's actions and swings the pendulum up") {
  ThreadPool one(1), three(3);
  const ActionBounds bounds = ActionBounds::uniform(1, -20, 20);
  Ilqr exact(double_integrator(), regulator(), 10);
  const Vecd x0 = column({-0.2, 0.1});
  exact.solve(x0, Batchd::Zero(1, 10));
  const auto close_to_exact = [&](const GradientPlannerSettings& settings, double margin) {
    GradientPlanner planner(double_integrator(), regulator(), bounds, settings, 1, one);
    const auto plan = planner.plan(x0, 0);
    CHECK((plan.actions - exact.actions()).cwiseAbs().maxCoeff() < margin);
    CHECK(-plan.predicted_return == Approx(exact.report().cost).epsilon(margin / 100));
  };
  close_to_exact({.horizon = 10, .iterations = 100, .starts = {.starts = 2}}, 1e-4);
  close_to_exact({.horizon = 10,
                  .method = Descent::kAdam,
                  .iterations = 3000,
                  .learning_rate = 0.002,
                  .starts = {.starts = 2}},
                 1e-2);

  const PendulumModel model({}, {0.05});
  const QuadraticCost swing(diagonal({1.0, 0.1}), diagonal({0.01}), diagonal({100.0, 10.0}),
                            column({0.0, 0.0}));
  const auto make = [&](ThreadPool& pool, int starts) {
    return GradientPlanner(model, swing, ActionBounds::uniform(1, -2.5, 2.5),
                           {.horizon = 60, .iterations = 60, .starts = {.samples = 50, .starts = starts}}, 7,
                           pool);
  };
  auto a = make(one, 6), b = make(three, 6), single = make(one, 1);
  const Vecd hanging = column({std::numbers::pi, 0.0});
  const auto pa = a.plan(hanging, 0), pb = b.plan(hanging, 0);
  CHECK(pa.actions == pb.actions);
  CHECK(pa.actions.cwiseAbs().maxCoeff() <= 2.5);
  CHECK(pa.report.rollouts <= 50 + 6 * 61);
  CHECK(pa.report.rollouts > 50 + 61);
  CHECK(pa.predicted_return >= single.plan(hanging, 0).predicted_return);  // more starts never harm

  // In closed loop it swings Pendulum-v1 up and keeps it there.
  const double swung_up =
      episode(GradientPlanner(
                  planning_test::kPendulum, planning_test::WrappedCost{}, planning_test::kTorque,
                  {.horizon = 30, .iterations = 1000, .starts = {.samples = 200, .rollouts = 1000}}, 79, one),
              79, 120);
  CHECK(swung_up > -140);

  StateDict saved;
  a.save(saved, "g.");
  auto copy = make(three, 6);
  copy.load(saved, "g.");
  CHECK(copy.plan(hanging, 1).actions == a.plan(hanging, 1).actions);

  GradientPlanner explodes(Exploding{},
                           QuadraticCost(diagonal({1.0}), diagonal({0.1}), diagonal({1.0}), column({2.0})),
                           ActionBounds::uniform(1, 1.5, 3.0), {.horizon = 4}, 1, one);
  const auto bad = explodes.plan(column({0.0}), 0);
  CHECK(std::isnan(bad.predicted_return));
  CHECK(bad.report.unusable == 64 + 1);  // the samples and the last plan
  CHECK_THROWS_AS(GradientPlanner(model, swing, bounds, {.iterations = 0}, 1, one), Error);
  CHECK_THROWS_AS(GradientPlanner(model, swing, bounds, {.starts = {.starts = 0}}, 1, one), Error);
  CHECK_THROWS_AS(GradientPlanner(model, swing, bounds, {.learning_rate = 0.0}, 1, one), Error);
}

TEST_CASE("the gradient planner finds box-DDP's actions where bounds hold them") {
  ThreadPool pool(1);
  const Vecd x0 = column({-2.0, 0.0});
  const ActionBounds bounds = ActionBounds::uniform(1, -0.4, 0.7);
  Ilqr exact(double_integrator(), regulator(), 20, {}, bounds);
  exact.solve(x0, Batchd::Zero(1, 20));
  const auto at_bounds = [](const Batchd& u) {
    return ((u.array() <= -0.4 + 1e-9) || (u.array() >= 0.7 - 1e-9)).count();
  };
  REQUIRE(at_bounds(exact.actions()) >= 3);
  GradientPlanner planner(double_integrator(), regulator(), bounds,
                          {.horizon = 20, .iterations = 200, .starts = {.starts = 1}}, 1, pool);
  const auto plan = planner.plan(x0, 0);
  CHECK(at_bounds(plan.actions) == at_bounds(exact.actions()));
  CHECK((plan.actions - exact.actions()).cwiseAbs().maxCoeff() < 1e-2);
  CHECK(-plan.predicted_return == Approx(exact.report().cost).epsilon(1e-4));
}

// The tip's missing height, and speed.
struct TipBelow {
  template <class T>
  T stage(const std::array<T, 4>& x, const std::array<T, 1>& u, int) const {
    using std::cos;
    return (cos(x[0]) + cos(x[0] + x[1]) + 2.0) * 0.25 + (x[2] * x[2] + x[3] * x[3]) * 0.005 +
           u[0] * u[0] * 1e-4;
  }
  template <class T>
  T final_cost(const std::array<T, 4>& x, int) const {
    using std::cos;
    return (cos(x[0]) + cos(x[0] + x[1]) + 2.0) * 10.0 + x[2] * x[2] + x[3] * x[3];
  }
};

TEST_CASE("the gradient planner: lbfgs swings the acrobot up sooner than adam on the same budget") {
  ThreadPool pool(1);
  const AnalyticModel model(AcrobotSystem{}, {0.05});
  const AutoDiffCost<TipBelow, 4, 1> cost;
  const auto cost_by = [&](Descent method) {
    GradientPlanner planner(model, cost, ActionBounds::uniform(1, -5, 5),
                            {.horizon = 60,
                             .method = method,
                             .iterations = 1000,
                             .starts = {.samples = 30, .starts = 2, .rollouts = 130}},
                            3, pool);
    decltype(model)::Workspace workspace;
    Vecd x = column({0.02, -0.01, 0.0, 0.0}), next(4);
    double sum = 0;
    for (int t = 0; t < 140; ++t) {
      const Vecd u = planner.plan(x, t).actions.col(0);
      sum += cost.stage(x, u, t);
      model.step(x, u, next, workspace);
      x = next;
      planner.advance(1);
    }
    return sum;
  };
  const double lbfgs = cost_by(Descent::kLbfgs), adam = cost_by(Descent::kAdam);
  CAPTURE(lbfgs, adam);
  CHECK(lbfgs < 0.9 * adam);
}

}  // namespace
}  // namespace mbrl
