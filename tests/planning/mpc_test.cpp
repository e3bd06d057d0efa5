// The MPC loop, planners by name, and planning times.
#include "mbrl/planning/mpc.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/planning/registry/registry.hpp"
#include "mbrl/planning/sampling/icem.hpp"
#include "planning/test_evaluators.hpp"

namespace mbrl {
namespace {

using planning_test::NoisyEvaluator;
using planning_test::ObjectiveEvaluator;
using planning_test::quadratic;
using planning_test::RigidPendulum;
using planning_test::vec;

// Writes down what it is told; plans count up from the step asked for.
struct ScriptedPlanner {
  using Scalar = float;
  using State = int;
  std::string* log;
  ActionPlan<float> plan(int state, int t) {
    *log += "plan " + std::to_string(state) + " at " + std::to_string(t) + "; ";
    ActionPlan<float> plan;
    plan.actions = Batchf(1, 4);
    for (int i = 0; i < 4; ++i) plan.actions(0, i) = static_cast<float>(10 * t + i);
    return plan;
  }
  void advance(int steps) { *log += "advance " + std::to_string(steps) + "; "; }
  void reset() { *log += "reset; "; }
};

TEST_CASE("the mpc loop plans every k steps, shifts, and forgets at a reset") {
  std::string log;
  Mpc mpc(ScriptedPlanner{&log}, {.replan_every = 2});
  std::vector<float> actions;
  std::vector<bool> planned;
  for (int t = 0; t < 5; ++t) {
    actions.push_back(mpc.act(100 + t)(0));
    planned.push_back(mpc.planned_now());
  }
  CHECK(log == "plan 100 at 0; advance 2; plan 102 at 2; advance 2; plan 104 at 4; ");
  CHECK(actions == std::vector<float>{0, 1, 20, 21, 40});
  CHECK(planned == std::vector<bool>{true, false, true, false, true});
  CHECK(mpc.step() == 5);
  CHECK(mpc.latency().count() == 3);
  log.clear();
  mpc.reset();
  CHECK(mpc.last_plan().actions.size() == 0);
  mpc.act(7);
  CHECK(log == "reset; plan 7 at 0; ");

  CHECK_THROWS_AS(Mpc(ScriptedPlanner{&log}, {.replan_every = 0}), Error);
  Mpc too_long(ScriptedPlanner{&log}, {.replan_every = 5});
  CHECK_THROWS_AS(too_long.act(0), Error);
  CHECK_THROWS_AS(too_long.act(0), Error);  // its plan is not executed for all that
}

// Goes where the observation is; a planner in one type of number.
template <class S>
struct Follower {
  using Scalar = S;
  using State = Vec<S>;
  ActionPlan<S> plan(const State& state, int) {
    ActionPlan<S> plan;
    plan.actions = S(0.1) * state;
    return plan;
  }
  void advance(int) {}
  void reset() {}
};

TEST_CASE("an observation in double or float gives the action in double or float") {
  Mpc single(Follower<float>{});
  Mpc twice(Follower<double>{});
  const Vecd obs = vec({1.0, -2.0, 3.0});
  const Vecf obs_single = obs.cast<float>();
  const auto check = [](const auto& action, double tolerance) {
    CHECK(action.template cast<double>().isApprox(vec({0.1, -0.2, 0.3}), tolerance));
  };
  static_assert(std::same_as<decltype(single.act(obs)), const Vecd&>);
  static_assert(std::same_as<decltype(single.act(obs_single)), const Vecf&>);
  static_assert(std::same_as<decltype(twice.act(obs)), const Vecd&>);
  static_assert(std::same_as<decltype(twice.act(obs_single)), const Vecf&>);
  check(single.act(obs), 1e-6);
  check(single.act(obs_single), 1e-6);
  check(twice.act(obs), 1e-15);
  check(twice.act(obs_single), 1e-6);
  // Expressions and references, too.
  check(single.act(2.0 * obs - obs), 1e-6);
  check(single.act(ConstVecRef<double>(obs)), 1e-6);
  check(single.act(obs.cast<float>()), 1e-6);
  CHECK(single.step() == 5);
}

TEST_CASE("after a plan that failed the mpc loop goes on where it was") {
  std::string log;
  struct Choosy : ScriptedPlanner {
    ActionPlan<float> plan(int state, int t) {
      require(state != 13, "not from 13");
      return ScriptedPlanner::plan(state, t);
    }
  };
  Mpc mpc(Choosy{{&log}}, {.replan_every = 2});
  mpc.act(1);
  mpc.act(1);
  log.clear();
  CHECK_THROWS_AS(mpc.act(13), Error);
  CHECK_THROWS_AS(mpc.act(13), Error);
  CHECK(mpc.step() == 2);
  CHECK(mpc.act(2)(0) == 20.0f);
  CHECK(log == "advance 2; plan 2 at 2; ");  // the warm start was shifted once
}

TEST_CASE("in open loop a plan is executed to its end, and a changed task can ask for a new one") {
  std::string log;
  Mpc mpc(ScriptedPlanner{&log}, {.open_loop = true});
  std::vector<float> actions;
  for (int t = 0; t < 5; ++t) actions.push_back(mpc.act(t)(0));
  CHECK(log == "plan 0 at 0; advance 4; plan 4 at 4; ");
  CHECK(actions == std::vector<float>{0, 1, 2, 3, 40});
  log.clear();
  mpc.replan();
  CHECK(mpc.act(5)(0) == 50);
  CHECK(mpc.act(6)(0) == 51);
  CHECK(log == "advance 1; plan 5 at 5; ");

  log.clear();
  Mpc some(ScriptedPlanner{&log}, {.replan_every = 3});
  some.replan();  // nothing to drop
  some.act(0);
  some.act(1);
  some.replan();
  some.act(2);
  some.act(3);
  CHECK(log == "plan 0 at 0; advance 2; plan 2 at 2; ");
}

TEST_CASE("an episode's first plan is made several times over, and only that") {
  std::string log;
  Mpc mpc(ScriptedPlanner{&log}, {.replan_every = 2, .cold_start_plans = 3});
  for (int t = 0; t < 3; ++t) mpc.act(t);
  CHECK(log == "plan 0 at 0; plan 0 at 0; plan 0 at 0; advance 2; plan 2 at 2; ");
  CHECK(mpc.latency().count() == 2);
  log.clear();
  mpc.reset();
  mpc.act(9);
  CHECK(log == "reset; plan 9 at 0; plan 9 at 0; plan 9 at 0; ");
  log.clear();
  mpc.forget();  // the time goes on
  mpc.act(5);
  CHECK(log == "reset; plan 5 at 1; plan 5 at 1; plan 5 at 1; ");
  CHECK(mpc.step() == 2);
  CHECK_THROWS_AS(Mpc(ScriptedPlanner{&log}, {.cold_start_plans = 0}), Error);

  // What it is for: a planner of few candidates starts from a better plan, and all rollouts are counted.
  const RigidPendulum pendulum;
  ObjectiveEvaluator<double> evaluator(1, 30, pendulum.objective<double>());
  const ICemSettings few{.population = 20, .elites = 5, .iterations = 3, .stop_std = 0};
  const auto first_plan = [&](int plans) {
    Mpc loop(ICem(evaluator, ActionBounds::uniform(1, -6, 6), few, 3), {.cold_start_plans = plans});
    loop.act(vec({0.6, 0.0}));
    return loop.last_plan();
  };
  const auto cold = first_plan(1), warm = first_plan(10);
  CHECK(warm.predicted_return > cold.predicted_return);
  CHECK(warm.report.rollouts > 10 * cold.report.rollouts);  // later plans keep elites
}

// Return of 30 control steps of the real pendulum under a model of it.
double episode(const RigidPendulum& real, const RigidPendulum& model, const MpcSettings& mpc_settings) {
  constexpr int kSteps = 30;
  ObjectiveEvaluator<double> evaluator(1, kSteps, model.objective<double>());
  const ICemSettings settings{
      .population = 200, .elites = 20, .iterations = 10, .noise_beta = 1.0, .stop_std = 0.01};
  Mpc mpc(ICem(evaluator, ActionBounds::uniform(1, -6, 6), settings, 3), mpc_settings);
  Vecd state = vec({0.6, 0.0});
  double sum = 0;
  for (int t = 0; t < kSteps; ++t) sum += real.step(state, mpc.act(state)(0));
  return sum;
}

TEST_CASE("closed loop makes up for a wrong model, open loop does not") {
  const RigidPendulum real, wrong{.mass = 0.8};
  const MpcSettings blind{.open_loop = true};
  const double closed = episode(real, wrong, {}), open = episode(real, wrong, blind);
  INFO("closed " << closed << ", open " << open << ", true " << episode(real, real, {}) << " "
                 << episode(real, real, blind));
  CHECK(open == episode(real, wrong, {.replan_every = 30}));
  CHECK(closed > -6.0);
  CHECK(open < 3.0 * closed);
  // With the true model nothing is gained by looking again.
  CHECK(episode(real, real, blind) > closed - 2.0);
}

TEST_CASE("a saved mpc loop continues exactly, in the middle of a plan too") {
  NoisyEvaluator<float> evaluator(2, 8, 20, quadratic<float>(), 0.3f, 0.3f);
  const ActionBounds bounds = ActionBounds::uniform(2, -1, 1);
  for (const char* name : {"rs", "cem", "icem", "mppi", "pddm", "cmaes", "mcts"}) {
    PlannerSettings settings{.name = name};
    settings.rs.population = settings.cem.population = settings.mppi.population = settings.pddm.population =
        100;
    settings.mcts.iterations = 25;
    Mpc mpc(make_planner(evaluator, bounds, settings, 5), {.replan_every = 3});
    for (int saved_at = 0; saved_at < 5; ++saved_at) {
      if (saved_at == 3) mpc.replan();  // asked for, not yet made
      StateDict saved;
      mpc.save(saved, "mpc.");
      Mpc other(make_planner(evaluator, bounds, settings, 6), {.replan_every = 3});
      other.load(saved, "mpc.");
      StateDict again;
      other.save(again, "mpc.");
      CHECK(again.arrays.size() == saved.arrays.size());
      for (int t = 0; t < 5; ++t) {
        const Vecf state = vec({0.1f * static_cast<float>(t)});
        CHECK(mpc.act(state) == other.act(state));
        CHECK(mpc.last_plan().predicted_return == other.last_plan().predicted_return);
        CHECK(mpc.last_plan().report.rollouts == other.last_plan().report.rollouts);
        CHECK(mpc.step() == other.step());
      }
    }
  }
}

// Plans of ones; the plans of steps `from` to `to` have no finite return.
struct FailingPlanner {
  using Scalar = float;
  using State = Vecf;
  int from = 0, to = 0;
  ActionPlan<float> plan(const Vecf&, int t) {
    ActionPlan<float> plan;
    plan.actions = Batchf::Constant(1, 4, static_cast<float>(t) / 10);
    plan.report.rollouts = 7;
    if (t >= from && t < to) {
      plan.predicted_return = std::numeric_limits<float>::quiet_NaN();
      plan.report.best_return = std::numeric_limits<double>::quiet_NaN();
    }
    return plan;
  }
  void advance(int) {}
  void reset() {}
};

TEST_CASE("a plan without a usable prediction is not executed") {
  const ActionBounds bounds = ActionBounds::uniform(1, 1, 3);
  const Vecf state = vec({0.0f});
  Mpc mpc(FailingPlanner{2, 4}, bounds, {}, 1);
  std::vector<float> actions;
  std::vector<PlanStatus> statuses;
  for (int t = 0; t < 5; ++t) {
    actions.push_back(mpc.act(state)(0));
    statuses.push_back(mpc.last_plan().status());
  }
  CHECK(actions == std::vector<float>{0.0f, 0.1f, 0.1f, 0.1f, 0.4f});  // held in between
  CHECK(statuses == std::vector<PlanStatus>{PlanStatus::kComplete, PlanStatus::kComplete,
                                            PlanStatus::kUnusable, PlanStatus::kUnusable,
                                            PlanStatus::kComplete});
  Mpc at_first(FailingPlanner{0, 2}, bounds, {}, 1);
  CHECK(at_first.act(state)(0) == 2.0f);  // mid-range
  CHECK(at_first.act(state)(0) == 2.0f);
  CHECK(at_first.act(state)(0) == 0.2f);

  Mpc strict(FailingPlanner{1, 9}, {.on_unusable = OnUnusable::kThrow});
  strict.act(state);
  const auto complaint = [&](const Vecf& from) -> std::string {
    try {
      strict.act(from);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  CHECK(
      complaint(state).find("the plan at step 1 is unusable: none of its 7 rollouts gave a finite return") !=
      std::string::npos);
  CHECK(complaint(vec({std::numeric_limits<float>::quiet_NaN()})).find("the state it starts from holds a") !=
        std::string::npos);
  CHECK(strict.step() == 1);

  // So does a planner whose model knows nothing but NaN.
  ObjectiveEvaluator<float> nan(
      1, 4, [](const Vecf&, const Batchf&) { return std::numeric_limits<float>::quiet_NaN(); });
  for (const char* name : {"rs", "cem", "icem", "mppi", "pddm", "cmaes", "mcts"}) {
    INFO(name);
    Mpc named(make_planner(nan, bounds, {.name = name}, 1), bounds, {}, 1);
    CHECK(named.act(state)(0) == 2.0f);
    CHECK(named.last_plan().status() == PlanStatus::kUnusable);
    Mpc thrower(make_planner(nan, bounds, {.name = name}, 1), {.on_unusable = OnUnusable::kThrow});
    CHECK_THROWS_AS(thrower.act(state), Error);
  }
}

TEST_CASE("a plan that cannot be executed is refused in words") {
  struct Broken {
    using Scalar = double;
    using State = Vecd;
    Batchd actions;
    ActionPlan<double> plan(const Vecd&, int) {
      ActionPlan<double> plan;
      plan.actions = actions;
      plan.predicted_return = 1;
      return plan;
    }
    void advance(int) {}
    void reset() {}
  };
  const Vecd obs = Vecd::Zero(2);
  const auto error = [&](const Batchd& actions) {
    Mpc mpc(Broken{actions}, ActionBounds::uniform(1, -1, 1), {}, 1);
    return error_of([&] { mpc.act(obs); });
  };
  CHECK(error(Batchd::Zero(1, 3)).empty());
  CHECK(contains(error(Batchd::Zero(3, 3)),
                 "mpc: the actions of the planner's plan has dimension 3, expected 1"));
  CHECK(
      contains(error(Batchd::Constant(1, 3, NAN)), "the plan at step 0 holds an action that is not finite"));
  Mpc without_bounds(Broken{Batchd(0, 3)});
  CHECK_THROWS_WITH(without_bounds.act(obs), Catch::Contains("actions of no entry"));
}

TEST_CASE("exploration noise disturbs what is executed, by its counter alone") {
  const ActionBounds bounds = ActionBounds::uniform(1, -4, 4);
  const auto actions = [&](const ExplorationSettings& exploration, std::uint64_t seed, int steps) {
    Mpc mpc(FailingPlanner{}, bounds, {.exploration = exploration}, seed);
    std::vector<double> all;
    for (int t = 0; t < steps; ++t) {
      all.push_back(mpc.act(vec({0.0f}))(0));
      CHECK(mpc.last_plan().actions(0, 0) == static_cast<float>(t % 10) / 10);  // plans stay as they are
      if (t % 10 == 9) mpc.reset();
    }
    return all;
  };
  const auto moments = [&](const ExplorationSettings& exploration) {
    const ActionBounds wide = ActionBounds::uniform(1, -40, 40);  // nothing is clipped
    Mpc mpc(FailingPlanner{}, wide, {.exploration = exploration}, 5);
    double sum = 0, squares = 0, neighbours = 0, before = 0;
    constexpr int kEpisodes = 40, kSteps = 64;
    for (int episode = 0; episode < kEpisodes; ++episode, mpc.reset())
      for (int t = 0; t < kSteps; ++t) {
        const double z = static_cast<double>(mpc.act(vec({0.0f}))(0) - static_cast<float>(t) / 10);
        sum += z;
        squares += z * z;
        if (t > 0) neighbours += z * before;
        before = z;
      }
    constexpr double kCount = kEpisodes * kSteps;
    return std::array{sum / kCount, std::sqrt(squares / kCount), neighbours / squares};
  };
  CHECK(actions({}, 1, 10) == actions({.std = 0, .noise_beta = 2}, 2, 10));
  const ExplorationSettings white{.std = 0.05};
  CHECK(actions(white, 1, 30) == actions(white, 1, 30));
  CHECK(actions(white, 1, 30) != actions(white, 2, 30));
  const auto [mean, std, correlation] = moments({.std = 0.05});
  CHECK(mean == Approx(0).margin(0.2));
  CHECK(std == Approx(0.05 * 40).epsilon(0.06));
  CHECK(std::abs(correlation) < 0.06);
  CHECK(moments({.std = 0.05, .noise_beta = 2})[2] > 0.7);
  for (const double a : actions({.std = 10}, 1, 60)) CHECK(std::abs(a) <= 4.0);

  CHECK_THROWS_AS(Mpc(FailingPlanner{}, {.exploration = {.std = 0.1}}), Error);  // no bounds
  CHECK_THROWS_AS(Mpc(FailingPlanner{}, bounds, {.exploration = {.std = -1}}, 1), Error);

  // A loop that is restored goes on with the same noise, whatever its own seed.
  ObjectiveEvaluator<float> evaluator(1, 4, quadratic<float>());
  const auto make = [&](std::uint64_t seed) {
    return Mpc(make_planner(evaluator, bounds, {.name = "mppi"}, seed), bounds,
               {.exploration = {.std = 0.2, .noise_beta = 1}}, seed);
  };
  auto one = make(3), other = make(4);
  for (int t = 0; t < 70; ++t) {
    if (t == 3) one.reset();
    one.act(vec({0.1f}));
  }
  StateDict saved;
  one.save(saved, "m.");
  other.load(saved, "m.");
  for (int t = 0; t < 5; ++t) CHECK(one.act(vec({0.2f})) == other.act(vec({0.2f})));
}

}  // namespace
}  // namespace mbrl
