// The CMA-ES planner: the search it wraps, its bounds, its settings, and a terminal value.
#include "mbrl/planning/sampling/cma_es_planner.hpp"

#include <Eigen/Dense>
#include <cmath>
#include <vector>

#include "catch.hpp"
#include "mbrl/rollout/model_rollout.hpp"
#include "planning/test_evaluators.hpp"

namespace mbrl {
namespace {

using planning_test::ObjectiveEvaluator;
using planning_test::quadratic;
using planning_test::vec;

TEST_CASE("cmaes is cma-es on scaled actions, outside of the bounds at a price") {
  for (const bool separable : {false, true}) {
    const CmaEsPlannerSettings settings{
        .population = 10, .iterations = 6, .sigma = 0.9, .separable = separable, .stop_std = 0.0};
    ObjectiveEvaluator<double> evaluator(2, 3, quadratic<double>());
    const ActionBounds bounds({-1.0, 0.0}, {0.6, 3.0});
    CmaEsPlanner planner(evaluator, bounds, settings, 42);
    Vecd mean(6);
    mean << -0.2, 1.5, -0.2, 1.5, -0.2, 1.5;
    const Vecd mid = mean, half = vec({0.8, 1.5, 0.8, 1.5, 0.8, 1.5});
    CmaEs search(Vecd::Zero(6), 0.9, {10, separable}, 42);
    for (std::uint32_t step = 0; step < 3; ++step) {
      const Vecd state = vec({0.3 * step});
      search.restart((mean - mid).cwiseQuotient(half), 0.9, step);
      int outside = 0;
      for (int i = 0; i < settings.iterations; ++i) {
        const Batchd x = search.ask();
        std::vector<double> returns, sorted, losses;
        for (Index k = 0; k < 10; ++k) {
          Vecd action(6);
          double price = 0;
          for (Index e = 0; e < 6; ++e) {
            const double inside = std::min(1.0, std::max(-1.0, x(e, k)));
            outside += inside != x(e, k) ? 1 : 0;
            price += std::pow((x(e, k) - inside) / search.std(e), 2) / 6;
            action(e) = mid(e) + half(e) * inside;
          }
          returns.push_back(quadratic<double>()(state, action.reshaped(2, 3)));
          losses.push_back(price);
        }
        sorted = returns;
        std::sort(sorted.begin(), sorted.end());
        Vecd told(10);
        for (std::size_t k = 0; k < 10; ++k)
          told(static_cast<Index>(k)) = 2 * (sorted[7] - sorted[2]) * losses[k] - returns[k];
        search.tell(told);
      }
      CHECK(outside > 0);
      for (Index e = 0; e < 6; ++e)
        mean(e) = mid(e) + half(e) * std::min(1.0, std::max(-1.0, search.mean()(e)));
      const ActionPlan<double> plan = planner.plan(state, 0);
      CHECK(plan.actions.reshaped().isApprox(mean, 1e-9));
      CHECK(plan.report.rollouts == 61);
      CHECK(plan.report.iterations == 6);
      planner.advance(1);
      mean.head(4) = Vecd(mean.tail(4));
    }
  }
}

TEST_CASE("cmaes finds the optimum inside the bounds and on them") {
  for (const bool separable : {false, true}) {
    const CmaEsPlannerSettings settings{
        .population = 16, .iterations = 150, .separable = separable, .stop_std = 1e-5};
    ObjectiveEvaluator<double> evaluator(2, 3, quadratic<double>());
    CmaEsPlanner inside(evaluator, ActionBounds({-1, -2}, {1, 6}), settings, 1);
    const ActionPlan<double> plan = inside.plan(vec({0.4}), 0);
    CHECK(plan.predicted_return > -1e-8);
    CHECK(plan.report.iterations < 150);  // stopped once converged

    // Targets 0.7 sin(1.3 i + 0.4) in a narrower box: the nearest point of the box is optimal.
    CmaEsPlanner on(evaluator, ActionBounds::uniform(2, -0.3, 0.4), settings, 1);
    const Batchd found = on.plan(vec({0.4}), 0).actions;
    for (int i = 0; i < 6; ++i) {
      const double target = 0.7 * std::sin(1.3 * i + 0.4);
      CHECK(found.reshaped()(i) == Approx(std::min(0.4, std::max(-0.3, target))).margin(2e-3));
    }
    // A linear return: every action at its bound.
    ObjectiveEvaluator<double> linear(1, 8, [](const Vecd&, const Batchd& a) {
      double sum = 0;
      for (Index t = 0; t < 8; ++t) sum += (t % 2 == 0 ? 1.0 : -1.0) * a(0, t);
      return sum;
    });
    CmaEsPlanner corner(linear, ActionBounds::uniform(1, 2, 6), settings, 1);
    CHECK(corner.plan(vec({0.0}), 0).predicted_return > 16 - 0.01);
  }
}

TEST_CASE("correlations pay on Rosenbrock's function") {
  ObjectiveEvaluator<double> evaluator(1, 2, [](const Vecd&, const Batchd& x) {
    return -(100 * std::pow(x(0, 1) - x(0, 0) * x(0, 0), 2) + std::pow(1 - x(0, 0), 2));
  });
  const auto rollouts = [&](bool separable) {
    CmaEsPlanner planner(evaluator, ActionBounds::uniform(1, -2.0, 2.0),
                         {.population = 12, .iterations = 1000, .separable = separable, .stop_std = 1e-6}, 3);
    const ActionPlan<double> plan = planner.plan(vec({0.0}), 0);
    CHECK(plan.actions(0, 0) == Approx(1.0).margin(1e-2));
    CHECK(plan.actions(0, 1) == Approx(1.0).margin(1e-2));
    return plan.report.rollouts;
  };
  const auto full = rollouts(false), separable = rollouts(true);
  INFO("full " << full << ", separable " << separable);
  CHECK(full < separable);
}

TEST_CASE("cmaes starts as wide as sigma says") {
  std::vector<Batchd> asked;
  ObjectiveEvaluator<double> evaluator(2, 3, [&](const Vecd&, const Batchd& a) {
    asked.push_back(a);
    return 0.0;
  });
  for (const double sigma : {0.05, 0.2}) {
    asked.clear();
    CmaEsPlanner planner(evaluator, ActionBounds({-1, -10}, {1, 10}),
                         {.population = 4000, .iterations = 1, .sigma = sigma}, 1);
    planner.plan(vec({0.0}), 0);
    Eigen::Vector2d square = Eigen::Vector2d::Zero();
    for (std::size_t k = 0; k < 4000; ++k)
      square += asked[k].array().square().rowwise().mean().matrix() / 4000;
    CHECK(std::sqrt(square(0)) == Approx(sigma).epsilon(0.03));
    CHECK(std::sqrt(square(1)) == Approx(10 * sigma).epsilon(0.03));
  }
}

// x' = A x + B u in two dimensions.
struct DoubleIntegrator {
  using Scalar = double;
  struct Workspace {};
  int obs_dim() const { return 2; }
  int action_dim() const { return 1; }
  void step(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> next,
            Workspace&) const {
    next.row(0) = obs.row(0) + 0.1 * obs.row(1);
    next.row(1) = obs.row(1) + 0.1 * action.row(0);
  }
};

TEST_CASE("with the Riccati value at its end a plan of one step is the infinite-horizon one") {
  Eigen::Matrix2d a;
  a << 1, 0.1, 0, 1;
  const Eigen::Vector2d b(0, 0.1);
  Eigen::Matrix2d p = Eigen::Matrix2d::Identity();  // cost x'x + 0.1 u^2
  Eigen::RowVector2d gain;
  for (int i = 0; i < 2000; ++i) {
    gain = (b.transpose() * p * a) / (0.1 + b.dot(p * b));
    p = (Eigen::Matrix2d::Identity() + a.transpose() * p * (a - b * gain)).eval();
  }
  ThreadPool pool(1);
  const auto first_action = [&](int horizon, bool terminal) {
    ModelRollout<DoubleIntegrator> rollout(
        {},
        [](ConstBatchRef<double> obs, ConstBatchRef<double> u, auto, int, VecRef<double> out) {
          out = -(obs.colwise().squaredNorm() + 0.1 * u.colwise().squaredNorm()).transpose();
        },
        {horizon, 8}, pool);
    if (terminal)
      rollout.set_terminal_value([&](ConstBatchRef<double> obs, int t, VecRef<double> out) {
        CHECK(t == 5 + horizon);
        for (Index k = 0; k < obs.cols(); ++k) out(k) = -obs.col(k).dot(p * obs.col(k));
      });
    CmaEsPlanner planner(rollout, ActionBounds::uniform(1, -10, 10),
                         {.population = 16, .iterations = 200, .separable = false, .stop_std = 1e-6}, 1);
    return planner.plan(vec({1.0, -0.5}), 5).actions(0, 0);
  };
  const double optimal = -gain * Eigen::Vector2d(1.0, -0.5);
  CHECK(first_action(1, true) == Approx(optimal).margin(1e-3));
  CHECK(first_action(4, true) == Approx(optimal).margin(1e-2));
  CHECK(std::abs(first_action(1, false)) < 1e-3);  // without it one step sees no gain in acting
}

TEST_CASE("cmaes refuses settings that make no sense") {
  ObjectiveEvaluator<float> evaluator(2, 3, quadratic<float>());
  const auto make = [&](auto change) {
    CmaEsPlannerSettings s;
    change(s);
    return CmaEsPlanner(evaluator, ActionBounds::uniform(2, -1, 1), s, 1);
  };
  CHECK_THROWS_AS(make([](auto& s) { s.population = 1; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.iterations = 0; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.sigma = 0; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.stop_std = -1; }), Error);
}

}  // namespace
}  // namespace mbrl
