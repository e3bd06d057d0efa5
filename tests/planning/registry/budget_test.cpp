// A planner given a budget of rollouts keeps it and uses it.
#include "mbrl/planning/registry/budget.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/planning/registry/registry.hpp"
#include "planning/test_evaluators.hpp"

namespace mbrl {
namespace {

using planning_test::ObjectiveEvaluator;
using planning_test::quadratic;
using planning_test::RigidPendulum;
using planning_test::vec;

constexpr int kBudgets[] = {20, 25, 40, 60, 80, 100, 128, 200, 300, 500, 1000, 2000};

TEST_CASE("a budget is spent on iterations that have enough elites") {
  for (const int budget : kBudgets) {
    INFO("budget " << budget);
    const PlannerSettings s = within_budget({}, budget);
    CHECK(s.cem.elites >= 5);
    CHECK(s.cem.population >= 3 * s.cem.elites);
    if (budget >= 25) CHECK(s.cem.population >= 4 * s.cem.elites);
    CHECK(s.cem.iterations * s.cem.population < budget);
    CHECK(s.icem.elites >= (budget >= 25 ? 5 : 4));
    CHECK(s.icem.population >= 3 * s.icem.elites);
    CHECK(most_rollouts(s.icem) <= budget);
    CHECK(s.mppi.population >= std::min(16, budget - 1));
    CHECK(s.cmaes.population >= 12);
    CHECK(s.mcts.iterations * s.mcts.trees < budget);
    // More iterations only, or more candidates only: never more than there are by default.
    CHECK(s.cem.iterations <= CemSettings().iterations);
    CHECK(s.icem.iterations <= ICemSettings().iterations);
  }
  // The default budget has the iterations of the defaults.
  const PlannerSettings s = within_budget({}, 1000), by_default;
  CHECK(s.cem.iterations == by_default.cem.iterations);
  CHECK(s.icem.iterations == by_default.icem.iterations);
  CHECK(s.mppi.iterations == by_default.mppi.iterations);
  CHECK(s.cmaes.iterations == by_default.cmaes.iterations);
  // Iterations that were asked for are made.
  const PlannerSettings kept = within_budget({}, 80, {"cem", "icem"});
  CHECK(kept.cem.iterations == 5);
  CHECK(kept.cem.population == 15);
  CHECK(kept.cem.elites == 5);
  CHECK(kept.icem.iterations == 4);
  CHECK(most_rollouts(kept.icem) <= 80);
  CHECK_THROWS_AS(within_budget({}, 1), Error);
  PlannerSettings none;
  none.cem.iterations = 0;
  CHECK_THROWS_AS(within_budget(none, 100), Error);
}

TEST_CASE("every planner keeps its budget, uses most of it, and more is better") {
  for (const std::string& name : planner_names()) {
    std::vector<double> qualities;
    for (const int budget : {20, 60, 80, 200, 500, 1000}) {
      PlannerSettings settings = within_budget({}, budget);
      settings.name = name;
      // Nothing stops early here.
      settings.cem.epsilon = settings.icem.stop_std = settings.cmaes.stop_std = 0;
      std::int64_t most = 0;
      double quality = 0;
      for (std::uint64_t seed = 0; seed < 5; ++seed) {
        ObjectiveEvaluator<double> evaluator(1, 15, RigidPendulum{}.objective<double>());
        auto planner = make_planner(evaluator, ActionBounds::uniform(1, -2, 2), settings, seed);
        for (int t = 0; t < 2; ++t) {
          const auto plan = planner.plan(vec({2.0, 0.5}), t);
          CHECK(plan.report.rollouts <= budget);
          most = std::max(most, plan.report.rollouts);
          if (t == 1) quality += plan.predicted_return / 5;
          planner.advance(0);
        }
      }
      INFO(name << ", budget " << budget);
      CHECK(most * 5 >= budget * 4);
      qualities.push_back(quality);
    }
    INFO(name);
    CHECK(qualities.back() > qualities.front());
    CHECK(qualities[3] > qualities[0]);
  }
}

TEST_CASE("a small budget leaves cem a distribution to draw from") {
  // Candidates of the second and third iteration differ: the variance has not collapsed onto one elite.
  PlannerSettings settings = within_budget({}, 80);
  settings.name = "cem";
  ObjectiveEvaluator<double> evaluator(2, 6, quadratic<double>());
  auto planner = make_planner(evaluator, ActionBounds::uniform(2, -1, 1), settings, 1);
  const auto plan = planner.plan(vec({0.3}), 0);
  CHECK(plan.report.iterations == settings.cem.iterations);
  CHECK(plan.report.iterations == 3);
  CHECK(plan.predicted_return > -1.0);
}

}  // namespace
}  // namespace mbrl
