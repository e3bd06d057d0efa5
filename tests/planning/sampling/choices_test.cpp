// Planners for actions that are a choice of n, on CartPole-v1 and Acrobot-v1 themselves, beside brute force.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "catch.hpp"
#include "mbrl/env/classic/acrobot.hpp"
#include "mbrl/env/classic/cartpole.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/registry/registry.hpp"
#include "mbrl/planning/sampling/categorical_cem.hpp"
#include "mbrl/planning/sampling/cem.hpp"
#include "mbrl/rollout/simulator_rollout.hpp"
#include "mbrl/task/env_spec.hpp"
#include "planning/test_evaluators.hpp"

namespace mbrl {
namespace {

using planning_test::ObjectiveEvaluator;
using planning_test::vec;

bool all_choices(const Batchd& actions, int n) {
  return (actions.array() == actions.array().floor()).all() && actions.minCoeff() >= 0 &&
         actions.maxCoeff() <= n - 1;
}

// Every sequence of choices, one a column.
Batchd all_sequences(int choices, int horizon) {
  Batchd all(horizon, static_cast<Index>(std::pow(choices, horizon)));
  for (Index k = 0; k < all.cols(); ++k)
    for (Index t = 0, rest = k; t < horizon; ++t, rest /= choices)
      all(t, k) = static_cast<double>(rest % choices);
  return all;
}

// Return with a value at the end that tells sequences apart: CartPole-v1 pays 1 per step whatever happens.
template <class Env>
SimulatorRollout<Env> rollout(int horizon, ThreadPool& pool) {
  SimulatorRollout<Env> rollout([] { return Env(); }, {horizon}, pool);
  rollout.set_terminal_value([](ConstBatchRef<double> obs, int, VecRef<double> out) {
    out = -(obs.row(0).array().square() + 10 * obs.row(2).array().square()).transpose();
  });
  return rollout;
}

template <class Env>
void against_brute_force(int horizon, int choices) {
  ThreadPool pool(1);
  auto evaluator = rollout<Env>(horizon, pool);
  const Batchd all = all_sequences(choices, horizon);
  Vecd returns(all.cols());
  Env env;
  const ActionBounds bounds = action_bounds(env.spec());
  CHECK(bounds.choices == choices);
  for (const char* name : {"cem", "rs"}) {
    PlannerSettings settings{.name = name};
    settings.rs.population = 4000;
    settings.cem = {.population = 300, .elites = 20, .iterations = 8, .alpha = 0.2};
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      INFO(name << ", start " << seed);
      env.reset(seed);
      for (int t = 0; t < 5; ++t) env.step(Vecd::Constant(1, seed % 2 ? 0.0 : 1.0));  // away from rest
      evaluator.evaluate(env.state(), all, {}, returns);
      const auto plan = make_planner(evaluator, bounds, settings, seed).plan(env.state(), 0);
      CHECK(all_choices(plan.actions, choices));
      CHECK(plan.predicted_return == Approx(returns.maxCoeff()).margin(1e-12));
    }
  }
}

TEST_CASE("categorical cem and random shooting find the best of all sequences on CartPole-v1") {
  against_brute_force<CartPole>(9, 2);
}

TEST_CASE("categorical cem and random shooting find the best of all sequences on Acrobot-v1") {
  against_brute_force<Acrobot>(6, 3);
}

TEST_CASE("every planner by name plans choices, and evaluates what will be executed") {
  // The return falls off between the choices: a planner that evaluated numbers would look for them.
  const int n = 3;
  const auto target = [](Index t) { return static_cast<double>((t * 2 + 1) % n); };
  for (const std::string& name : planner_names()) {
    INFO(name);
    ObjectiveEvaluator<double> evaluator(1, 5, [&](const Vecd&, const Batchd& actions) {
      CHECK(all_choices(actions, n));
      double sum = 0;
      for (Index t = 0; t < actions.cols(); ++t) sum -= std::abs(actions(0, t) - target(t));
      return sum;
    });
    PlannerSettings settings{.name = name};
    settings.icem.population = 60;
    settings.icem.iterations = 8;
    settings.pddm.iterations = 8;
    settings.pddm.beta = 1;
    settings.cem.population = settings.rs.population = 500;
    Mpc mpc(make_planner(evaluator, ActionBounds::choice_of(n), settings, 3), {.replan_every = 5});
    const double first = mpc.act(vec({0.0}))(0);
    CHECK(first == target(0));
    const Batchd actions = mpc.last_plan().actions;
    CHECK(all_choices(actions, n));
    Index hits = 0;
    for (Index t = 0; t < 5; ++t) hits += actions(0, t) == target(t);
    CHECK(hits >= (name == "cem" || name == "rs" || name == "icem" ? 5 : 4));
    CHECK(mpc.last_plan().predicted_return ==
          -static_cast<double>(
              (actions.row(0).array() -
               Eigen::Array<double, 1, 5>{target(0), target(1), target(2), target(3), target(4)})
                  .abs()
                  .sum()));
  }
}

TEST_CASE("categorical cem keeps balancing CartPole-v1 from its own warm start") {
  ThreadPool pool(1);
  auto evaluator = rollout<CartPole>(20, pool);
  CartPole env;
  env.reset(3);
  PlannerSettings settings{.name = "cem"};
  settings.cem = {.population = 60, .elites = 6, .iterations = 3};
  Mpc mpc(make_planner(evaluator, action_bounds(env.spec()), settings, 1));
  double total = 0;
  for (int t = 0; t < 200; ++t) {
    const StepResult step = env.step(mpc.act(env.state()));
    total += step.reward;
    if (step.terminated) break;
  }
  CHECK(total == 200);
}

TEST_CASE("choices that are none are refused, and planners of numbers say what to take") {
  ObjectiveEvaluator<double> evaluator(1, 3, [](const Vecd&, const Batchd& a) { return a.sum(); });
  using E = ObjectiveEvaluator<double>;
  const ActionBounds choices = ActionBounds::choice_of(2), numbers = ActionBounds::uniform(1, 0, 1);
  CHECK_THROWS_AS(Cem<E>(evaluator, choices, {}, 1), Error);
  CHECK_THROWS_AS(CategoricalCem<E>(evaluator, numbers, {}, 1), Error);
  CHECK_THROWS_AS(CategoricalCem<E>(evaluator, choices, {.elites = 0}, 1), Error);
  CHECK_THROWS_AS(CategoricalCem<E>(evaluator, choices, {.epsilon = 0.5}, 1), Error);
  ActionBounds wrong = choices;
  wrong.high = {2.0};
  CHECK_THROWS_AS(make_planner(evaluator, wrong, {.name = "cem"}, 1), Error);
  CHECK_THROWS_AS(make_planner(evaluator, wrong, {.name = "mppi"}, 1), Error);
}

}  // namespace
}  // namespace mbrl
