// Planners and the range of the actions: plans scale with it, bounds are never overstepped, and a range that
// a planner's numbers cannot work with is refused.
#include <cfloat>
#include <cmath>
#include <string>

#include "catch.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/registry/registry.hpp"
#include "mbrl/planning/sampling/cem.hpp"
#include "mbrl/planning/trajectory/gradient_planner.hpp"
#include "mbrl/planning/trajectory/ilqr_planner.hpp"
#include "planning/test_evaluators.hpp"
#include "planning/trajectory/trajectory_support.hpp"

namespace mbrl {
namespace {

using planning_test::column;
using planning_test::diagonal;
using planning_test::ObjectiveEvaluator;
using planning_test::PendulumModel;
using planning_test::quadratic;
using planning_test::vec;

constexpr const char* kPlanners[] = {"rs", "cem", "icem", "mppi", "pddm", "cmaes"};

PlannerSettings small(const std::string& name) {
  PlannerSettings s{.name = name};
  s.rs.population = 200;
  s.cem = {.population = 60, .elites = 6, .iterations = 12};
  s.icem.population = 60;
  s.icem.iterations = 12;
  s.mppi.population = s.pddm.population = 60;
  s.mppi.noise_covariance = {0.25, 0.05, 0.05, 0.2};
  s.mppi.control_cost = 0.1;
  s.cmaes.iterations = 30;
  return s;
}

TEST_CASE("the same plan, scaled, for every range of the actions") {
  const auto plans = [](const std::string& name, double scale, int& iterations) {
    ObjectiveEvaluator<double> evaluator(2, 6, [scale](const Vecd& state, const Batchd& actions) {
      return quadratic<double>()(state, actions / scale);
    });
    Mpc mpc(make_planner(evaluator, ActionBounds({-scale, -0.8 * scale}, {scale, scale}), small(name), 5));
    Batchd all(2, 4);
    iterations = 0;
    for (int t = 0; t < 4; ++t) {
      all.col(t) = mpc.act(vec({0.3 * t})) / scale;
      iterations += mpc.last_plan().report.iterations;
    }
    return all;
  };
  for (const char* name : kPlanners) {
    int expected = 0;
    const Batchd unit = plans(name, 1.0, expected);
    for (const double scale : {0.01, 1.0 / 1024, 200.0, 4096.0, 1e9}) {
      INFO(name << ", actions times " << scale);
      int iterations = 0;
      CHECK((plans(name, scale, iterations) - unit).cwiseAbs().maxCoeff() < 1e-8);
      CHECK(iterations == expected);
    }
  }
}

TEST_CASE("cem stops early for every range of the actions, and not at once") {
  for (const double scale : {0.01, 1.0, 200.0}) {
    ObjectiveEvaluator<double> evaluator(2, 3, [scale](const Vecd& state, const Batchd& actions) {
      return quadratic<double>()(state, actions / scale);
    });
    Cem cem(evaluator, ActionBounds::uniform(2, -scale, scale), {.iterations = 50}, 1);
    const int iterations = cem.plan(vec({0.2}), 0).report.iterations;
    CHECK(iterations > 2);
    CHECK(iterations < 10);
  }
}

template <class S>
bool refused(const std::string& name, double low, double high) {
  ObjectiveEvaluator<S> evaluator(1, 3, [](const Vec<S>&, const Batch<S>& a) { return -a.squaredNorm(); });
  try {
    make_planner(evaluator, ActionBounds::uniform(1, low, high), {.name = name}, 1);
  } catch (const Error& e) {
    CHECK(std::string(e.what()).find("is bounded by [") != std::string::npos);
    return true;
  }
  return false;
}

TEST_CASE("a range that a planner's numbers cannot square is refused") {
  for (const char* name : kPlanners) {
    INFO(name);
    for (const double bound : {static_cast<double>(FLT_MAX), 1e39, DBL_MAX, 1e20, 1e-25})
      CHECK(refused<float>(name, -bound, bound));
    CHECK(refused<float>(name, 1.0, 1.0 + 1e-12));  // no number of that type lies between
    for (const double bound : {1e18, 1.0, 1e-15}) CHECK_FALSE(refused<float>(name, -bound, bound));
    for (const double bound : {DBL_MAX, 1e155, 1e-170}) CHECK(refused<double>(name, -bound, bound));
    for (const double bound : {1e39, 1e-39}) CHECK_FALSE(refused<double>(name, -bound, bound));
  }
  const PendulumModel model({}, {0.05});
  const QuadraticCost cost(diagonal({1.0, 0.1}), diagonal({0.01}), diagonal({100.0, 10.0}),
                           column({0.0, 0.0}));
  ThreadPool pool(1);
  const ActionBounds wide = ActionBounds::uniform(1, -DBL_MAX, DBL_MAX);
  CHECK_THROWS_AS(GradientPlanner(model, cost, wide, {}, 1, pool), Error);
  CHECK_THROWS_AS(IlqrPlanner(model, cost, 10, {}, wide), Error);
}

TEST_CASE("no action is outside the bounds, not even by its rounding to float") {
  // As float, 0.4 is 0.4000000059, and -0.7 is -0.6999999881.
  const ActionBounds bounds({-0.4, -0.7}, {0.4, 0.3});
  for (const char* name : kPlanners)
    for (const float sign : {1.0f, -1.0f}) {
      INFO(name << ", towards " << sign);
      ObjectiveEvaluator<float> evaluator(
          2, 4, [sign](const Vecf&, const Batchf& actions) { return sign * actions.sum(); });
      Mpc mpc(make_planner(evaluator, bounds, small(name), 5));
      for (int t = 0; t < 6; ++t) {
        const Vecd action = mpc.act(vec({0.0f})).cast<double>();
        for (std::size_t i = 0; i < 2; ++i) {
          CHECK(action(static_cast<Index>(i)) >= bounds.low[i]);
          CHECK(action(static_cast<Index>(i)) <= bounds.high[i]);
        }
      }
      for (Index i = 0; i < evaluator.last_actions.size(); ++i) {
        const auto d = static_cast<std::size_t>(i % 2);
        CHECK(static_cast<double>(evaluator.last_actions.reshaped()(i)) >= bounds.low[d]);
        CHECK(static_cast<double>(evaluator.last_actions.reshaped()(i)) <= bounds.high[d]);
      }
    }
}

}  // namespace
}  // namespace mbrl
