// Deadlines in the MPC loop, on a clock that the tests move.
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/registry/registry.hpp"
#include "mbrl/planning/trajectory/gradient_planner.hpp"
#include "mbrl/planning/trajectory/ilqr_planner.hpp"
#include "planning/slow_clocks.hpp"

namespace mbrl {
namespace {

using Catch::Matchers::WithinAbs;
using planning_test::column;
using planning_test::diagonal;
using planning_test::iterated;
using planning_test::PendulumModel;
using planning_test::SlowEvaluator;
using planning_test::SlowModel;
using planning_test::UnsteadyEvaluator;
using planning_test::vec;

// What a busy machine does to a clock: at one in seven of the first 400 readings it has gone on by `pause`.
SecondsClock interrupted(std::shared_ptr<double> now, double pause) {
  return [now = std::move(now), pause, readings = 0, random = std::minstd_rand(3)]() mutable {
    if (++readings <= 400 && random() % 7 == 0) *now += pause;
    return *now;
  };
}

TEST_CASE("plans that pauses have made late are followed by plans that use their time") {
  const auto check = [](auto planner, double deadline, double pause, std::shared_ptr<double> now,
                        const auto& state_at, int least) {
    Mpc mpc(std::move(planner), {.deadline = deadline}, interrupted(now, pause));
    int iterations = 0;
    for (int t = 0; t < 400; ++t) {
      mpc.act(state_at(t));
      if (t >= 390) iterations += mpc.last_plan().report.iterations;
    }
    CHECK(mpc.latency().missed() > 5);
    CHECK(iterations >= 10 * least);
  };
  const ActionBounds bounds = ActionBounds::uniform(2, -1, 1);
  for (const char* name : {"cem", "icem", "mppi", "pddm", "cmaes", "mcts"}) {
    INFO(name);
    UnsteadyEvaluator unsteady(5);
    check(
        make_planner(unsteady, bounds, iterated(name, 6), 5), 80.0, 300.0, unsteady.now,
        [](int) { return vec({0.4f}); }, 2);
  }
  const SlowModel model(PendulumModel({}, {0.05}));
  const QuadraticCost cost(diagonal({1.0, 0.1}), diagonal({0.01}), diagonal({100.0, 10.0}),
                           column({0.0, 0.0}));
  const ActionBounds torques = ActionBounds::uniform(1, -2.5, 2.5);
  ThreadPool pool(1);
  const auto somewhere = [](int t) { return column({3.0 * std::cos(0.3 * t), 1.0}); };
  check(IlqrPlanner(model, cost, 60, {}, torques), 12.0, 100.0, model.now, somewhere, 1);
  check(GradientPlanner(model, cost, torques, {.horizon = 60, .iterations = 1000}, 7, pool), 12.0, 100.0,
        model.now, somewhere, 1);
}

// A machine that stops for an eighth of the deadline at one in fifty readings of its clock.
TEST_CASE(
    "where pauses make plans late, the planner gets less time, and less than one plan in a hundred is late") {
  const double deadline = 80;
  UnsteadyEvaluator unsteady(5);
  const auto clock = [now = unsteady.now, pause = deadline / 8, random = std::minstd_rand(3)]() mutable {
    if (random() % 50 == 0) *now += pause;
    return *now;
  };
  Mpc mpc(make_planner(unsteady, ActionBounds::uniform(2, -1, 1), iterated("cem", 20), 5),
          {.deadline = deadline}, clock);
  for (int t = 0; t < 500; ++t) mpc.act(vec({0.4f}));
  mpc.latency().clear();
  for (int t = 0; t < 4000; ++t) mpc.act(vec({0.4f}));
  CHECK(mpc.latency().missed() > 0);
  CHECK(mpc.latency().p99() <= deadline);
  CHECK(mpc.latency().p50() > 0.7 * deadline);
}

// Takes as many seconds as it is told.
struct SlowPlanner : Anytime {
  using Scalar = float;
  using State = int;
  double* now;
  explicit SlowPlanner(double* clock) : now(clock) {}
  ActionPlan<float> plan(int seconds, int) {
    limits.push_back(deadline_.given() ? deadline_.at() - *now : 0.0);
    *now += seconds;
    ActionPlan<float> plan;
    plan.actions = Batchf::Zero(1, 4);
    plan.report.rollouts = 1;
    return plan;
  }
  void advance(int) {}
  void reset() {}
  std::vector<double> limits;
};

TEST_CASE("the mpc loop passes its deadline on, measures on the same clock and counts what came late") {
  double now = 0;
  const SecondsClock clock = [&] { return now; };
  Mpc mpc(SlowPlanner(&now), {.deadline = 5}, clock);
  for (const int seconds : {2, 5, 6, 9, 1}) mpc.act(seconds);
  // Late ones are followed by plans that are given less; see the test of PauseReserve.
  const std::vector<double> limits = {5, 5, 5, 4.8, 4.6};
  REQUIRE(mpc.planner().limits.size() == limits.size());
  for (std::size_t i = 0; i < limits.size(); ++i)
    CHECK_THAT(mpc.planner().limits[i], WithinAbs(limits[i], 1e-12));
  CHECK(mpc.latency().count() == 5);
  CHECK(mpc.latency().missed() == 2);
  CHECK(mpc.latency().p50() == 5);
  CHECK(mpc.latency().p99() == 9);
  CHECK(mpc.latency().total() == 23);
  mpc.latency().clear();
  CHECK(mpc.latency().missed() == 0);

  // The plans of a cold start share one deadline.
  Mpc cold(SlowPlanner(&now), {.cold_start_plans = 10, .deadline = 5}, clock);
  cold.act(2);
  CHECK(cold.planner().limits == std::vector<double>{5, 3});  // a third would be late
  CHECK(cold.last_plan().report.rollouts == 2);
  CHECK(cold.latency().missed() == 0);

  Mpc free(SlowPlanner(&now), {}, clock);
  free.act(1000);
  CHECK(free.planner().limits == std::vector<double>{0});
  CHECK(free.latency().missed() == 0);
  const double unlimited = std::numeric_limits<double>::infinity();
  Mpc endless(SlowPlanner(&now), {.cold_start_plans = 3, .deadline = unlimited}, clock);
  endless.act(1000);
  CHECK(endless.planner().limits == std::vector<double>{0, 0, 0});
  CHECK(endless.latency().missed() == 0);
  CHECK(!Deadline(std::make_shared<const SecondsClock>(clock), unlimited).given());
  CHECK_THROWS_AS(Mpc(SlowPlanner(&now), {.deadline = -1}), Error);
  CHECK_THROWS_AS(Mpc(SlowPlanner(&now), {.deadline = std::nan("")}), Error);
  CHECK_THROWS_AS(Mpc(SlowPlanner(&now), {}, SecondsClock()), Error);

  // A clock that is none is found at the first plan, or in the course of one.
  for (const double none : {std::nan(""), unlimited, -unlimited})
    for (const int readings : {0, 1, 3})
      for (const double deadline : {0.0, 5.0})
        if (readings < 2 || deadline > 0) {
          const auto broken = [left = readings, none]() mutable { return left-- > 0 ? 1.0 : none; };
          SlowEvaluator any;
          Mpc blind(make_planner(any.evaluator, ActionBounds::uniform(2, -1, 1), iterated("cem", 5), 5),
                    {.deadline = deadline}, broken);
          CHECK_THROWS_WITH(blind.act(vec({0.1f})), Catch::Contains("expected seconds"));
        }

  // A planner chosen by name keeps it.
  SlowEvaluator slow;
  Mpc named(make_planner(slow.evaluator, ActionBounds::uniform(2, -1, 1), iterated("cem", 50), 5),
            {.deadline = 300}, slow.clock());
  for (int t = 0; t < 5; ++t) {
    named.act(vec({0.1f}));
    CHECK(named.last_plan().report.timed_out);
    CHECK(named.last_plan().report.iterations == 7);
  }
  CHECK(named.latency().missed() == 0);
  CHECK(named.latency().p99() <= 300);
  CHECK(named.latency().p50() > 270);
}

}  // namespace
}  // namespace mbrl
