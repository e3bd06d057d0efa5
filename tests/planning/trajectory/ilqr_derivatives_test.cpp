// Costs and their derivatives, iLQR and DDP on derivatives by differences, and the line search in parallel.
#include "mbrl/planning/trajectory/ilqr.hpp"

#include <array>
#include <cmath>
#include <numbers>

#include "catch.hpp"
#include "mbrl/models/analytic/finite_differences.hpp"
#include "planning/trajectory/trajectory_support.hpp"

namespace mbrl {
namespace {

using planning_test::column;
using planning_test::diagonal;
using planning_test::SwingUp;

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
  const Vecd x = column({0.4, -0.7}), u = column({0.3});
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
                                column({0.1}));
  CHECK(quadratic.stage(x, u, 1) == Approx(0.5 * (0.6 * 0.6 + 2 * 4.7 * 4.7 + 3 * 0.2 * 0.2)));
  struct Value {
    const QuadraticCost* cost = nullptr;
    double stage(ConstVecRef<double> a, ConstVecRef<double> b, int t) const { return cost->stage(a, b, t); }
    double final_cost(ConstVecRef<double> a, int t) const { return cost->final_cost(a, t); }
  };
  compare(quadratic, DifferencedCost<Value>(Value{&quadratic}), 1e-5);
}

}  // namespace
}  // namespace mbrl
