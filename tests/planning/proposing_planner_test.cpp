// A planner with proposals: the best of its plan and what is proposed, by the evaluator that both share.
#include "mbrl/planning/proposing_planner.hpp"

#include <limits>
#include <string>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/planning/any_planner.hpp"
#include "mbrl/planning/sampling/cem.hpp"
#include "planning/test_evaluators.hpp"

namespace mbrl {
namespace {

using Evaluator = planning_test::ObjectiveEvaluator<float>;
constexpr int kHorizon = 4;

// Best at 0.5 throughout; NaN for the action 0.9 in front.
float objective(const Vecf&, const Batchf& a) {
  if (a(0, 0) == 0.9f) return std::numeric_limits<float>::quiet_NaN();
  return -(a.array() - 0.5f).square().sum();
}

ProposingPlanner<Cem<Evaluator>, Evaluator> make(Evaluator& evaluator, float proposed, int count = 3) {
  return {
      Cem(evaluator, ActionBounds::uniform(1, -1, 1), {.population = 40, .elites = 8, .iterations = 2}, 1),
      evaluator,
      [proposed](const Vecf&, int, BatchRef<float> sequences) {
        sequences.setConstant(0.9f);  // of no use
        sequences.col(0).setConstant(proposed);
      },
      count};
}

}  // namespace

TEST_CASE("proposals: a better one is the plan, a worse one is not, and one without a return never") {
  Evaluator evaluator(1, kHorizon, objective);
  Cem plain(evaluator, ActionBounds::uniform(1, -1, 1), {.population = 40, .elites = 8, .iterations = 2}, 1);
  const ActionPlan<float> own = plain.plan(Vecf::Zero(1), 0);
  REQUIRE(own.predicted_return < 0);

  auto better = make(evaluator, 0.5f);
  const ActionPlan<float> plan = better.plan(Vecf::Zero(1), 0);
  CHECK(better.proposed_now());
  CHECK((plan.actions.array() == 0.5f).all());
  CHECK(plan.actions.rows() == 1);
  CHECK(plan.actions.cols() == kHorizon);
  CHECK(plan.predicted_return == 0.0f);
  CHECK(plan.report.best_return == 0.0);
  CHECK(plan.report.rollouts == own.report.rollouts + 4);  // the plan and three proposals

  for (const float proposed : {-1.0f, 0.9f}) {
    auto worse = make(evaluator, proposed);
    const ActionPlan<float> kept = worse.plan(Vecf::Zero(1), 0);
    CHECK_FALSE(worse.proposed_now());
    CHECK(kept.actions == own.actions);
    CHECK(kept.predicted_return == own.predicted_return);
  }
}

TEST_CASE("proposals: they reach a planner that has nothing, and what is saved goes on") {
  Evaluator evaluator(1, kHorizon, [](const Vecf&, const Batchf& a) {
    return a(0, 0) == 0.25f ? 1.0f : std::numeric_limits<float>::quiet_NaN();
  });
  auto planner = make(evaluator, 0.25f);
  const ActionPlan<float> plan = planner.plan(Vecf::Zero(1), 0);
  CHECK(planner.proposed_now());
  CHECK(plan.status() == PlanStatus::kComplete);
  CHECK(plan.predicted_return == 1.0f);

  Evaluator simple(1, kHorizon, objective);
  AnyPlanner<Vecf, float> one(make(simple, -1)), other(make(simple, -1));
  one.plan(Vecf::Zero(1), 0);
  StateDict state;
  one.save(state, "p.");
  other.load(state, "p.");
  CHECK(one.plan(Vecf::Zero(1), 1).actions == other.plan(Vecf::Zero(1), 1).actions);
  CHECK_THROWS_AS(make(simple, 0, 0), Error);
}

}  // namespace mbrl
