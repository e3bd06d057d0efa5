// Planning under a deadline, on a clock that the tests move: what is cut short is the plan of a planner set
// to as many iterations.
#include "mbrl/core/deadline.hpp"

#include <cmath>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "catch.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/registry/registry.hpp"
#include "mbrl/planning/sampling/random_shooting.hpp"
#include "mbrl/planning/trajectory/gradient_planner.hpp"
#include "mbrl/planning/trajectory/ilqr_planner.hpp"
#include "planning/slow_clocks.hpp"
#include "planning/test_evaluators.hpp"
#include "planning/trajectory/trajectory_support.hpp"

namespace mbrl {
namespace {

using planning_test::column;
using planning_test::diagonal;
using planning_test::iterated;
using planning_test::NoisyEvaluator;
using planning_test::PendulumModel;
using planning_test::quadratic;
using planning_test::SlowEvaluator;
using planning_test::SlowModel;
using planning_test::UnsteadyEvaluator;
using planning_test::vec;

TEST_CASE("a sampling planner stops in time with the plan it has") {
  const ActionBounds bounds = ActionBounds::uniform(2, -1, 1);
  const Vecf state = vec({0.4f});
  for (const char* name : {"cem", "icem", "mppi", "pddm", "cmaes", "mcts"}) {
    INFO(name);
    SlowEvaluator slow;
    const auto fresh = [&](int iterations) {
      return make_planner(slow.evaluator, bounds, iterated(name, iterations), 5);
    };
    const auto full = fresh(6).plan(state, 0), two = fresh(2).plan(state, 0);
    CHECK_FALSE(full.report.timed_out);

    auto planner = fresh(6);
    planner.set_deadline(slow.in(100));  // two of 40 candidates, a third would be ready at 121
    const double start = *slow.now;
    const auto cut = planner.plan(state, 0);
    CHECK(cut.report.timed_out);
    CHECK(cut.report.iterations == 2);
    CHECK(cut.report.rollouts == 82);  // what it starts from and the plan are evaluated, too
    CHECK(cut.actions == two.actions);
    CHECK(cut.predicted_return == two.predicted_return);
    CHECK(*slow.now - start == 82);

    auto late = fresh(6);
    late.set_deadline(slow.in(-1));
    CHECK(late.plan(state, 0).actions.isZero());  // what it starts from
    auto early = fresh(6);
    early.set_deadline(slow.in(1e9));
    const auto whole = early.plan(state, 0);
    CHECK(whole.actions == full.actions);
    CHECK_FALSE(whole.report.timed_out);

    // The next plan continues as if nothing had happened.
    planner.set_deadline({});
    planner.advance(1);
    CHECK(planner.plan(state, 1).report.iterations == 6);
  }
}

TEST_CASE("no plan of a sampling planner is late, however short the deadline, and the time is used") {
  const ActionBounds bounds = ActionBounds::uniform(2, -1, 1);
  for (const char* name : {"rs", "cem", "icem", "mppi", "pddm", "cmaes", "mcts"})
    for (const int particles : {1, 20})
      for (const double limit : {0.04, 0.2, 1.0, 3.0}) {  // in seconds of all candidates of one iteration
        INFO(name << ", " << particles << " particles, " << limit);
        UnsteadyEvaluator unsteady(particles);
        const double iteration = 0.1 * 40 * particles;
        PlannerSettings settings = iterated(name, 6);
        settings.rs.population = 240;
        settings.icem.shift_elites = settings.icem.keep_elites = true;
        Mpc mpc(make_planner(unsteady, bounds, settings, 5), {.deadline = limit * iteration + 1.0},
                [now = unsteady.now] { return *now; });
        double last_distance = 0;
        for (int t = 0; t < 150; ++t) {
          mpc.act(vec({0.4f}));
          CHECK(mpc.last_plan().actions.allFinite());
          if (t >= 145) last_distance -= static_cast<double>(mpc.last_plan().predicted_return);
        }
        // The first plans know nothing of the cost yet.
        CHECK(mpc.latency().missed() <= 2);
        CHECK(mpc.latency().p99() <= mpc.settings().deadline * 1.001);
        if (limit >= 0.2 && limit <= 1.0) CHECK(mpc.latency().p50() > 0.5 * mpc.settings().deadline);
        // Better than what the first plan starts from, 6 (0.5^2 + 0.3^2) away, where there is time for an
        // iteration.
        if (std::string(name) != "rs" && std::string(name) != "mcts" && limit >= 1.0)
          CHECK(last_distance < 5 * 1.0);
      }
}

TEST_CASE("a plan that has time for nothing is the last one, shifted") {
  const ActionBounds bounds = ActionBounds::uniform(2, -1, 1);
  for (const char* name : {"cem", "icem", "mppi", "pddm", "cmaes", "mcts"}) {
    INFO(name);
    SlowEvaluator slow;
    auto planner = make_planner(slow.evaluator, bounds, iterated(name, 3), 5);
    planner.set_deadline(slow.in(1000));
    const Batchf first = planner.plan(vec({0.4f}), 0).actions;
    planner.advance(2);
    planner.set_deadline(slow.in(0.5));
    const auto second = planner.plan(vec({0.4f}), 2);
    CHECK(second.report.timed_out);
    CHECK(second.report.rollouts == 1);  // of the plan
    CHECK(second.actions.leftCols(4) == first.rightCols(4));
    CHECK(std::isfinite(second.predicted_return));
  }
}

TEST_CASE("random shooting stops in the middle of its candidates") {
  SlowEvaluator slow;
  const ActionBounds bounds = ActionBounds::uniform(2, -1, 1);
  const auto make = [&](int population) {
    return RandomShooting(slow.evaluator, bounds, {.population = population}, 5);
  };
  auto planner = make(160);
  planner.set_deadline(slow.in(45));
  const double start = *slow.now;
  const auto cut = planner.plan(vec({0.4f}), 0);
  CHECK(cut.report.timed_out);
  CHECK(*slow.now - start <= 45);
  CHECK(cut.report.rollouts > 35);
  CHECK(cut.report.rollouts < 45);
  CHECK(cut.actions == make(static_cast<int>(cut.report.rollouts) - 1).plan(vec({0.4f}), 0).actions);
  auto early = make(160);
  early.set_deadline(slow.in(1e9));
  CHECK(early.plan(vec({0.4f}), 0).actions == make(160).plan(vec({0.4f}), 0).actions);
}

TEST_CASE("random shooting compares candidates under the same noise, however it is cut") {
  NoisyEvaluator<float> evaluator(2, 6, 4, quadratic<float>(), 5.0f, 0.0f);
  const ActionBounds bounds = ActionBounds::uniform(2, -1, 1);
  const RandomShootingSettings settings{.population = 160};
  RandomShooting planner(evaluator, bounds, settings, 5), unhurried(evaluator, bounds, settings, 5);
  planner.set_deadline(Deadline(std::make_shared<const SecondsClock>([] { return 0.0; }), 1e9));
  CHECK(planner.plan(vec({0.4f}), 0).actions == unhurried.plan(vec({0.4f}), 0).actions);
}

// Goes on by one whenever it is read.
Deadline ticking(double ticks) {
  return Deadline(
      std::make_shared<const SecondsClock>([now = std::make_shared<double>(0)] { return ++*now; }), ticks);
}

TEST_CASE("ilqr and the gradient planner stop in time with the best trajectory so far") {
  const PendulumModel model({}, {0.05});
  const QuadraticCost cost(diagonal({1.0, 0.1}), diagonal({0.01}), diagonal({100.0, 10.0}),
                           column({0.0, 0.0}));
  const ActionBounds bounds = ActionBounds::uniform(1, -2.5, 2.5);
  const Vecd hanging = column({std::numbers::pi, 0.0});
  const Batchd start = Batchd::Constant(1, 60, 0.3);
  const auto solve = [&](int iterations, const Deadline& deadline) {
    IlqrSettings settings;
    settings.iterations = iterations;
    Ilqr solver(model, cost, 60, settings, bounds);
    solver.set_deadline(deadline);
    const IlqrReport report = solver.solve(hanging, start);
    return std::pair{report, Batchd(solver.actions())};
  };
  const auto [full, full_actions] = solve(100, {});
  REQUIRE(full.iterations > 8);
  int cut_iterations = 0;
  for (const int ticks : {-5, 20, 35, 50, 65}) {
    const auto [cut, cut_actions] = solve(100, ticking(ticks));
    CHECK(cut.status == IlqrStatus::kOutOfTime);
    CHECK(cut.iterations + cut.rejected < full.iterations + full.rejected);
    CHECK(cut.iterations + cut.rejected >= cut_iterations);  // more time, more iterations
    cut_iterations = cut.iterations + cut.rejected;
    CHECK(cut.cost <= cut.initial_cost);
    if (cut.rejected > 0 || cut_iterations == 0) continue;  // a line search may have been cut, too
    CHECK(cut_actions == solve(cut_iterations, {}).second);
  }
  CHECK(cut_iterations >= 3);
  CHECK(solve(100, ticking(1e9)).second == full_actions);

  ThreadPool pool(1);
  const auto gradient = [&](int iterations, const Deadline& deadline) {
    GradientPlanner planner(model, cost, bounds,
                            {.horizon = 60, .iterations = iterations, .starts = {.starts = 1}}, 7, pool);
    planner.set_deadline(deadline);
    return planner.plan(hanging, 0);
  };
  const auto all = gradient(40, {}), early = gradient(40, ticking(1e9));
  CHECK(all.actions == early.actions);
  CHECK_FALSE(all.report.timed_out);
  const auto cut = gradient(40, ticking(50)), none = gradient(40, ticking(-5));
  CHECK(cut.report.timed_out);
  CHECK(cut.report.iterations > 3);
  CHECK(cut.report.iterations < 40);
  CHECK(cut.actions == gradient(cut.report.iterations, {}).actions);
  CHECK(cut.predicted_return >= none.predicted_return);
  CHECK(cut.predicted_return <= all.predicted_return);
  CHECK(none.report.rollouts == 1);  // the warm start's alone
  CHECK(none.actions.isZero());

  IlqrPlanner planner(model, cost, 60, {}, bounds, Vecd::Constant(1, 0.3));
  planner.set_deadline(ticking(10));
  CHECK(planner.plan(hanging, 0).report.timed_out);
}

TEST_CASE("no plan of a planner that descends is late once its work is known, and the time is used") {
  const SlowModel model(PendulumModel({}, {0.05}));
  const QuadraticCost cost(diagonal({1.0, 0.1}), diagonal({0.01}), diagonal({100.0, 10.0}),
                           column({0.0, 0.0}));
  const ActionBounds bounds = ActionBounds::uniform(1, -2.5, 2.5);
  const auto clock = std::make_shared<const SecondsClock>([now = model.now] { return *now; });
  const auto check = [&](auto planner) {
    // The dear pieces are a rollout (0.6 s) and a linearisation (1.5 s).
    planner.plan(column({3.0, 0.0}), 0);  // without a deadline nothing is timed
    for (int t = 0; t < 40; ++t) {
      const double seconds = std::vector<double>{1.0, 3.0, 6.0, 12.0}[static_cast<std::size_t>(t % 4)];
      const double start = *model.now;
      planner.set_deadline(Deadline(clock, start + seconds));
      const ActionPlan<double> plan = planner.plan(column({3.0 - 0.05 * t, 0.1}), t);
      CHECK(std::isfinite(plan.predicted_return));
      CAPTURE(t, seconds, *model.now - start);
      if (t < 4) continue;  // the first of each kind of work may be late
      CHECK(*model.now <= start + seconds + 1e-6);
      if (plan.report.timed_out && seconds > 5.0) CHECK(*model.now > start + 0.4 * seconds);
      planner.advance(1);
    }
  };
  check(IlqrPlanner(model, cost, 60, {}, bounds));
  check(IlqrPlanner(model, cost, 60, {.second_order = true}, bounds));
  ThreadPool pool(1);
  check(GradientPlanner(model, cost, bounds, {.horizon = 60, .iterations = 1000}, 7, pool));
}

}  // namespace
}  // namespace mbrl
