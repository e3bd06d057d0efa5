// iLQR under constraints: against a dense solve, against the optimality conditions by way of the costate, and
// what becomes of problems that cannot be solved.
#include "mbrl/planning/trajectory/constrained_ilqr.hpp"

#include <Eigen/LU>
#include <array>
#include <cmath>
#include <limits>
#include <type_traits>

#include "catch.hpp"
#include "planning/trajectory/trajectory_support.hpp"

namespace mbrl {
namespace {

using planning_test::column;
using planning_test::diagonal;
using planning_test::double_integrator;
using planning_test::Exploding;
using planning_test::regulator;

struct FinalState {
  static constexpr int kStageDim = 0, kFinalDim = 2;
  template <class T>
  std::array<T, 2> final_values(const std::array<T, 2>& x, int) const {
    return x;
  }
};

TEST_CASE("constrained ilqr ends where it must, equal to the dense optimality conditions") {
  constexpr int kHorizon = 20;
  const Vecd x0 = column({-1.0, 0.3}), goal = column({0.4, -0.1});
  ConstraintLimits<2> limits;
  limits.low = limits.high = {goal(0), goal(1)};
  ConstrainedIlqrSettings settings;
  settings.feasibility = 1e-9;
  settings.ilqr.tolerance = 1e-14;
  ConstrainedIlqr solver(double_integrator(), regulator(),
                         AutoDiffConstraint<FinalState, 2, 1>(FinalState{}, {}, limits), kHorizon, settings);
  const ConstrainedIlqrReport& r = solver.solve(x0, Batchd::Zero(1, kHorizon));
  CAPTURE(r.violation, r.outer_iterations, r.iterations, r.penalty, static_cast<int>(r.inner.status));
  REQUIRE(r.status == ConstrainedIlqrStatus::kConverged);

  // States as affine functions of the actions, the cost quadratic in them, the end linear.
  const LinearModel model = double_integrator();
  Batchd offset(2, kHorizon + 1), h = Batchd::Zero(kHorizon, kHorizon);
  std::vector<Batchd> slope(kHorizon + 1, Batchd::Zero(2, kHorizon));
  offset.col(0) = x0;
  for (int t = 0; t < kHorizon; ++t) {
    offset.col(t + 1) = model.a() * offset.col(t) + model.c();
    slope[static_cast<std::size_t>(t) + 1] = model.a() * slope[static_cast<std::size_t>(t)];
    slope[static_cast<std::size_t>(t) + 1].col(t) += model.b();
  }
  Vecd g = Vecd::Zero(kHorizon);
  for (int t = 0; t <= kHorizon; ++t) {
    const Batchd q = t < kHorizon ? diagonal({1.0, 0.1}) : diagonal({10.0, 10.0});
    const Batchd& s = slope[static_cast<std::size_t>(t)];
    h += s.transpose() * q * s;
    g += s.transpose() * q * (offset.col(t) - column({0.5, 0.0}));
  }
  h += 0.01 * Batchd::Identity(kHorizon, kHorizon);
  Batchd kkt = Batchd::Zero(kHorizon + 2, kHorizon + 2);
  kkt.topLeftCorner(kHorizon, kHorizon) = h;
  kkt.bottomLeftCorner(2, kHorizon) = slope.back();
  kkt.topRightCorner(kHorizon, 2) = slope.back().transpose();
  Vecd rhs(kHorizon + 2);
  rhs << -g, goal - offset.col(kHorizon);
  const Vecd exact = kkt.fullPivLu().solve(rhs);
  CHECK((solver.actions().transpose() - exact.head(kHorizon)).norm() < 1e-6 * exact.head(kHorizon).norm());
  CHECK((solver.final_multipliers() - exact.tail(2)).norm() < 1e-5 * exact.tail(2).norm());
}

// Keeps out of a disc on the way and ends in one place, heading as told.
struct AroundDisc {
  static constexpr int kStageDim = 1, kFinalDim = 3;
  template <class T>
  std::array<T, 1> stage(const std::array<T, 3>& x, const std::array<T, 2>&, int) const {
    const T dy = x[1] - 0.1;
    return {x[0] * x[0] + dy * dy};
  }
  template <class T>
  std::array<T, 3> final_values(const std::array<T, 3>& x, int) const {
    return x;
  }
};

TEST_CASE("constrained ilqr drives the unicycle around a disc, from a start that is not feasible") {
  constexpr int kHorizon = 40;
  const AnalyticModel model(UnicycleSystem{}, {0.1});
  const QuadraticCost cost(Batchd::Zero(3, 3), 0.1 * Batchd::Identity(2, 2), Batchd::Zero(3, 3),
                           Vecd::Zero(3));
  using Constraint = AutoDiffConstraint<AroundDisc, 3, 2>;
  ConstraintLimits<3> end;
  end.low = end.high = {2.0, 0.0, 0.0};
  const double radius = 0.6;
  const Constraint constraint(AroundDisc{}, ConstraintLimits<1>::at_least(radius * radius), end);
  const ActionBounds bounds({0.0, -1.5}, {1.3, 1.5});
  const Vecd x0 = column({-2.0, 0.0, 0.0});
  Batchd straight = Batchd::Zero(2, kHorizon);
  straight.row(0).setConstant(1.0);  // through the disc
  double ilqr_cost = 0;
  for (const bool second_order : {false, true}) {
    ConstrainedIlqrSettings settings;
    settings.ilqr.second_order = second_order;
    settings.ilqr.tolerance = 1e-13;
    settings.ilqr.iterations = 300;
    ConstrainedIlqr solver(model, cost, constraint, kHorizon, settings, bounds);
    const ConstrainedIlqrReport& r = solver.solve(x0, straight);
    CAPTURE(second_order, r.violation, r.outer_iterations, r.iterations, r.rejected, r.penalty, r.cost,
            static_cast<int>(r.inner.status));
    REQUIRE(r.status == ConstrainedIlqrStatus::kConverged);
    CHECK(r.violation <= 1e-6);
    CHECK((solver.states().col(kHorizon) - column({2.0, 0.0, 0.0})).cwiseAbs().maxCoeff() <= 1e-6);
    if (second_order) CHECK(r.cost == Approx(ilqr_cost).epsilon(1e-4));
    ilqr_cost = r.cost;

    // The Lagrangian's gradient by way of the costate; multipliers of the right sign, zero off the limit.
    Batchd jacobian(3, 5), row(1, 5), end_jacobian(3, 3), hessian(5, 5);
    Vecd gradient(5), g(1);
    typename AnalyticModel<UnicycleSystem>::Workspace none;
    Vecd costate = solver.final_multipliers();  // the final constraint's Jacobian is one, the cost zero
    double worst = 0;
    int touching = 0;
    for (int t = kHorizon; t-- > 0;) {
      const Vecd x = solver.states().col(t), u = solver.actions().col(t);
      model.linearize(x, u, jacobian, none);
      cost.stage_derivatives(x, u, t, gradient, hessian);
      constraint.stage(x, u, t, g);
      constraint.stage_jacobian(x, u, t, row);
      const double y = solver.stage_multipliers()(0, t);
      CHECK(y <= 0.0);  // a lower limit
      if (y < -1e-6) {
        ++touching;
        CHECK(g(0) == Approx(radius * radius).epsilon(1e-5));
      }
      gradient += jacobian.transpose() * costate + y * row.transpose();
      costate = gradient.head(3);
      for (int i = 0; i < 2; ++i) {
        const double slope = gradient(3 + i);
        const auto k = static_cast<std::size_t>(i);
        if (u(i) == bounds.low[k])
          CHECK(slope > -1e-4);
        else if (u(i) == bounds.high[k])
          CHECK(slope < 1e-4);
        else
          worst = std::max(worst, std::abs(slope));
      }
    }
    CHECK(touching >= 1);
    CHECK(worst < 1e-4);
  }
}

struct OutOfReach {
  static constexpr int kStageDim = 0, kFinalDim = 1;
  template <class T>
  std::array<T, 1> final_values(const std::array<T, 1>& x, int) const {
    return {x[0]};
  }
};

struct NotANumber {
  static constexpr int kStageDim = 1, kFinalDim = 0;
  template <class T>
  std::array<T, 1> stage(const std::array<T, 1>&, const std::array<T, 1>&, int) const {
    return {T(std::numeric_limits<double>::quiet_NaN())};
  }
};

TEST_CASE("constrained ilqr reports what cannot be solved and throws on wrong input") {
  const QuadraticCost cost(diagonal({1.0}), diagonal({0.1}), diagonal({1.0}), column({0.0}));
  const Batchd zero = Batchd::Zero(1, 5);
  SECTION("a constraint that no action meets") {
    using C = AutoDiffConstraint<OutOfReach, 1, 1>;
    const C beyond(OutOfReach{}, {}, ConstraintLimits<1>::at_least(9.0));
    ConstrainedIlqr solver(Exploding{}, cost, beyond, 5, {}, ActionBounds::uniform(1, -1.0, 1.0));
    const ConstrainedIlqrReport& r = solver.solve(Vecd::Zero(1), zero);
    CHECK(r.status == ConstrainedIlqrStatus::kInfeasible);
    CHECK(r.violation == Approx(4.0).epsilon(1e-6));  // as near as it can get
  }
  SECTION("a constraint that is not finite") {
    ConstrainedIlqr solver(Exploding{}, cost, AutoDiffConstraint<NotANumber, 1, 1>{}, 5);
    const ConstrainedIlqrReport& r = solver.solve(Vecd::Zero(1), zero);
    CHECK(r.status == ConstrainedIlqrStatus::kInnerFailure);
    CHECK(r.inner.status == IlqrStatus::kDivergedStart);
  }
  SECTION("a derivative that is not finite") {
    ConstrainedIlqr solver(Exploding{}, cost, Unconstrained{}, 5);
    CHECK(solver.solve(Vecd::Constant(1, 77.0), zero).status == ConstrainedIlqrStatus::kInnerFailure);
    CHECK(solver.report().inner.status == IlqrStatus::kNotFinite);
  }
  SECTION("a Hessian that stays indefinite") {
    const QuadraticCost concave(diagonal({0.0}), diagonal({-1.0}), diagonal({0.0}), column({0.0}));
    IlqrSettings inner;
    inner.max_mu = 0.1;
    ConstrainedIlqr solver(Exploding{}, concave, Unconstrained{}, 5, {.ilqr = inner});
    CHECK(solver.solve(Vecd::Zero(1), zero).status == ConstrainedIlqrStatus::kInnerFailure);
    CHECK(solver.report().inner.status == IlqrStatus::kIndefinite);
  }
  SECTION("wrong input") {
    const auto make = [&](int horizon, const ConstrainedIlqrSettings& settings) {
      return ConstrainedIlqr(Exploding{}, cost, Unconstrained{}, horizon, settings);
    };
    CHECK_THROWS_AS(make(0, {}), Error);
    CHECK_THROWS_AS(make(5, {.outer_iterations = 0}), Error);
    CHECK_THROWS_AS(make(5, {.feasibility = 0.0}), Error);
    CHECK_THROWS_AS(make(5, {.initial_penalty = 0.0}), Error);
    CHECK_THROWS_AS(make(5, {.penalty_factor = 1.0}), Error);
    CHECK_THROWS_AS(make(5, {.shrink = 1.0}), Error);
    auto solver = make(5, {});
    CHECK_THROWS_AS(solver.solve(Vecd::Zero(2), zero), Error);
    CHECK_THROWS_AS(solver.solve(Vecd::Zero(1), Batchd::Zero(1, 4)), Error);
    CHECK_THROWS_AS(solver.solve(Vecd::Zero(1), Batchd::Zero(2, 5)), Error);
    ConstraintLimits<1> crossed = ConstraintLimits<1>::between(1.0, 0.0);
    CHECK_THROWS_AS((AutoDiffConstraint<OutOfReach, 1, 1>(OutOfReach{}, {}, crossed)), Error);
  }
}

}  // namespace
}  // namespace mbrl
