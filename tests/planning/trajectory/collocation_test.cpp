// Collocation: exact on problems with known solutions, its order, the published cart-pole swing-up beside
// iLQR and DDP, limits, constraints, refinement, and what becomes of problems that cannot be solved.
#include "mbrl/planning/trajectory/collocation.hpp"

#include <cmath>
#include <cstdio>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "mbrl/planning/trajectory/ilqr.hpp"
#include "planning/trajectory/trajectory_support.hpp"

namespace mbrl {
namespace {

using planning_test::column;
using planning_test::diagonal;

using CartPoleFlow = AnalyticFlow<CartPoleSystem>;

static_assert(ContinuousModel<CartPoleFlow>);

// Minimum-force swing-up of the cart-pole: 2 s, 0.8 m, |F| <= 100 N, the integral of F^2. Kelly, SIAM Review
// 2017, section 6, with the masses of the same author's code.
auto swing_up(Transcription method, int segments, double force = 100) {
  CollocationSettings settings;
  settings.method = method;
  settings.segments = segments;
  CollocationLimits limits;
  limits.action_low = {-force};
  limits.action_high = {force};
  limits.final_low = limits.final_high = {0.8, std::numbers::pi, 0.0, 0.0};
  const QuadraticCost effort(Batchd::Zero(4, 4), diagonal({2.0}), Batchd::Zero(4, 4), Vecd::Zero(4));
  return Collocation(CartPoleFlow{}, effort, 2.0, settings, limits);
}

template <class C>
const CollocationReport& from_straight_line(C& collocation) {
  Batchd line = Batchd::Zero(4, 2);
  line.col(1) = column({0.8, std::numbers::pi, 0.0, 0.0});
  return collocation.solve(Vecd::Zero(4), line, Batchd::Zero(1, 1));
}

TEST_CASE("collocation swings the cart-pole up from a straight line, and agrees with ilqr and ddp") {
  // With steps of 0.01 s: actions that are constant meanwhile cost more the longer they must be.
  constexpr int kSteps = 200;
  constexpr double kDt = 0.01;
  const AnalyticModel model(CartPoleSystem{}, {kDt});
  const QuadraticCost cost(Batchd::Zero(4, 4), diagonal({2 * kDt}), 1e5 * Batchd::Identity(4, 4),
                           column({0.8, std::numbers::pi, 0.0, 0.0}));
  const ActionBounds bounds = ActionBounds::uniform(1, -100, 100);
  IlqrSettings settings;
  settings.iterations = 500;
  settings.tolerance = 1e-10;
  Ilqr ilqr(model, cost, kSteps, settings, bounds);
  settings.second_order = true;
  Ilqr ddp(model, cost, kSteps, settings, bounds);
  // There are several local optima: all start near the same one, from a coarse collocation's actions.
  auto coarse = swing_up(Transcription::kTrapezoid, 25);
  from_straight_line(coarse);
  Batchd start(1, kSteps);
  for (int t = 0; t < kSteps; ++t) start(0, t) = coarse.action_at((t + 0.5) * kDt)(0);
  ilqr.solve(Vecd::Zero(4), start);
  ddp.solve(Vecd::Zero(4), start);

  auto simpson = swing_up(Transcription::kHermiteSimpson, 50);
  auto trapezoid = swing_up(Transcription::kTrapezoid, 600);
  for (auto* c : {&simpson, &trapezoid}) {
    const CollocationReport& r = from_straight_line(*c);
    CAPTURE(r.segments, r.newton_steps, r.factorizations, r.cost, r.defect, r.optimality, r.error);
    CHECK(r.status == ProgramStatus::kConverged);
    CHECK(r.defect < 1e-8);
    CHECK((c->states().rightCols(1) - column({0.8, std::numbers::pi, 0.0, 0.0})).norm() < 1e-8);
    CHECK((c->roll_out().rightCols(1) - c->states().rightCols(1)).norm() < 1e-2);
    CHECK(r.cost == Approx(ilqr.report().cost).epsilon(0.01));
    CHECK(r.cost == Approx(ddp.report().cost).epsilon(0.01));
  }
  std::printf(
      "cart-pole swing-up, integral of F^2: iLQR %.3f, DDP %.3f, Hermite-Simpson %.3f, trapezoid %.3f\n",
      ilqr.report().cost, ddp.report().cost, simpson.report().cost, trapezoid.report().cost);
}

TEST_CASE("collocation converges with order two and four") {
  auto reference = swing_up(Transcription::kHermiteSimpson, 160);
  REQUIRE(from_straight_line(reference).status == ProgramStatus::kConverged);
  for (const auto& [method, order] :
       {std::pair{Transcription::kTrapezoid, 2.0}, std::pair{Transcription::kHermiteSimpson, 4.0}}) {
    std::vector<double> states, costs;
    for (const int segments : {20, 40, 80}) {
      auto c = swing_up(method, segments);
      REQUIRE(from_straight_line(c).status == ProgramStatus::kConverged);
      double worst = 0;
      for (const double time : c.times())
        worst = std::max(worst, (c.state_at(time) - reference.state_at(time)).cwiseAbs().maxCoeff());
      states.push_back(worst);
      costs.push_back(std::abs(c.report().cost - reference.report().cost));
    }
    const double state_order = std::log2(states[1] / states[2]), cost_order = std::log2(costs[1] / costs[2]);
    std::printf("order of the states %.2f (errors %.1e %.1e %.1e), of the cost %.2f; expected %.0f\n",
                state_order, states[0], states[1], states[2], cost_order, order);
    CHECK(state_order > order - 0.4);
    CHECK(cost_order > order - 0.4);
  }
}

// A mass from rest to rest over 1 m in 1 s with the least effort: u = 6 - 12 t, x = 3 t^2 - 2 t^3, cost 12
// / 2.
TEST_CASE("hermite-simpson is exact where states are cubic") {
  CollocationLimits limits;
  limits.final_low = limits.final_high = {1.0, 0.0, 0.0, 0.0};
  const QuadraticCost effort(Batchd::Zero(4, 4), Batchd::Identity(2, 2), Batchd::Zero(4, 4), Vecd::Zero(4));
  CollocationSettings settings;
  settings.segments = 4;
  Collocation c(AnalyticFlow<PointMassSystem>{}, effort, 1.0, settings, limits);
  const CollocationReport& r = c.solve(Vecd::Zero(4), Batchd::Zero(4, 1), Batchd::Zero(2, 1));
  REQUIRE(r.status == ProgramStatus::kConverged);
  CHECK(r.cost == Approx(6.0).epsilon(1e-8));
  CHECK(r.error < 1e-7);
  for (const double t : {0.0, 0.1, 0.33, 0.5, 0.77, 1.0}) {
    CHECK(c.state_at(t)(0) == Approx(3 * t * t - 2 * t * t * t).margin(1e-6));
    CHECK(c.action_at(t)(0) == Approx(6 - 12 * t).margin(1e-4));
  }
  CHECK((c.roll_out() - c.states()).cwiseAbs().maxCoeff() < 1e-6);
}

// The same with |u| <= 4.5: bang, a ramp, bang. With |v| limited too, the limit on v is kept everywhere.
TEST_CASE("collocation keeps limits on actions and states") {
  CollocationLimits limits;
  limits.action_low = {-4.5, -1.0};
  limits.action_high = {4.5, 1.0};
  limits.final_low = limits.final_high = {1.0, 0.0, 0.0, 0.0};
  const QuadraticCost effort(Batchd::Zero(4, 4), Batchd::Identity(2, 2), Batchd::Zero(4, 4), Vecd::Zero(4));
  CollocationSettings settings;
  settings.segments = 40;
  Collocation c(AnalyticFlow<PointMassSystem>{}, effort, 1.0, settings, limits);
  const CollocationReport& r = c.solve(Vecd::Zero(4), Batchd::Zero(4, 1), Batchd::Zero(2, 1));
  CAPTURE(r.newton_steps, r.violation, r.optimality);
  REQUIRE(r.status == ProgramStatus::kConverged);
  CHECK(c.actions().row(0).maxCoeff() == 4.5);
  CHECK(c.actions().row(0).minCoeff() == -4.5);
  // Full force until a, then 4.5 (1 - 2 t) / (1 - 2 a): the distance 4.5 (a (1 - a) + (1 - 2 a)^2 / 6) = 1.
  double low = 0, high = 0.5;
  for (int i = 0; i < 60; ++i) {
    const double m = 0.5 * (low + high), w = 1 - 2 * m;
    (4.5 * (m * (1 - m) + w * w / 6) < 1 ? low : high) = m;
  }
  const double w = 1 - 2 * low;
  CHECK(r.cost == Approx(0.5 * 4.5 * 4.5 * (2 * low + w / 3)).epsilon(1e-3));

  limits.action_low = {-100, -1};
  limits.action_high = {100, 1};
  limits.state_low = {-10, -10, -10, -10};
  limits.state_high = {10, 10, 1.2, 10};
  Collocation slow(AnalyticFlow<PointMassSystem>{}, effort, 1.0, settings, limits);
  REQUIRE(slow.solve(Vecd::Zero(4), Batchd::Zero(4, 1), Batchd::Zero(2, 1)).status ==
          ProgramStatus::kConverged);
  CHECK(slow.states().row(2).maxCoeff() == 1.2);
  // The force falls to zero at a = 3/2 (1 - 1/v), where the speed is v = 1.2: cost 4 v^2 / (3 a).
  CHECK(slow.report().cost == Approx(4 * 1.44 / (3 * 0.25)).epsilon(1e-3));
}

TEST_CASE("collocation swings up with little force, along limits") {
  auto c = swing_up(Transcription::kHermiteSimpson, 50, 15.0);
  const CollocationReport& r = from_straight_line(c);
  CAPTURE(static_cast<int>(r.status), r.newton_steps, r.factorizations, r.cost, r.defect, r.optimality);
  CHECK(r.status == ProgramStatus::kConverged);
  CHECK(r.defect < 1e-8);
  CHECK(c.actions().cwiseAbs().maxCoeff() <= 15.0);
  CHECK(c.actions().cwiseAbs().maxCoeff() > 15.0 - 1e-9);
}

TEST_CASE("refinement splits segments until the error is below its tolerance") {
  CollocationSettings settings;
  settings.segments = 12;
  settings.refinements = 6;
  settings.error_tolerance = 1e-5;
  CollocationLimits limits;
  limits.final_low = limits.final_high = {0.8, std::numbers::pi, 0.0, 0.0};
  const QuadraticCost effort(Batchd::Zero(4, 4), diagonal({2.0}), Batchd::Zero(4, 4), Vecd::Zero(4));
  auto fine = swing_up(Transcription::kHermiteSimpson, 160);
  from_straight_line(fine);
  Collocation c(CartPoleFlow{}, effort, 2.0, settings, limits);
  const CollocationReport& r = from_straight_line(c);
  CAPTURE(r.segments, r.refinements, r.error, r.newton_steps, r.cost);
  CHECK(r.status == ProgramStatus::kConverged);
  CHECK(r.refinements >= 1);
  CHECK(r.error <= 1e-5);
  CHECK(r.cost == Approx(fine.report().cost).epsilon(1e-4));
  // Segments are short where they must be.
  double shortest = 2.0, longest = 0.0;
  for (std::size_t k = 0; k + 1 < c.times().size(); ++k) {
    shortest = std::min(shortest, c.times()[k + 1] - c.times()[k]);
    longest = std::max(longest, c.times()[k + 1] - c.times()[k]);
  }
  CHECK(shortest < 0.75 * longest);
  CHECK((c.roll_out().rightCols(1) - c.states().rightCols(1)).norm() < 1e-2);
}

// Around a disc at the origin with the least effort.
struct KeepOut {
  static constexpr int kStageDim = 1, kFinalDim = 0;
  template <class T>
  std::array<T, 1> stage(const std::array<T, 4>& x, const std::array<T, 2>&, int) const {
    return {x[0] * x[0] + x[1] * x[1]};
  }
};

TEST_CASE("collocation keeps out of a disc") {
  CollocationLimits limits;
  limits.final_low = limits.final_high = {1.0, 0.0, 0.0, 0.0};
  const QuadraticCost effort(Batchd::Zero(4, 4), Batchd::Identity(2, 2), Batchd::Zero(4, 4), Vecd::Zero(4));
  CollocationSettings settings;
  settings.segments = 40;
  using Disc = AutoDiffConstraint<KeepOut, 4, 2>;
  Collocation c(AnalyticFlow<PointMassSystem>{}, effort, 2.0, settings, limits,
                Disc(KeepOut{}, ConstraintLimits<1>::at_least(0.16)));
  const Vecd start = column({-1.0, 0.0, 0.0, 0.0});
  Batchd guess(4, 3);
  guess << -1, 0, 1, 0, 0.6, 0, 0, 0, 0, 0, 0, 0;
  const CollocationReport& r = c.solve(start, guess, Batchd::Zero(2, 1));
  CAPTURE(r.newton_steps, r.violation, r.optimality);
  REQUIRE(r.status == ProgramStatus::kConverged);
  const Vecd radius = c.states().topRows(2).colwise().norm();
  CHECK(radius.minCoeff() > 0.4 - 1e-6);
  CHECK(radius.minCoeff() < 0.4 + 1e-3);
  // Two metres in two seconds cost 3, to be at p half way and back 12 |p|^2 more: the same wherever it
  // touches.
  CHECK(r.cost == Approx(3.0 + 12 * 0.16).epsilon(1e-6));
}

struct Nowhere {
  template <class T>
  T stage(const std::array<T, 4>&, const std::array<T, 2>&, int) const {
    return T(std::numeric_limits<double>::quiet_NaN());
  }
  template <class T>
  T final_cost(const std::array<T, 4>&, int) const {
    return T(0.0);
  }
};

TEST_CASE("collocation reports what cannot be solved and throws on wrong input") {
  const QuadraticCost effort(Batchd::Zero(4, 4), Batchd::Identity(2, 2), Batchd::Zero(4, 4), Vecd::Zero(4));
  const AnalyticFlow<PointMassSystem> mass;
  const Vecd rest = Vecd::Zero(4);
  const Batchd states = Batchd::Zero(4, 1), actions = Batchd::Zero(2, 1);
  SECTION("a goal out of reach") {
    CollocationLimits limits;
    limits.action_low = {-1, -1};
    limits.action_high = {1, 1};
    limits.final_low = limits.final_high = {1.0, 0.0, 0.0, 0.0};
    Collocation c(mass, effort, 1.0, {.segments = 10}, limits);
    CHECK(c.solve(rest, states, actions).status == ProgramStatus::kInfeasible);
    CHECK(c.report().defect > 1e-3);
  }
  SECTION("a cost that is not finite at the guess") {
    Collocation c(mass, AutoDiffCost<Nowhere, 4, 2>{}, 1.0, {.segments = 4});
    CHECK(c.solve(rest, states, actions).status == ProgramStatus::kDivergedStart);
  }
  SECTION("wrong input") {
    const auto make = [&](double duration, const CollocationSettings& settings,
                          CollocationLimits limits = {}) {
      return Collocation(mass, effort, duration, settings, std::move(limits));
    };
    CHECK_THROWS_AS(make(0.0, {}), Error);
    CHECK_THROWS_AS(make(1.0, {.segments = 0}), Error);
    CHECK_THROWS_AS(make(1.0, {.refinements = -1}), Error);
    CHECK_THROWS_AS(make(1.0, {.error_tolerance = 0.0}), Error);
    CHECK_THROWS_AS(make(1.0, {.max_split = 1}), Error);
    CollocationLimits limits;
    limits.action_low = {-1};
    limits.action_high = {1};
    CHECK_THROWS_AS(make(1.0, {}, limits), Error);
    limits.action_low = {-1, 2};
    limits.action_high = {1, 1};
    CHECK_THROWS_AS(make(1.0, {}, limits), Error);
    auto c = make(1.0, {.segments = 2});
    CHECK_THROWS_AS(c.solve(Vecd::Zero(3), states, actions), Error);
    CHECK_THROWS_AS(c.solve(rest, Batchd::Zero(3, 1), actions), Error);
    CHECK_THROWS_AS(c.solve(rest, states, Batchd::Zero(1, 1)), Error);
    CHECK_THROWS_AS(c.solve(rest, states, Batchd::Zero(2, 0)), Error);
    CHECK_THROWS_AS(c.solve(Vecd::Constant(4, std::numeric_limits<double>::quiet_NaN()), states, actions),
                    Error);
    CHECK_THROWS_AS(c.state_at(0.5), Error);
    c.solve(rest, states, actions);
    CHECK_THROWS_AS(c.state_at(1.5), Error);
    CHECK_THROWS_AS(c.roll_out(0), Error);
  }
}

}  // namespace
}  // namespace mbrl
