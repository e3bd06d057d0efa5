// Proposals of a policy among a sampling planner's own candidates.
#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/planning/sampling/cem.hpp"
#include "mbrl/planning/sampling/icem.hpp"
#include "mbrl/planning/sampling/mppi.hpp"
#include "planning/slow_clocks.hpp"
#include "planning/test_evaluators.hpp"

namespace mbrl {
namespace {

using Evaluator = planning_test::ObjectiveEvaluator<double>;
constexpr int kHorizon = 6;
constexpr double kNoReturn = 0.123;  // an action in front that has no return

// A needle at 0.7 throughout, in a slope that leads away from it.
double needle(const Vecd&, const Batchd& a) {
  if (a(0, 0) == kNoReturn) return std::numeric_limits<double>::quiet_NaN();
  const double distance = (a.array() - 0.7).square().sum();
  return 10.0 * std::exp(-50.0 * distance) - 0.1 * a.sum();
}

// Proposes the same action throughout, in three sequences.
auto always(double action) {
  return [action](const Vecd&, int, BatchRef<double> sequences) { sequences.setConstant(action); };
}

const ActionBounds kBounds = ActionBounds::uniform(1, -1, 1);
const CemSettings kCem{.population = 40, .elites = 5, .iterations = 5, .epsilon = 0};
const ICemSettings kIcem{
    .population = 40, .elites = 5, .iterations = 5, .stop_std = 0, .racing = {.on = false}};
const MppiSettings kMppi{.population = 40, .iterations = 5};

template <class Make>
void check_proposals(Make&& make, int iterations) {
  Evaluator evaluator(1, kHorizon, needle);
  const Vecd state = Vecd::Zero(1);
  auto plain = make(evaluator), proposed = make(evaluator), useless = make(evaluator),
       outside = make(evaluator);
  const ActionPlan<double> own = plain.plan(state, 0);
  CHECK(own.predicted_return < 1.0);

  proposed.set_proposals(always(0.68), 3);
  const ActionPlan<double> plan = proposed.plan(state, 0);
  CHECK(plan.predicted_return > 5.0);
  CHECK(plan.report.best_return > 7.0);
  CHECK(plan.report.rollouts == own.report.rollouts + 3 * iterations);

  // Proposals without a return leave the plan as it is: the other candidates are the same.
  useless.set_proposals(always(kNoReturn), 3);
  const ActionPlan<double> same = useless.plan(state, 0);
  CHECK((same.actions - own.actions).cwiseAbs().maxCoeff() < 1e-12);
  CHECK(same.report.unusable == own.report.unusable + 3 * iterations);

  outside.set_proposals(always(-5.0), 1);
  outside.plan(state, 0);
  CHECK(evaluator.last_actions.minCoeff() >= -1.0);

  proposed.set_proposals({}, 0);
  proposed.reset();
  CHECK(proposed.plan(state, 0).predicted_return < 1.0);
  CHECK_THROWS_AS(proposed.set_proposals(always(0), -1), Error);
}

}  // namespace

TEST_CASE("proposals in the population: cem, icem and mppi find what sampling alone does not") {
  SECTION("cem") {
    check_proposals([](Evaluator& e) { return Cem(e, kBounds, kCem, 1); }, kCem.iterations);
  }
  SECTION("icem") {
    check_proposals([](Evaluator& e) { return ICem(e, kBounds, kIcem, 1); }, kIcem.iterations);
  }
  SECTION("mppi") {
    check_proposals([](Evaluator& e) { return Mppi(e, kBounds, kMppi, 1); }, kMppi.iterations);
  }
}

TEST_CASE("proposals in the population: they come first under a deadline") {
  planning_test::SlowEvaluator slow;  // a second a rollout
  std::vector<float> asked;
  slow.evaluator.objective = [&, f = slow.evaluator.objective](const Vecf& s, const Batchf& a) {
    asked.push_back(a(0, 0));
    return f(s, a);
  };
  Cem planner(slow.evaluator, ActionBounds::uniform(2, -1, 1),
              {.population = 40, .elites = 5, .iterations = 3}, 1);
  planner.set_proposals([](const Vecf&, int, BatchRef<float> sequences) { sequences.setConstant(0.25f); }, 2);
  planner.set_deadline(slow.in(12));
  const auto plan = planner.plan(Vecf::Constant(1, 0.4f), 0);
  CHECK(plan.report.timed_out);
  REQUIRE(asked.size() > 4);
  CHECK(asked.size() <= 12);
  CHECK(asked[0] == 0.0f);  // what the plan starts from
  CHECK(asked[1] == 0.25f);
  CHECK(asked[2] == 0.25f);
  CHECK(asked[3] != 0.25f);
}

}  // namespace mbrl
