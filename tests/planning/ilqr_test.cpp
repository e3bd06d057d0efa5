// iLQR and DDP: exact on linear-quadratic problems, DDP's order of convergence, agreement on the cart-pole,
// limits, and what becomes of problems that cannot be solved.
#include "mbrl/planning/ilqr.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/models/analytic_model.hpp"
#include "mbrl/models/finite_differences.hpp"
#include "mbrl/models/linear_model.hpp"
#include "mbrl/models/systems.hpp"
#include "mbrl/planning/any_planner.hpp"
#include "mbrl/planning/gradient_planner.hpp"
#include "mbrl/planning/ilqr_planner.hpp"
#include "mbrl/planning/lqr.hpp"
#include "mbrl/planning/mpc.hpp"

namespace mbrl {
namespace {

using PendulumModel = AnalyticModel<PendulumSystem>;
using CartPoleModel = AnalyticModel<CartPoleSystem>;

static_assert(Planner<IlqrPlanner<PendulumModel, QuadraticCost>>);
static_assert(Planner<GradientPlanner<PendulumModel, QuadraticCost>>);

Batchd diagonal(std::vector<double> entries) {
  return Eigen::Map<const Vecd>(entries.data(), static_cast<Index>(entries.size())).asDiagonal();
}
Vecd vec(std::vector<double> entries) {
  return Eigen::Map<const Vecd>(entries.data(), static_cast<Index>(entries.size()));
}

LinearModel double_integrator() {
  return LinearModel((Batchd(2, 2) << 1.0, 0.1, 0.0, 1.0).finished(), (Batchd(2, 1) << 0.005, 0.1).finished(),
                     vec({0.01, -0.02}));
}
QuadraticCost regulator() {
  return QuadraticCost(diagonal({1.0, 0.1}), diagonal({0.01}), diagonal({10.0, 10.0}), vec({0.5, 0.0}));
}

TEST_CASE("ilqr solves a linear-quadratic problem in one iteration, equal to lqr") {
  constexpr int kHorizon = 30;
  for (const bool second_order : {false, true}) {
    IlqrSettings settings;
    settings.second_order = second_order;
    Ilqr solver(double_integrator(), regulator(), kHorizon, settings);
    const Vecd x0 = vec({-1.0, 0.3});
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
      p.cost_gradient.col(t) = vec({-0.5, 0.0, 0.0});
    }
    p.final_cost = diagonal({10.0, 10.0});
    p.final_gradient = vec({-5.0, 0.0});
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
      QuadraticCost(diagonal({0.05, 0.01}), diagonal({0.05}), diagonal({100.0, 20.0}), vec({0.0, 0.0})), 50,
      settings);
}

TEST_CASE("ddp converges quadratically on the pendulum's swing-up, ilqr does not") {
  const Vecd hanging = vec({std::numbers::pi, 0.0});
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
  const Batchd near = reference.actions().array() + 0.3;
  const std::vector<double> ddp = errors(true, near, 12), ilqr = errors(false, near, 12);
  double order = 0;
  for (std::size_t i = 2; i < ddp.size() && ddp[i] > 1e-10; ++i)
    if (ddp[i - 1] < 0.1) order = std::log(ddp[i] / ddp[i - 1]) / std::log(ddp[i - 1] / ddp[i - 2]);
  CAPTURE(ddp, ilqr);
  CHECK(order > 1.7);
  CHECK(ddp.back() < 1e-8);
  CHECK(ilqr.back() > 100 * ddp.back());  // linear convergence
}

struct SwingUp {
  static constexpr int kSteps = 100;
  static constexpr double kDt = 0.02;  // 2 s
  CartPoleModel model{CartPoleSystem{}, {kDt}};
  // The integral of F^2; the goal, 0.8 m away with the pole up, as a penalty.
  QuadraticCost cost{Batchd::Zero(4, 4), diagonal({2 * kDt}), 1e5 * Batchd::Identity(4, 4),
                     vec({0.8, std::numbers::pi, 0.0, 0.0})};
  ActionBounds bounds = ActionBounds::uniform(1, -100, 100);
};

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
    CHECK((states->col(task.kSteps) - vec({0.8, std::numbers::pi, 0.0, 0.0})).norm() < 1e-2);
}

TEST_CASE("second derivatives by differences and first ones too lead to the same swing-up") {
  const SwingUp task;
  IlqrSettings settings;
  settings.iterations = 500;
  Ilqr exact(task.model, task.cost, task.kSteps, settings);
  ThreadPool pool(2);
  Ilqr differenced(FiniteDifferenceModel(task.model, {}, &pool), task.cost, task.kSteps, settings);
  const Batchd start = Batchd::Zero(1, task.kSteps);
  CHECK(exact.solve(Vecd::Zero(4), start).cost ==
        Approx(differenced.solve(Vecd::Zero(4), start).cost).epsilon(1e-4));
  settings.second_order = true;
  Ilqr ddp(task.model, task.cost, task.kSteps, settings);
  Ilqr ddp_differenced(HessianByDifferences(task.model), task.cost, task.kSteps, settings);
  CHECK(ddp.solve(Vecd::Zero(4), start).cost ==
        Approx(ddp_differenced.solve(Vecd::Zero(4), start).cost).epsilon(1e-4));
}

TEST_CASE("limits are kept exactly, and the limited solution is optimal") {
  // A double integrator that would like far more force than it has: compare with projected gradient descent.
  constexpr int kHorizon = 15;
  const Vecd x0 = vec({-2.0, 0.0});
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
      QuadraticCost(diagonal({0.1, 0.01}), diagonal({0.01}), diagonal({50.0, 5.0}), vec({0.0, 0.0})), 100,
      ddp, ActionBounds::uniform(1, -2.0, 2.0));
  pendulum.solve(vec({std::numbers::pi, 0.0}), Batchd::Constant(1, 100, 0.1));
  CHECK(pendulum.actions().maxCoeff() <= 2.0);
  CHECK(pendulum.actions().minCoeff() >= -2.0);
  CHECK((pendulum.actions().array().abs() == 2.0).any());
}

TEST_CASE("box quadratic programs satisfy the optimality conditions") {
  const RandomStream random(2, Stream::kUser);
  for (std::uint32_t problem = 0; problem < 200; ++problem) {
    const int n = 1 + static_cast<int>(problem % 8);
    Batchd root(n, n);
    Vecd g(n), low(n), high(n);
    for (Index i = 0; i < n; ++i) {
      const auto e = static_cast<std::uint32_t>(i);
      g(i) = 3 * random.normal(problem, 1, e);
      low(i) = -random.uniform(problem, 2, e);
      high(i) = random.uniform(problem, 3, e);
      for (Index j = 0; j < n; ++j) root(i, j) = random.normal(problem, 4, e, static_cast<std::uint32_t>(j));
    }
    const Batchd h = root * root.transpose() + 0.01 * Batchd::Identity(n, n);
    BoxQp<> qp(n);
    qp.x().setConstant(10.0);
    REQUIRE(qp.solve(h, g, low, high) == BoxQpStatus::kSolved);
    const Vecd gradient = h * qp.x() + g;
    for (Index i = 0; i < n; ++i) {
      CHECK((qp.x()(i) >= low(i) && qp.x()(i) <= high(i)));
      if (qp.x()(i) == low(i))
        CHECK(gradient(i) > -1e-7);
      else if (qp.x()(i) == high(i))
        CHECK(gradient(i) < 1e-7);
      else
        CHECK(std::abs(gradient(i)) < 1e-7);
    }
  }
  BoxQp<> qp(2);
  CHECK(qp.solve(-Batchd::Identity(2, 2), vec({0.1, 0.1}), vec({-1, -1}), vec({1, 1})) ==
        BoxQpStatus::kIndefinite);
  CHECK_THROWS_AS(BoxQp<>(0), Error);
}

TEST_CASE("a line search in parallel gives the same result") {
  const SwingUp task;
  ThreadPool pool(3);
  IlqrSettings settings;
  settings.iterations = 40;
  Ilqr serial(task.model, task.cost, task.kSteps, settings),
      parallel(task.model, task.cost, task.kSteps, settings, {}, &pool);
  const Batchd start = Batchd::Zero(1, task.kSteps);
  CHECK(serial.solve(Vecd::Zero(4), start).cost == parallel.solve(Vecd::Zero(4), start).cost);
  CHECK(serial.actions() == parallel.actions());
  CHECK(serial.report().iterations == parallel.report().iterations);
}

struct Exploding {  // leaves the finite numbers when pushed hard
  using Scalar = double;
  struct Workspace {};
  int obs_dim() const { return 1; }
  int action_dim() const { return 1; }
  void step(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> next,
            Workspace&) const {
    for (Index i = 0; i < obs.cols(); ++i)
      next(0, i) =
          std::abs(action(0, i)) > 1.0 ? std::numeric_limits<double>::infinity() : obs(0, i) + action(0, i);
  }
  void linearize(ConstBatchRef<double> obs, ConstBatchRef<double>, BatchRef<double> jacobian,
                 Workspace&) const {
    jacobian.setOnes();
    if (obs(0, 0) == 77.0) jacobian(0, 0) = std::numeric_limits<double>::quiet_NaN();
  }
};

struct Saddle {  // a cost without a minimum
  double stage(ConstVecRef<double>, ConstVecRef<double> u, int) const { return -u(0) * u(0); }
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

struct NanCost : Saddle {
  double stage(ConstVecRef<double>, ConstVecRef<double>, int) const { return std::nan(""); }
};

TEST_CASE("what cannot be solved is recorded, and mistakes are named") {
  const QuadraticCost cost(diagonal({1.0}), diagonal({1e-6}), diagonal({1.0}), vec({10.0}));
  const Vecd x0 = vec({0.0});
  Ilqr solver(Exploding{}, cost, 5);
  // Rollouts of the line search diverge; shorter steps do not.
  const IlqrReport report = solver.solve(x0, Batchd::Zero(1, 5));
  CHECK(report.diverged > 0);
  CHECK(report.cost < report.initial_cost);
  CHECK(solver.states().allFinite());
  // A start that diverges, a derivative that is not a number, a cost that is not.
  CHECK(solver.solve(x0, Batchd::Constant(1, 5, 2.0)).status == IlqrStatus::kDivergedStart);
  CHECK(solver.report().diverged == 1);
  CHECK(solver.solve(vec({77.0}), Batchd::Zero(1, 5)).status == IlqrStatus::kNotFinite);
  CHECK(Ilqr(Exploding{}, NanCost{}, 5).solve(x0, Batchd::Zero(1, 5)).status == IlqrStatus::kDivergedStart);
  // An indefinite Hessian, which no regularisation of the states' value mends where no value depends on the
  // state.
  Ilqr saddle(LinearModel(Batchd::Identity(1, 1), Batchd::Identity(1, 1)), Saddle{}, 5, {.max_mu = 0.5});
  CHECK(saddle.solve(x0, Batchd::Zero(1, 5)).status == IlqrStatus::kIndefinite);
  CHECK(saddle.report().indefinite > 0);

  CHECK_THROWS_AS(Ilqr(Exploding{}, cost, 0), Error);
  CHECK_THROWS_AS(Ilqr(Exploding{}, cost, 5, {.second_order = true}), Error);
  CHECK_THROWS_AS(Ilqr(Exploding{}, cost, 5, {}, ActionBounds::uniform(2, -1, 1)), Error);
  CHECK_THROWS_AS(Ilqr(Exploding{}, cost, 5, {.iterations = 0}), Error);
  CHECK_THROWS_AS(Ilqr(Exploding{}, cost, 5, {.mu_factor = 1.0}), Error);
  CHECK_THROWS_AS(Ilqr(Exploding{}, cost, 5, {.min_mu = 0.0}), Error);
  CHECK_THROWS_AS(solver.solve(vec({0.0, 0.0}), Batchd::Zero(1, 5)), Error);
  CHECK_THROWS_AS(solver.solve(x0, Batchd::Zero(1, 4)), Error);
  CHECK_THROWS_AS(solver.solve(x0, Batchd::Zero(2, 5)), Error);
  CHECK_THROWS_AS(solver.solve(vec({NAN}), Batchd::Zero(1, 5)), Error);
  CHECK_THROWS_AS(solver.solve(x0, Batchd::Constant(1, 5, NAN)), Error);
  CHECK_THROWS_AS(QuadraticCost(diagonal({1.0}), diagonal({1.0}), diagonal({1.0, 1.0}), vec({0.0})), Error);
  CHECK_THROWS_AS(QuadraticCost((Batchd(2, 2) << 1, 2, 0, 1).finished(), diagonal({1.0}),
                                Batchd::Identity(2, 2), vec({0.0, 0.0})),
                  Error);
}

struct Obstacle {  // smooth, nonlinear, time-varying
  template <class T>
  T stage(const std::array<T, 2>& x, const std::array<T, 1>& u, int t) const {
    using std::exp;
    return exp(-(x[0] * x[0]) - x[1] * x[0]) * 2.0 + u[0] * u[0] * (0.5 + 0.1 * t) + x[1] * u[0];
  }
  template <class T>
  T final_cost(const std::array<T, 2>& x, int) const {
    using std::cos;
    return 1.0 - cos(x[0]) + x[1] * x[1];
  }
};
struct ObstacleValue {
  double stage(ConstVecRef<double> x, ConstVecRef<double> u, int t) const {
    return Obstacle{}.stage(std::array<double, 2>{x(0), x(1)}, std::array<double, 1>{u(0)}, t);
  }
  double final_cost(ConstVecRef<double> x, int t) const {
    return Obstacle{}.final_cost(std::array<double, 2>{x(0), x(1)}, t);
  }
};

TEST_CASE("costs: derivatives by jets, by hand and by differences are the same") {
  const AutoDiffCost<Obstacle, 2, 1> exact;
  const DifferencedCost<ObstacleValue> differences;
  static_assert(TrajectoryCost<AutoDiffCost<Obstacle, 2, 1>> &&
                TrajectoryCost<DifferencedCost<ObstacleValue>>);
  const Vecd x = vec({0.4, -0.7}), u = vec({0.3});
  const auto compare = [&](const auto& a, const auto& b, double tolerance) {
    Vecd ga(3), gb(3), fa(2), fb(2);
    Batchd ha(3, 3), hb(3, 3), ka(2, 2), kb(2, 2);
    a.stage_derivatives(x, u, 3, ga, ha);
    b.stage_derivatives(x, u, 3, gb, hb);
    a.final_derivatives(x, 3, fa, ka);
    b.final_derivatives(x, 3, fb, kb);
    CHECK(a.stage(x, u, 3) == Approx(b.stage(x, u, 3)).epsilon(1e-12));
    CHECK(a.final_cost(x, 3) == Approx(b.final_cost(x, 3)).epsilon(1e-12));
    CHECK((ga - gb).norm() < tolerance);
    CHECK((fa - fb).norm() < tolerance);
    CHECK((ha - hb).norm() < 100 * tolerance);
    CHECK((ka - kb).norm() < 100 * tolerance);
  };
  compare(exact, differences, 1e-6);
  // A quadratic cost along a reference; its last column holds from there on.
  Batchd reference(2, 3);
  reference << 0, 1, 2, 3, 4, 5;
  const QuadraticCost quadratic(diagonal({1.0, 2.0}), diagonal({3.0}), diagonal({4.0, 5.0}), reference,
                                vec({0.1}));
  CHECK(quadratic.stage(x, u, 1) == Approx(0.5 * (0.6 * 0.6 + 2 * 4.7 * 4.7 + 3 * 0.2 * 0.2)));
  struct Value {
    const QuadraticCost* cost = nullptr;
    double stage(ConstVecRef<double> a, ConstVecRef<double> b, int t) const { return cost->stage(a, b, t); }
    double final_cost(ConstVecRef<double> a, int t) const { return cost->final_cost(a, t); }
  };
  compare(quadratic, DifferencedCost<Value>(Value{&quadratic}), 1e-5);
}

double angle_from_top(double angle) { return std::abs(std::remainder(angle, 2 * std::numbers::pi)); }

TEST_CASE("the planner swings the pendulum up in closed loop and can be saved") {
  const PendulumModel model({}, {0.05});
  const QuadraticCost cost(diagonal({1.0, 0.1}), diagonal({0.01}), diagonal({100.0, 10.0}), vec({0.0, 0.0}));
  const ActionBounds bounds = ActionBounds::uniform(1, -2.5, 2.5);
  using P = IlqrPlanner<PendulumModel, QuadraticCost>;
  IlqrSettings settings;
  settings.iterations = 100;
  Mpc<P> mpc(P(model, cost, 60, settings, bounds, vec({0.3})));
  PendulumModel::Workspace none;
  Vecd x = vec({std::numbers::pi, 0.0}), next(2);
  StateDict saved;
  std::vector<double> after;
  for (int t = 0; t < 140; ++t) {
    if (t == 40) mpc.save(saved, "mpc.");
    const Vecd u = mpc.act(x);
    CHECK(std::abs(u(0)) <= 2.5);
    if (t >= 40) after.push_back(u(0));
    model.step(x, u, next, none);
    x = next;
  }
  CHECK(angle_from_top(x(0)) < 0.05);
  CHECK(std::abs(x(1)) < 0.1);

  // A copy that takes over reproduces the rest.
  Mpc<P> copy(P(model, cost, 60, settings, bounds, vec({0.3})));
  x = vec({std::numbers::pi, 0.0});
  mpc.reset();
  for (int t = 0; t < 40; ++t) {
    model.step(x, mpc.act(x), next, none);
    x = next;
  }
  copy.load(saved, "mpc.");
  for (int t = 0; t < 5; ++t) {
    const Vecd u = copy.act(x);
    CHECK(u(0) == after[static_cast<std::size_t>(t)]);
    model.step(x, u, next, none);
    x = next;
  }
  AnyPlanner<Vecd, double> any(P(model, cost, 60, settings, bounds, vec({0.3})));
  const auto plan = any.plan(x, 0);
  CHECK(plan.predicted_return < 0);
  CHECK(plan.report.rollouts >= plan.report.iterations);
}

TEST_CASE("a planner whose warm start diverges falls back to its initial action") {
  const QuadraticCost cost(diagonal({1.0}), diagonal({0.1}), diagonal({1.0}), vec({2.0}));
  IlqrPlanner planner(Exploding{}, cost, 5);
  StateDict state;
  state.put_matrix("p.actions", Batchd::Constant(1, 5, 3.0));
  planner.load(state, "p.");
  const auto plan = planner.plan(vec({0.0}), 0);
  CHECK(plan.report.unusable >= 1);
  CHECK(std::isfinite(plan.predicted_return));
  IlqrPlanner hopeless(Exploding{}, cost, 5, {}, {}, vec({3.0}));
  const auto bad = hopeless.plan(vec({0.0}), 0);
  CHECK(std::isnan(bad.predicted_return));
  CHECK(bad.actions.isConstant(3.0));
  CHECK_THROWS_AS(planner.advance(-1), Error);
  CHECK_THROWS_AS(IlqrPlanner(Exploding{}, cost, 5, {}, {}, vec({3.0, 1.0})), Error);
}

TEST_CASE("advance shifts a plan and repeats its end") {
  const QuadraticCost cost(diagonal({1.0}), diagonal({0.1}), diagonal({1.0}), vec({2.0}));
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
}

TEST_CASE("the gradient planner finds lqr's actions and swings the pendulum up") {
  ThreadPool one(1), three(3);
  const ActionBounds bounds = ActionBounds::uniform(1, -20, 20);
  GradientPlannerSettings settings{.horizon = 10, .iterations = 3000, .restarts = 2, .learning_rate = 0.002};
  GradientPlanner planner(double_integrator(), regulator(), bounds, settings, 1, one);
  Ilqr exact(double_integrator(), regulator(), 10);
  const Vecd x0 = vec({-0.2, 0.1});
  exact.solve(x0, Batchd::Zero(1, 10));
  const auto plan = planner.plan(x0, 0);
  CHECK((plan.actions - exact.actions()).cwiseAbs().maxCoeff() < 1e-2);
  CHECK(-plan.predicted_return == Approx(exact.report().cost).epsilon(1e-4));

  const PendulumModel model({}, {0.05});
  const QuadraticCost swing(diagonal({1.0, 0.1}), diagonal({0.01}), diagonal({100.0, 10.0}), vec({0.0, 0.0}));
  const auto make = [&](ThreadPool& pool, int restarts) {
    return GradientPlanner(model, swing, ActionBounds::uniform(1, -2.5, 2.5),
                           {.horizon = 60, .iterations = 60, .restarts = restarts}, 7, pool);
  };
  auto a = make(one, 6), b = make(three, 6), single = make(one, 1);
  const Vecd hanging = vec({std::numbers::pi, 0.0});
  const auto pa = a.plan(hanging, 0), pb = b.plan(hanging, 0);
  CHECK(pa.actions == pb.actions);
  CHECK(pa.actions.cwiseAbs().maxCoeff() <= 2.5);
  CHECK(pa.report.rollouts == 6 * 61);
  CHECK(pa.predicted_return >= single.plan(hanging, 0).predicted_return);  // more starts never harm
  StateDict saved;
  a.save(saved, "g.");
  auto copy = make(three, 6);
  copy.load(saved, "g.");
  CHECK(copy.plan(hanging, 1).actions == a.plan(hanging, 1).actions);

  GradientPlanner explodes(Exploding{},
                           QuadraticCost(diagonal({1.0}), diagonal({0.1}), diagonal({1.0}), vec({2.0})),
                           ActionBounds::uniform(1, 1.5, 3.0), {.horizon = 4}, 1, one);
  const auto bad = explodes.plan(vec({0.0}), 0);
  CHECK(std::isnan(bad.predicted_return));
  CHECK(bad.report.unusable == 4);
  CHECK_THROWS_AS(GradientPlanner(model, swing, bounds, {.iterations = 0}, 1, one), Error);
  CHECK_THROWS_AS(GradientPlanner(model, swing, bounds, {.restarts = 0}, 1, one), Error);
  CHECK_THROWS_AS(GradientPlanner(model, swing, bounds, {.learning_rate = 0.0}, 1, one), Error);
}

}  // namespace
}  // namespace mbrl
