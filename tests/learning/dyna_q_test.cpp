// Tabular Dyna-Q beside dynamic programming, Q-learning by hand and the book's figure.
#include "mbrl/learning/dyna_q.hpp"

#include <array>
#include <cmath>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/env/classic/dyna_maze.hpp"

using namespace mbrl;

namespace {

constexpr int kChoices = 4;

// Steps to the goal from every square that is not a wall, breadth first from the goal.
std::map<std::pair<int, int>, int> distances() {
  std::map<std::pair<int, int>, int> found{{{0, DynaMazeTask::kColumns - 1}, 0}};
  std::deque<std::pair<int, int>> open{found.begin()->first};
  while (!open.empty()) {
    const auto [row, column] = open.front();
    open.pop_front();
    for (const auto& [down, right] : {std::pair(-1, 0), std::pair(1, 0), std::pair(0, -1), std::pair(0, 1)}) {
      const std::pair next(row + down, column + right);
      const bool inside = next.first >= 0 && next.first < DynaMazeTask::kRows && next.second >= 0 &&
                          next.second < DynaMazeTask::kColumns;
      if (!inside || DynaMazeTask::wall(next.first, next.second)) continue;
      if (found.emplace(next, found.at({row, column}) + 1).second) open.push_back(next);
    }
  }
  return found;
}

// Steps of each of the first episodes.
std::vector<int> lengths(const DynaQSettings& settings, std::uint64_t seed, int episodes) {
  DynaMaze maze;
  DynaQ table(2, kChoices, settings, seed);
  std::vector<int> all;
  std::int64_t step = 0;
  for (int episode = 0; episode < episodes; ++episode) {
    Vecd obs = maze.reset(1);
    int steps = 0;
    for (bool over = false; !over; ++steps, ++step) {
      const int choice = table.explore(obs, step);
      const StepResult result = maze.step(Vecd::Constant(1, choice));
      table.learn(obs, choice, result.reward, result.obs, result.terminated);
      obs = result.obs;
      over = result.terminated || result.truncated;
    }
    all.push_back(steps);
  }
  return all;
}

std::vector<double> mean_lengths(int planning_steps, int episodes) {
  constexpr int kSeeds = 30;
  std::vector<double> mean(static_cast<std::size_t>(episodes), 0.0);
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const std::vector<int> one = lengths({.planning_steps = planning_steps}, seed, episodes);
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += one[i] / double{kSeeds};
  }
  return mean;
}

}  // namespace

TEST_CASE("dyna: the maze is the book's, 14 steps long") {
  const auto steps = distances();
  CHECK(steps.size() == 47);
  CHECK(steps.at({2, 0}) == 14);
  DynaMaze maze;
  Vecd obs = maze.reset(1);
  CHECK(obs == Eigen::Vector2d(2, 0));
  const auto go = [&](int choice) { return maze.step(Vecd::Constant(1, choice)); };
  CHECK(go(2).obs == Eigen::Vector2d(2, 0));  // the edge
  CHECK(go(3).obs == Eigen::Vector2d(2, 1));
  CHECK(go(3).obs == Eigen::Vector2d(2, 1));  // the wall
  CHECK(go(0).obs == Eigen::Vector2d(1, 1));
  CHECK(go(1).obs == Eigen::Vector2d(2, 1));
  maze.set_physics_state({1, 8});
  const StepResult last = go(0);
  CHECK(last.terminated);
  CHECK(last.reward == 1.0);
  maze.reset(1);
  CHECK_THROWS_WITH(go(4), Catch::Contains("expected"));
}

TEST_CASE("dyna: with every transition remembered, planning finds the values of dynamic programming") {
  const auto steps = distances();
  constexpr double kDiscount = 0.95;
  DynaQ table(2, kChoices, {.planning_steps = 100, .learning_rate = 1.0, .discount = kDiscount}, 3);
  DynaMaze maze;
  for (int round = 0; round < 60; ++round)
    for (const auto& [square, distance] : steps) {
      if (distance == 0) continue;
      for (int choice = 0; choice < kChoices; ++choice) {
        maze.set_physics_state({double(square.first), double(square.second)});
        const Vecd obs = maze.observation();
        const StepResult result = maze.step(Vecd::Constant(1, choice));
        table.learn(obs, choice, result.reward, result.obs, result.terminated);
      }
    }
  CHECK(table.states() == 47);
  CHECK(table.tried() == 46 * kChoices);
  for (const auto& [square, distance] : steps) {
    const Vecd q = table.values(Eigen::Vector2d(square.first, square.second));
    if (distance == 0) {
      CHECK(q.isZero());
      continue;
    }
    CHECK(q.maxCoeff() == Approx(std::pow(kDiscount, distance - 1)).epsilon(1e-12));
    for (int choice = 0; choice < kChoices; ++choice) {
      maze.set_physics_state({double(square.first), double(square.second)});
      const Vecd next = maze.step(Vecd::Constant(1, choice)).obs;
      const int left = steps.at({static_cast<int>(next(0)), static_cast<int>(next(1))});
      CHECK(q(choice) == Approx(left == 0 ? 1.0 : std::pow(kDiscount, left)).epsilon(1e-12));
    }
  }
}

TEST_CASE("dyna: without planning it is Q-learning") {
  DynaQ table(1, 2, {.planning_steps = 0, .learning_rate = 0.5, .discount = 0.9}, 1);
  const auto at = [](double x) { return Vecd(Vecd::Constant(1, x)); };
  table.learn(at(0), 1, 2.0, at(1), false);
  CHECK(table.values(at(0)) == Eigen::Vector2d(0, 1.0));
  table.learn(at(1), 0, 4.0, at(2), true);
  CHECK(table.values(at(1)) == Eigen::Vector2d(2.0, 0));
  table.learn(at(0), 1, 2.0, at(1), false);  // 1 + 0.5 (2 + 0.9 * 2 - 1)
  CHECK(table.values(at(0))(1) == Approx(2.4));
  table.learn(at(1), 0, 4.0, at(0), true);  // an end counts nothing of what comes after it
  CHECK(table.values(at(1))(0) == Approx(3.0));
  CHECK(table.best(at(0)) == 1);
  CHECK(table.best(at(77)) == 0);
  CHECK(table.states() == 3);
}

TEST_CASE("dyna: planning needs a few episodes where Q-learning needs dozens, as in the book's figure 8.2") {
  const std::vector<double> dyna = mean_lengths(50, 5), learning = mean_lengths(0, 40);
  CHECK(dyna[3] < 25);  // 14 steps, and what a tenth of random actions adds
  CHECK(learning[3] > 100);
  CHECK(learning[12] > 30);
  CHECK(learning[39] < 25);
}

TEST_CASE("dyna: exploration is random as often as it says, and shares out ties") {
  DynaQ table(1, 4, {.planning_steps = 0, .epsilon = 0.2}, 5);
  const Vecd obs = Vecd::Zero(1);
  std::array<int, 4> counts{};
  for (std::int64_t step = 0; step < 4000; ++step)
    ++counts[static_cast<std::size_t>(table.explore(obs, step))];
  for (const int count : counts) CHECK(std::abs(count - 1000) < 140);
  table.learn(obs, 2, 1.0, Vecd::Ones(1), false);
  int best = 0;
  for (std::int64_t step = 0; step < 4000; ++step) best += table.explore(obs, step) == 2 ? 1 : 0;
  CHECK(std::abs(best - 3400) < 120);  // 0.8 + 0.2 / 4
}

TEST_CASE("dyna: a saved table goes on with the same numbers, a foreign one is refused") {
  const auto learn = [](DynaQ& table, int from, int to) {
    for (int i = from; i < to; ++i)
      table.learn(Vecd::Constant(1, i % 7), i % 3, i % 5, Vecd::Constant(1, (i * 3) % 7), i % 11 == 0);
  };
  const DynaQSettings settings{.planning_steps = 4};
  DynaQ whole(1, 3, settings, 9), first(1, 3, settings, 9), second(1, 3, settings, 9),
      empty(1, 3, settings, 9);
  learn(whole, 0, 200);
  learn(first, 0, 90);
  StateDict state;
  empty.save(state, "empty.");
  second.load(state, "empty.");
  first.save(state, "t.");
  second.load(state, "t.");
  learn(second, 90, 200);
  for (int i = 0; i < 7; ++i)
    CHECK(whole.values(Vecd::Constant(1, i)) == second.values(Vecd::Constant(1, i)));
  DynaQ other(1, 4, settings, 9);
  CHECK_THROWS_WITH(other.load(state, "t."), Catch::Contains("'values'"));
  DynaQ wide(2, 3, settings, 9);
  CHECK_THROWS_WITH(wide.load(state, "t."), Catch::Contains("'observations'"));
}

TEST_CASE("dyna: what makes no sense is refused in words") {
  DynaQ table(1, 2, {.max_states = 2}, 1);
  table.learn(Vecd::Zero(1), 0, 0, Vecd::Ones(1), false);
  CHECK_THROWS_WITH(table.learn(Vecd::Constant(1, 2), 0, 0, Vecd::Ones(1), false),
                    Catch::Contains("max_states"));
  CHECK_THROWS_WITH(table.learn(Vecd::Zero(1), 2, 0, Vecd::Ones(1), false), Catch::Contains("choice 2"));
  CHECK_THROWS_WITH(table.best(Vecd::Zero(3)), Catch::Contains("obs"));
  for (const DynaQSettings& wrong :
       {DynaQSettings{.planning_steps = -1}, DynaQSettings{.learning_rate = 0},
        DynaQSettings{.discount = 1.5}, DynaQSettings{.epsilon = -0.1}, DynaQSettings{.max_states = 0}})
    CHECK_THROWS_AS(wrong.validate(), Error);
}
