// Planning under a deadline, on a clock that the tests move: what is cut short is the plan of a planner set
// to as many iterations.
#include "mbrl/core/deadline.hpp"

#include <cmath>
#include <memory>
#include <numbers>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "catch.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/registry/registry.hpp"
#include "mbrl/planning/sampling/random_shooting.hpp"
#include "mbrl/planning/trajectory/gradient_planner.hpp"
#include "mbrl/planning/trajectory/ilqr_planner.hpp"
#include "planning/test_evaluators.hpp"
#include "planning/trajectory/trajectory_support.hpp"

namespace mbrl {
namespace {

using planning_test::column;
using planning_test::diagonal;
using planning_test::NoisyEvaluator;
using planning_test::ObjectiveEvaluator;
using planning_test::PendulumModel;
using planning_test::quadratic;
using planning_test::vec;

// A clock at `*now` seconds; each evaluated candidate moves it by one.
struct SlowEvaluator {
  std::shared_ptr<double> now = std::make_shared<double>(100.0);
  ObjectiveEvaluator<float> evaluator{2, 6, [this](const Vecf& s, const Batchf& a) {
                                        *now += 1;
                                        return quadratic<float>()(s, a);
                                      }};
  SecondsClock clock() const {
    return [now = now] { return *now; };
  }
  Deadline in(double seconds) const {
    return Deadline(std::make_shared<const SecondsClock>(clock()), *now + seconds);
  }
};

PlannerSettings iterated(const std::string& name, int iterations) {
  PlannerSettings s{.name = name};
  s.cem = {.population = 40, .elites = 5, .iterations = iterations, .epsilon = 0};
  s.icem = {.population = 40,
            .elites = 5,
            .iterations = iterations,
            .decay = 1,
            .keep_elites = false,
            .shift_elites = false,
            .add_mean = false,
            .stop_std = 0};
  s.mppi.population = s.pddm.population = s.cmaes.population = 40;
  s.mppi.iterations = s.pddm.iterations = s.cmaes.iterations = iterations;
  s.cmaes.stop_std = 0;
  return s;
}

TEST_CASE("a sampling planner stops in time with the plan it has") {
  const ActionBounds bounds = ActionBounds::uniform(2, -1, 1);
  const Vecf state = vec({0.4f});
  for (const char* name : {"cem", "icem", "mppi", "pddm", "cmaes"}) {
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

// Evaluates particles on a clock of its own; what a call costs varies from call to call by up to a tenth, and
// now and then by a half.
struct UnsteadyEvaluator {
  using Scalar = float;
  using State = Vecf;
  std::shared_ptr<double> now = std::make_shared<double>(0.0);
  NoisyEvaluator<float> evaluator;
  explicit UnsteadyEvaluator(int particles)
      : evaluator(
            2, 6, particles,  // the same best action at every step, so that a shifted plan is as good
            [](const Vecf&, const Batchf& actions) {
              return -(actions.row(0).array() - 0.5f).square().sum() -
                     (actions.row(1).array() + 0.3f).square().sum();
            },
            0.01f, 0.01f) {}
  int horizon() const { return evaluator.horizon(); }
  int action_dim() const { return evaluator.action_dim(); }
  int particles() const { return evaluator.particles(); }
  void evaluate(const State& state, ConstBatchRef<float> actions, RolloutKey key, VecRef<float> returns) {
    spend(static_cast<double>(actions.cols()) * particles());
    evaluator.evaluate(state, actions, key, returns);
  }
  void evaluate_particles(const State& state, ConstBatchRef<float> actions, const std::uint32_t* ids,
                          RolloutKey key, int first, int last, BatchRef<float> returns) {
    spend(static_cast<double>(actions.cols()) * (last - first));
    evaluator.evaluate_particles(state, actions, ids, key, first, last, returns);
  }
  void spend(double rollouts) {
    ++calls;
    const double extra = calls % 23 == 0 ? 0.5 : 0.1 * static_cast<double>(calls * 7919 % 11) / 10;
    *now += (0.2 + 0.1 * rollouts) * (1 + extra);
  }
  std::int64_t calls = 0;
};

TEST_CASE("no plan of a sampling planner is late, however short the deadline, and the time is used") {
  const ActionBounds bounds = ActionBounds::uniform(2, -1, 1);
  for (const char* name : {"rs", "cem", "icem", "mppi", "pddm", "cmaes"})
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
        if (std::string(name) != "rs" && limit >= 1.0) CHECK(last_distance < 5 * 1.0);
      }
}

TEST_CASE("a plan that has time for nothing is the last one, shifted") {
  const ActionBounds bounds = ActionBounds::uniform(2, -1, 1);
  for (const char* name : {"cem", "icem", "mppi", "pddm", "cmaes"}) {
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

// Moves the clock by a hundredth of a second a step and by one and a half a linearisation.
struct SlowModel : PendulumModel {
  std::shared_ptr<double> now = std::make_shared<double>(100.0);
  explicit SlowModel(const PendulumModel& model) : PendulumModel(model) {}
  template <class... Arguments>
  void step(Arguments&&... arguments) const {
    *now += 0.01;
    PendulumModel::step(std::forward<Arguments>(arguments)...);
  }
  template <class... Arguments>
  void linearize(Arguments&&... arguments) const {
    *now += 1.5;
    PendulumModel::linearize(std::forward<Arguments>(arguments)...);
  }
};

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
  for (const char* name : {"cem", "icem", "mppi", "pddm", "cmaes"}) {
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
  CHECK(mpc.planner().limits == std::vector<double>(5, 5.0));
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
  CHECK_THROWS_AS(Mpc(SlowPlanner(&now), {.deadline = -1}), Error);
  CHECK_THROWS_AS(Mpc(SlowPlanner(&now), {}, SecondsClock()), Error);

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
