// iLQR and DDP: exact on linear-quadratic problems, DDP's order of convergence, agreement on the cart-pole,
// limits, and what becomes of problems that cannot be solved.
#include "mbrl/planning/trajectory/ilqr.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "catch.hpp"
#include "mbrl/planning/trajectory/lqr.hpp"
#include "planning/trajectory/trajectory_support.hpp"

namespace mbrl {
namespace {

using planning_test::column;
using planning_test::diagonal;
using planning_test::double_integrator;
using planning_test::Exploding;
using planning_test::PendulumModel;
using planning_test::regulator;
using planning_test::SwingUp;

TEST_CASE("ilqr solves a linear-quadratic problem in one iteration, equal to lqr") {
  constexpr int kHorizon = 30;
  for (const bool second_order : {false, true}) {
    IlqrSettings settings;
    settings.second_order = second_order;
    Ilqr solver(double_integrator(), regulator(), kHorizon, settings);
    const Vecd x0 = column({-1.0, 0.3});
    const IlqrReport report = solver.solve(x0, Batchd::Constant(1, kHorizon, 0.7));
    CHECK(report.status == IlqrStatus::kConverged);
    CHECK(report.iterations == 1);
    CHECK(report.rejected == 0);

    LqrProblem<> p(2, 1, kHorizon);
    const LinearModel model = double_integrator();
    for (int t = 0; t < kHorizon; ++t) {
      p.dynamics_at(t) << model.a(), model.b();
      p.offset.col(t) = model.c();
      p.cost_at(t) = diagonal({1.0, 0.1, 0.01});
      p.cost_gradient.col(t) = column({-0.5, 0.0, 0.0});
    }
    p.final_cost = diagonal({10.0, 10.0});
    p.final_gradient = column({-5.0, 0.0});
    Lqr<> lqr(2, 1, kHorizon);
    lqr.solve(p);
    Batchd states(2, kHorizon + 1), actions(1, kHorizon);
    lqr.roll_out(p, x0, states, actions);
    CHECK((solver.actions() - actions).norm() < 1e-10);
    CHECK((solver.states() - states).norm() < 1e-10);
    CHECK((solver.gain(3) - lqr.gain(3)).norm() < 1e-10);
    const double constant = 0.5 * 0.25 * kHorizon + 0.5 * 10.0 * 0.25;
    CHECK(report.cost == Approx(lqr.value(0, x0) + constant).epsilon(1e-10));
  }
}

// Swing-up within 2.5 s, the goal at rest upright as a final cost.
auto pendulum_solver(bool second_order, int iterations) {
  IlqrSettings settings;
  settings.second_order = second_order;
  settings.iterations = iterations;
  settings.tolerance = 0.0;
  return Ilqr(
      PendulumModel({}, {0.05}),
      QuadraticCost(diagonal({0.05, 0.01}), diagonal({0.05}), diagonal({100.0, 20.0}), column({0.0, 0.0})),
      50, settings);
}

TEST_CASE("ddp converges quadratically on the pendulum's swing-up, ilqr does not") {
  const Vecd hanging = column({std::numbers::pi, 0.0});
  const Batchd start = Batchd::Constant(1, 50, 0.1);
  auto reference = pendulum_solver(true, 500);
  reference.solve(hanging, start);
  REQUIRE(std::abs(reference.states()(0, 50)) < 0.1);

  const auto errors = [&](bool second_order, const Batchd& from, int count) {
    std::vector<double> out;
    for (int i = 1; i <= count; ++i) {
      auto solver = pendulum_solver(second_order, i);
      solver.solve(hanging, from);
      out.push_back((solver.actions() - reference.actions()).norm());
    }
    return out;
  };
  // Near the solution: a disturbed optimum, so that both methods start alike.
  const Batchd near = reference.actions().array() + 0.01;
  const std::vector<double> ddp = errors(true, near, 14), ilqr = errors(false, near, 14);
  double order = 0;
  for (std::size_t i = 2; i < ddp.size() && ddp[i] > 1e-10; ++i)
    if (ddp[i - 1] < 0.1) order = std::log(ddp[i] / ddp[i - 1]) / std::log(ddp[i - 1] / ddp[i - 2]);
  CAPTURE(ddp, ilqr);
  CHECK(order > 1.7);
  CHECK(ddp.back() < 1e-8);
  CHECK(ilqr.back() > 100 * ddp.back());  // linear convergence
}

TEST_CASE("ilqr and ddp agree on the cart-pole's swing-up") {
  const SwingUp task;
  IlqrSettings settings;
  settings.iterations = 500;
  settings.tolerance = 1e-10;
  Ilqr ilqr(task.model, task.cost, task.kSteps, settings, task.bounds);
  settings.second_order = true;
  Ilqr ddp(task.model, task.cost, task.kSteps, settings, task.bounds);
  const Batchd start = Batchd::Zero(1, task.kSteps);
  const IlqrReport a = ilqr.solve(Vecd::Zero(4), start), b = ddp.solve(Vecd::Zero(4), start);
  CAPTURE(a.cost, a.iterations, a.rejected, b.cost, b.iterations, b.rejected, b.indefinite);
  CHECK(a.status == IlqrStatus::kConverged);
  CHECK(b.status == IlqrStatus::kConverged);
  CHECK(a.cost == Approx(b.cost).epsilon(0.01));
  for (const auto* states : {&ilqr.states(), &ddp.states()})
    CHECK((states->col(task.kSteps) - column({0.8, std::numbers::pi, 0.0, 0.0})).norm() < 1e-2);
}

TEST_CASE("limits are kept exactly, and the limited solution is optimal") {
  // A double integrator that would like far more force than it has: compare with projected gradient descent.
  constexpr int kHorizon = 15;
  const Vecd x0 = column({-2.0, 0.0});
  const ActionBounds bounds = ActionBounds::uniform(1, -1.0, 0.6);
  IlqrSettings settings;
  settings.tolerance = 1e-13;
  Ilqr solver(double_integrator(), regulator(), kHorizon, settings, bounds);
  const IlqrReport report = solver.solve(x0, Batchd::Constant(1, kHorizon, 5.0));
  CHECK(report.status == IlqrStatus::kConverged);
  CHECK(solver.actions().maxCoeff() == 0.6);
  CHECK(solver.actions().minCoeff() >= -1.0);
  // Feedback does not move actions that stand on a limit.
  for (int t = 0; t < kHorizon; ++t)
    if (solver.actions()(0, t) == 0.6) CHECK(solver.gain(t).norm() == 0.0);

  // The cost as a function of the actions alone: J(u) = 1/2 u'Hu + g'u + c, by polarisation.
  const LinearModel model = double_integrator();
  const QuadraticCost cost = regulator();
  const auto total = [&](const Vecd& u) {
    LinearModel::Workspace none;
    Vecd x = x0, next(2);
    double sum = 0;
    for (int t = 0; t < kHorizon; ++t) {
      sum += cost.stage(x, u.segment(t, 1), t);
      model.step(x, u.segment(t, 1), next, none);
      x = next;
    }
    return sum + cost.final_cost(x, kHorizon);
  };
  const Vecd zero = Vecd::Zero(kHorizon);
  Batchd h(kHorizon, kHorizon);
  Vecd g(kHorizon);
  const auto unit = [&](Index i) { return Vecd::Unit(kHorizon, i); };
  for (Index i = 0; i < kHorizon; ++i) {
    g(i) = 0.5 * (total(unit(i)) - total(-unit(i)));
    for (Index j = 0; j < kHorizon; ++j)
      h(i, j) = total(unit(i) + unit(j)) - total(unit(i)) - total(unit(j)) + total(zero);
  }
  BoxQp<> qp(kHorizon);
  qp.x() = zero;
  REQUIRE(qp.solve(h, g, Vecd::Constant(kHorizon, -1.0), Vecd::Constant(kHorizon, 0.6)) ==
          BoxQpStatus::kSolved);
  CHECK(report.cost == Approx(total(qp.x())).epsilon(1e-8));
  CHECK((solver.actions().transpose() - qp.x()).norm() < 1e-3);

  // And on a swing-up that needs all the torque there is.
  IlqrSettings ddp;
  ddp.second_order = true;
  ddp.iterations = 300;
  Ilqr pendulum(
      PendulumModel({}, {0.05}),
      QuadraticCost(diagonal({0.1, 0.01}), diagonal({0.01}), diagonal({50.0, 5.0}), column({0.0, 0.0})), 100,
      ddp, ActionBounds::uniform(1, -2.0, 2.0));
  pendulum.solve(column({std::numbers::pi, 0.0}), Batchd::Constant(1, 100, 0.1));
  CHECK(pendulum.actions().maxCoeff() <= 2.0);
  CHECK(pendulum.actions().minCoeff() >= -2.0);
  CHECK((pendulum.actions().array().abs() == 2.0).any());
}

struct BadCost {  // without a minimum, or without a number
  bool nan = false;
  double stage(ConstVecRef<double>, ConstVecRef<double> u, int) const {
    return nan ? std::numeric_limits<double>::quiet_NaN() : -u(0) * u(0);
  }
  double final_cost(ConstVecRef<double>, int) const { return 0; }
  void stage_derivatives(ConstVecRef<double>, ConstVecRef<double> u, int, VecRef<double> g,
                         BatchRef<double> h) const {
    g << 0.0, -2.0 * u(0);
    h.setZero();
    h(1, 1) = -2.0;
  }
  void final_derivatives(ConstVecRef<double>, int, VecRef<double> g, BatchRef<double> h) const {
    g.setZero();
    h.setZero();
  }
};

TEST_CASE("what cannot be solved is recorded, and mistakes are named") {
  const QuadraticCost cost(diagonal({1.0}), diagonal({1e-6}), diagonal({1.0}), column({10.0}));
  const Vecd x0 = column({0.0});
  Ilqr solver(Exploding{}, cost, 5);
  // Rollouts of the line search diverge; shorter steps do not.
  const IlqrReport report = solver.solve(x0, Batchd::Zero(1, 5));
  CHECK(report.diverged > 0);
  CHECK(report.cost < report.initial_cost);
  CHECK(solver.states().allFinite());
  // A start that diverges, a derivative that is not a number, a cost that is not.
  CHECK(solver.solve(x0, Batchd::Constant(1, 5, 2.0)).status == IlqrStatus::kDivergedStart);
  CHECK(solver.report().diverged == 1);
  CHECK(solver.solve(column({77.0}), Batchd::Zero(1, 5)).status == IlqrStatus::kNotFinite);
  CHECK(Ilqr(Exploding{}, BadCost{true}, 5).solve(x0, Batchd::Zero(1, 5)).status ==
        IlqrStatus::kDivergedStart);
  // An indefinite Hessian, which no regularisation of the states' value mends where no value depends on the
  // state.
  Ilqr saddle(Exploding{}, BadCost{}, 5, {.max_mu = 0.5});
  CHECK(saddle.solve(x0, Batchd::Zero(1, 5)).status == IlqrStatus::kIndefinite);
  CHECK(saddle.report().indefinite > 0);

  CHECK_THROWS_AS(Ilqr(Exploding{}, cost, 0), Error);
  CHECK_THROWS_AS(Ilqr(Exploding{}, cost, 5, {.second_order = true}), Error);
  CHECK_THROWS_AS(Ilqr(Exploding{}, cost, 5, {}, ActionBounds::uniform(2, -1, 1)), Error);
  CHECK_THROWS_AS(Ilqr(Exploding{}, cost, 5, {.iterations = 0}), Error);
  CHECK_THROWS_AS(Ilqr(Exploding{}, cost, 5, {.mu_factor = 1.0}), Error);
  CHECK_THROWS_AS(Ilqr(Exploding{}, cost, 5, {.min_mu = 0.0}), Error);
  CHECK_THROWS_AS(solver.solve(column({0.0, 0.0}), Batchd::Zero(1, 5)), Error);
  CHECK_THROWS_AS(solver.solve(x0, Batchd::Zero(1, 4)), Error);
  CHECK_THROWS_AS(solver.solve(x0, Batchd::Zero(2, 5)), Error);
  CHECK_THROWS_AS(solver.solve(column({std::nan("")}), Batchd::Zero(1, 5)), Error);
  CHECK_THROWS_AS(solver.solve(x0, Batchd::Constant(1, 5, std::nan(""))), Error);
  const QuadraticCost larger(diagonal({1.0, 1.0}), diagonal({1.0}), diagonal({1.0, 1.0}), column({0.0, 0.0}));
  CHECK_THROWS_AS(Ilqr(Exploding{}, larger, 5).solve(x0, Batchd::Zero(1, 5)), Error);
  CHECK_THROWS_AS(QuadraticCost(diagonal({1.0}), diagonal({1.0}), diagonal({1.0, 1.0}), column({0.0})),
                  Error);
  CHECK_THROWS_AS(QuadraticCost((Batchd(2, 2) << 1, 2, 0, 1).finished(), diagonal({1.0}),
                                Batchd::Identity(2, 2), column({0.0, 0.0})),
                  Error);
}

}  // namespace
}  // namespace mbrl
