// Planners by name, and their settings.
#include "mbrl/planning/registry/registry.hpp"

#include <map>
#include <string>
#include <vector>

#include "catch.hpp"
#include "mbrl/planning/sampling/cem.hpp"
#include "mbrl/planning/sampling/cma_es_planner.hpp"
#include "mbrl/planning/sampling/icem.hpp"
#include "mbrl/planning/sampling/mppi.hpp"
#include "mbrl/planning/sampling/pddm.hpp"
#include "mbrl/planning/sampling/random_shooting.hpp"
#include "mbrl/planning/tree/mcts.hpp"
#include "planning/test_evaluators.hpp"

namespace mbrl {
namespace {

using planning_test::ObjectiveEvaluator;
using planning_test::quadratic;
using planning_test::vec;

TEST_CASE("planners by name") {
  ObjectiveEvaluator<float> evaluator(2, 6, quadratic<float>());
  using E = ObjectiveEvaluator<float>;
  const ActionBounds bounds = ActionBounds::uniform(2, -1, 1);
  PlannerRegistry<E> registry;
  CHECK(registry.names() == std::vector<std::string>{"cem", "cmaes", "icem", "mcts", "mppi", "pddm", "rs"});

  auto cem = registry.make(evaluator, bounds, {.name = "cem"}, 1);
  const auto plan = [&](const std::string& name) {
    return registry.make(evaluator, bounds, {.name = name}, 1).plan(vec({0.2f}), 0).actions;
  };
  CHECK(cem.plan(vec({0.2f}), 0).actions == Cem<E>(evaluator, bounds, {}, 1).plan(vec({0.2f}), 0).actions);
  CHECK(plan("icem") == ICem<E>(evaluator, bounds, {}, 1).plan(vec({0.2f}), 0).actions);
  CHECK(plan("mppi") == Mppi<E>(evaluator, bounds, {}, 1).plan(vec({0.2f}), 0).actions);
  CHECK(plan("pddm") == Pddm<E>(evaluator, bounds, {}, 1).plan(vec({0.2f}), 0).actions);
  CHECK(plan("cmaes") == CmaEsPlanner<E>(evaluator, bounds, {}, 1).plan(vec({0.2f}), 0).actions);
  CHECK(plan("mcts") == Mcts<E>(evaluator, bounds, {}, 1).plan(vec({0.2f}), 0).actions);
  CHECK(plan("rs") == RandomShooting<E>(evaluator, bounds, {}, 1).plan(vec({0.2f}), 0).actions);

  try {
    registry.make(evaluator, bounds, {.name = "cme"}, 1);
    CHECK(false);
  } catch (const Error& e) {
    CHECK(std::string(e.what()) ==
          "planners: no planner named 'cme', expected one of cem, cmaes, icem, mcts, mppi, pddm, rs");
  }

  try {
    registry.make(evaluator, bounds, {.name = "ilqr"}, 1);
    CHECK(false);
  } catch (const Error& e) {
    CHECK(std::string(e.what()).find("'ilqr' needs derivatives") != std::string::npos);
  }

  registry.add("mine", [](E& e, const ActionBounds& b, const PlannerSettings&, std::uint64_t seed) {
    return PlannerRegistry<E>::Any(RandomShooting<E>(e, b, {.population = 7}, seed));
  });
  CHECK(registry.make(evaluator, bounds, {.name = "mine"}, 1).plan(vec({0.2f}), 0).report.rollouts == 8);
  CHECK_THROWS_AS(registry.add("rs", {}), Error);
}

// Collects "a.b.c" of every setting.
struct NameCollector {
  std::map<std::string, std::string>& helps;
  std::string prefix;
  template <class T>
  void operator()(const char* name, T& value, const char* help) const {
    helps[prefix + name] = help;
    if constexpr (requires { T::describe(value, *this); })
      T::describe(value, NameCollector{helps, prefix + name + "."});
  }
};

TEST_CASE("every planner setting is described") {
  std::map<std::string, std::string> helps;
  PlannerSettings settings;
  PlannerSettings::describe(settings, NameCollector{helps, ""});
  CHECK(helps.size() == 8 + 1 + (6 + 4) + 15 + 3 + 9 + 8 + 6 + 10);
  for (const char* name : {"name", "rs.population", "cem.epsilon", "icem.execute", "icem.racing.confidence",
                           "mppi.temperature", "pddm.beta", "cmaes.separable"})
    CHECK(helps.contains(name));
  for (const auto& [name, help] : helps) CHECK(!help.empty());
}

}  // namespace
}  // namespace mbrl
