// The gradient planner against LQR, and what it does with starts, threads and models that diverge.
#include "mbrl/planning/trajectory/gradient_planner.hpp"

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
  GradientPlannerSettings settings{
      .horizon = 10, .iterations = 3000, .learning_rate = 0.002, .starts = {.starts = 2}};
  GradientPlanner planner(double_integrator(), regulator(), bounds, settings, 1, one);
  Ilqr exact(double_integrator(), regulator(), 10);
  const Vecd x0 = column({-0.2, 0.1});
  exact.solve(x0, Batchd::Zero(1, 10));
  const auto plan = planner.plan(x0, 0);
  CHECK((plan.actions - exact.actions()).cwiseAbs().maxCoeff() < 1e-2);
  CHECK(-plan.predicted_return == Approx(exact.report().cost).epsilon(1e-4));

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

}  // namespace
}  // namespace mbrl
