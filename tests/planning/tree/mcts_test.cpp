// Tree search where the optimum is known, and on a pendulum with few torques.
#include "mbrl/planning/tree/mcts.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/sampling/cem.hpp"
#include "mbrl/planning/tree/model_simulator.hpp"
#include "mbrl/rollout/model_rollout.hpp"
#include "mbrl/rollout/simulator_rollout.hpp"
#include "planning/test_evaluators.hpp"

namespace mbrl {
namespace {

using planning_test::ObjectiveEvaluator;

// Five by five cells; up, down, left, right; a step against a wall or the edge stays. Every step costs 1 until the goal.
struct Gridworld {
  using Scalar = double;
  struct Workspace {};
  static constexpr int kSide = 5;
  static constexpr std::array<const char*, kSide> kMap = {"..#..", "..#.G", "..#..", "....#", "#...."};
  static constexpr int kGoalRow = 1, kGoalColumn = 4;

  int obs_dim() const { return 2; }
  int action_dim() const { return 1; }
  static bool free(int row, int column) {
    return row >= 0 && row < kSide && column >= 0 && column < kSide &&
           kMap[static_cast<std::size_t>(row)][column] != '#';
  }
  static bool goal(int row, int column) { return row == kGoalRow && column == kGoalColumn; }
  static std::array<int, 2> moved(int row, int column, int action) {
    const int r = row + (action == 1) - (action == 0), c = column + (action == 3) - (action == 2);
    return free(r, c) ? std::array{r, c} : std::array{row, column};
  }
  void step(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> next,
            Workspace&) const {
    for (Index k = 0; k < obs.cols(); ++k) {
      const auto to =
          moved(static_cast<int>(obs(0, k)), static_cast<int>(obs(1, k)), static_cast<int>(action(0, k)));
      next.col(k) << to[0], to[1];
    }
  }
  // Steps to the goal from every cell, by value iteration.
  static Eigen::MatrixXi distances() {
    Eigen::MatrixXi d = Eigen::MatrixXi::Constant(kSide, kSide, 1000);
    d(kGoalRow, kGoalColumn) = 0;
    for (int sweep = 0; sweep < kSide * kSide; ++sweep)
      for (int row = 0; row < kSide; ++row)
        for (int column = 0; column < kSide; ++column)
          for (int a = 0; a < 4 && free(row, column); ++a) {
            const auto to = moved(row, column, a);
            d(row, column) = std::min(d(row, column), 1 + d(to[0], to[1]));
          }
    return d;
  }
};

const auto step_cost = [](ConstBatchRef<double>, ConstBatchRef<double>, ConstBatchRef<double>, int,
                          VecRef<double> out) { out.setConstant(-1.0); };
const auto at_goal = [](ConstBatchRef<double> next, VecRef<double> done) {
  for (Index k = 0; k < next.cols(); ++k)
    done(k) = Gridworld::goal(static_cast<int>(next(0, k)), static_cast<int>(next(1, k)));
};

// Steps that a planner takes to the goal, 30 at most. `state(row, column, t)` is what it plans from.
template <class P, class StateOf>
int steps_to_goal(P planner, int row, int column, const StateOf& state) {
  Mpc mpc(std::move(planner));
  int steps = 0;
  for (std::array<int, 2> at = {row, column}; !Gridworld::goal(at[0], at[1]) && steps < 30; ++steps)
    at = Gridworld::moved(at[0], at[1], static_cast<int>(mpc.act(state(at[0], at[1], steps))(0)));
  return steps;
}

TEST_CASE("mcts: the exact optimum of a gridworld from every cell, by 2,000 simulations") {
  ThreadPool pool(1);
  ModelRollout rollout(Gridworld{}, RewardFunction<double>(step_cost), at_goal, {.horizon = 30}, pool);
  const Eigen::MatrixXi distance = Gridworld::distances();
  REQUIRE(distance(0, 0) == 9);
  REQUIRE(MctsSettings().trees * MctsSettings().iterations == 2000);
  for (const bool reuse : {true, false})
    for (int row = 0; row < Gridworld::kSide; ++row)
      for (int column = 0; column < Gridworld::kSide; ++column) {
        if (!Gridworld::free(row, column)) continue;
        INFO(row << ", " << column << ", reuse " << reuse);
        MctsSettings settings;
        settings.reuse = reuse;
        const auto state = [](int r, int c, int) { return Vecd((Vecd(2) << r, c).finished()); };
        Mcts planner(rollout, ActionBounds::choice_of(4), settings, 3);
        CHECK(steps_to_goal(std::move(planner), row, column, state) == distance(row, column));
      }
}

TEST_CASE("mcts: a value at the leaf, or a policy from there on, in place of random actions") {
  ThreadPool pool(2);
  using World = ModelSimulator<Gridworld>;
  SimulatorRollout<World> rollout([] { return World({}, step_cost, at_goal); }, {.horizon = 12}, pool);
  const Eigen::MatrixXi distance = Gridworld::distances();
  const auto left = [&](const auto& obs) {
    return distance(static_cast<int>(obs(0)), static_cast<int>(obs(1)));
  };
  const auto towards_goal = [&](ConstVecRef<double> obs, int, VecRef<double> action) {
    for (int a = 0; a < 4; ++a) {
      const auto to = Gridworld::moved(static_cast<int>(obs(0)), static_cast<int>(obs(1)), a);
      if (distance(to[0], to[1]) < left(obs)) action(0) = a;
    }
  };
  const auto state = [](int r, int c, int t) {
    return std::vector<double>{static_cast<double>(r), static_cast<double>(c), static_cast<double>(t)};
  };
  const MctsSettings few{.trees = 2, .iterations = 12};
  const auto walk = [&] {
    return steps_to_goal(Mcts(rollout, ActionBounds::choice_of(4), few, 1), 0, 0, state);
  };
  CHECK(walk() > 9);
  rollout.guide(towards_goal, 12);
  CHECK(walk() == 9);
  rollout.guide({}, 0);
  CHECK(walk() > 9);  // nothing says what lies ahead
  rollout.set_terminal_value([&](ConstBatchRef<double> obs, int, VecRef<double> out) {
    for (Index k = 0; k < obs.cols(); ++k) out(k) = -left(obs.col(k));
  });
  CHECK(walk() == 9);
}

TEST_CASE("mcts: what is left of the trees is searched on, and moved to what the new state is worth") {
  ThreadPool pool(1);
  ModelRollout rollout(Gridworld{}, RewardFunction<double>(step_cost), at_goal, {.horizon = 30}, pool);
  Mcts mcts(rollout, ActionBounds::choice_of(4), {.trees = 2, .iterations = 300}, 3);
  const Vecd start = (Vecd(2) << 3, 3).finished();
  const auto first = mcts.plan(start, 0);
  CHECK(first.report.rollouts == 601);
  CHECK(first.predicted_return == -3);
  CHECK(first.actions(0, 0) == 0);
  CHECK(mcts.trees()[0].node(0).visits == 300);
  CHECK(mcts.root().size() == 4);
  int visits = 0;
  for (const auto& choice : mcts.root()) visits += choice.visits;
  CHECK(visits == 600);
  mcts.advance(1);
  const int kept = mcts.trees()[0].node(0).visits;
  CHECK(kept > 100);
  const double worth = mcts.trees()[0].value(0);
  const auto second = mcts.plan((Vecd(2) << 2, 3).finished(), 1);
  CHECK(second.predicted_return == -2);
  CHECK(mcts.trees()[0].node(0).visits == kept + 300);
  CHECK(mcts.trees()[0].value(0) > worth);
  mcts.advance(1);
  mcts.reset();
  CHECK(mcts.plan(start, 0).predicted_return == -3);
  CHECK(mcts.trees()[0].node(0).visits == 300);
}

TEST_CASE("mcts: settings that make no sense are refused") {
  ObjectiveEvaluator<float> evaluator(2, 6, planning_test::quadratic<float>());
  const auto complaint = [&](const MctsSettings& settings) {
    return [&evaluator, settings] { Mcts(evaluator, ActionBounds::uniform(2, -1, 1), settings, 1); };
  };
  CHECK_THROWS_WITH(complaint({.trees = 0})(), Catch::Contains("mcts: trees is 0"));
  CHECK_THROWS_WITH(complaint({.iterations = 0})(), Catch::Contains("mcts: iterations is 0"));
  CHECK_THROWS_WITH(complaint({.actions = 1})(), Catch::Contains("mcts: actions is 1"));
  CHECK_THROWS_WITH(complaint({.actions = 40})(), Catch::Contains("too many to try all"));
  CHECK_THROWS_WITH(complaint({.exploration = -1})(), Catch::Contains("mcts: exploration is -1"));
  CHECK_THROWS_WITH(complaint({.widening = 0})(), Catch::Contains("mcts: widening is 0"));
  CHECK_THROWS_WITH(complaint({.widening_power = 1})(), Catch::Contains("mcts: widening_power is 1"));
  CHECK_THROWS_WITH(complaint({.hold = 0})(), Catch::Contains("mcts: hold is 0"));
}

// Return of Pendulum-v1's 200 steps.
template <class Act>
double pendulum_return(std::uint64_t seed, Act&& act) {
  Pendulum env;
  env.reset(seed);
  double sum = 0;
  for (int t = 0; t < 200; ++t) sum += env.step(act(env, t)).reward;
  return sum;
}

TEST_CASE("mcts: a pendulum with five torques, on its true model") {
  ThreadPool pool(1);
  double searched = 0, chance = 0, best = 0;
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    SimulatorRollout<Pendulum> rollout([] { return Pendulum(); }, {.horizon = 30}, pool);
    Mpc mpc(Mcts(rollout, ActionBounds::uniform(1, -2, 2), MctsSettings{.actions = 5}, seed));
    searched += pendulum_return(seed, [&](const Pendulum& env, int) {
      const Vecd action = mpc.act(env.state());
      CHECK(action(0) == std::round(action(0)));
      return action;
    });
    const RandomStream random(seed, Stream::kUser);
    chance += pendulum_return(seed, [&](const Pendulum&, int t) {
      return Vecd(Vecd::Constant(1, random.uniform(-2.0, 2.0, static_cast<std::uint32_t>(t))));
    });
    Mpc reference(Cem(rollout, ActionBounds::uniform(1, -2, 2), {}, seed));
    best += pendulum_return(seed, [&](const Pendulum& env, int) { return Vecd(reference.act(env.state())); });
  }
  INFO(searched << ", chance " << chance << ", CEM " << best);
  CHECK((searched - chance) / (best - chance) > 0.8);
}

}  // namespace
}  // namespace mbrl
