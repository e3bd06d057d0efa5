// CEM over splines against a naive loop and least squares, and on a task that single steps cannot solve.
#include "mbrl/planning/sampling/spline_cem.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/registry/registry.hpp"
#include "mbrl/planning/sampling/cem.hpp"
#include "planning/test_evaluators.hpp"

namespace mbrl {
namespace {

using planning_test::Objective;
using planning_test::ObjectiveEvaluator;
using planning_test::quadratic;
using planning_test::vec;

CemSettings splines(int knots, CemSettings s = {.population = 24, .elites = 4, .iterations = 4}) {
  s.spline.knots = knots;
  return s;
}

// The height of the line through the knots at step t of the horizon.
double line(const std::vector<double>& y, int t, int horizon) {
  const double spacing = (horizon - 1.0) / (static_cast<double>(y.size()) - 1);
  double sum = 0;
  for (std::size_t k = 0; k < y.size(); ++k)
    sum += y[k] * std::max(0.0, 1 - std::abs(t - static_cast<double>(k) * spacing) / spacing);
  return sum;
}

// The algorithm of the class documentation for one action, one number at a time.
std::vector<double> naive_plan(const CemSettings& s, const Objective<double>& f, const Vecd& state,
                               const std::vector<double>& base, double low, double high, std::uint32_t plan) {
  using Numbers = std::vector<double>;
  const auto horizon = static_cast<int>(base.size());
  const auto n = static_cast<std::size_t>(s.spline.knots);
  const double half = (high - low) / 2;
  Numbers mu(n, 0.0), sigma(n, s.spline.std * half), best = base;
  double best_return = -std::numeric_limits<double>::infinity();
  std::vector<Numbers> kept;
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(s.iterations); ++i) {
    Batchd z(static_cast<Index>(n), s.population);
    CandidateNoise<double>(42).truncated_normal(2.0, plan, i, z);
    std::vector<std::pair<double, Numbers>> tried;
    for (int k = 0; k < s.population; ++k) {
      Numbers y = mu;
      if (k > 0 && k <= static_cast<int>(kept.size()))
        y = kept[static_cast<std::size_t>(k - 1)];
      else if (k > 0)
        for (std::size_t j = 0; j < n; ++j) y[j] += sigma[j] * z(static_cast<Index>(j), k);
      Batchd actions(1, horizon);
      for (int t = 0; t < horizon; ++t)
        actions(0, t) = std::clamp(base[static_cast<std::size_t>(t)] + line(y, t, horizon), low, high);
      const double value = f(state, actions);
      if (value > best_return) {
        best_return = value;
        best.assign(actions.data(), actions.data() + horizon);
      }
      tried.emplace_back(-value, y);
    }
    std::stable_sort(tried.begin(), tried.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t j = 0; j < n; ++j) {
      double mean = 0, square = 0;
      for (int k = 0; k < s.elites; ++k) mean += tried[static_cast<std::size_t>(k)].second[j] / s.elites;
      for (int k = 0; k < s.elites; ++k)
        square += std::pow(tried[static_cast<std::size_t>(k)].second[j] - mean, 2) / s.elites;
      mu[j] = s.alpha * mu[j] + (1 - s.alpha) * mean;
      sigma[j] = std::sqrt(s.alpha * sigma[j] * sigma[j] + (1 - s.alpha) * square);
    }
    kept.clear();
    for (int k = 0; k < s.spline.keep; ++k) kept.push_back(tried[static_cast<std::size_t>(k)].second);
  }
  return best;
}

TEST_CASE("cem over splines equals a naive loop, warm start included") {
  const CemSettings settings = splines(4, {.population = 24, .elites = 4, .iterations = 4, .epsilon = 0});
  ObjectiveEvaluator<double> evaluator(1, 9, quadratic<double>());
  SplineCem cem(evaluator, ActionBounds::uniform(1, -1.0, 0.8), settings, 42);
  std::vector<double> base(9, -0.1);
  for (std::uint32_t step = 0; step < 3; ++step) {
    const Vecd state = vec({0.3 * step});
    const ActionPlan<double> plan = cem.plan(state, 0);
    base = naive_plan(settings, quadratic<double>(), state, base, -1.0, 0.8, step);
    for (std::size_t t = 0; t < base.size(); ++t)
      CHECK(plan.actions(0, static_cast<Index>(t)) == Approx(base[t]).margin(1e-12));
    CHECK(plan.report.rollouts == 4 * 24 + 1);
    cem.advance(1);
    base.erase(base.begin());
    base.push_back(0.0);
  }
}

TEST_CASE("cem over splines finds the best spline, and the knots of each action are its own") {
  // Of one sequence of two actions, the nearest that is a line between three knots: least squares.
  const int horizon = 11;
  Batchd goal(2, horizon);
  for (Index t = 0; t < horizon; ++t) {
    goal(0, t) = std::sin(0.5 * static_cast<double>(t));
    goal(1, t) = 0.05 * static_cast<double>(t * t) / 5 - 0.4;
  }
  Batchd hats(horizon, 3);
  for (int k = 0; k < 3; ++k) {
    std::vector<double> y(3, 0.0);
    y[static_cast<std::size_t>(k)] = 1;
    for (int t = 0; t < horizon; ++t) hats(t, k) = line(y, t, horizon);
  }
  const Batchd knots = hats.colPivHouseholderQr().solve(goal.transpose());
  const Batchd nearest = (hats * knots).transpose();
  ObjectiveEvaluator<double> evaluator(
      2, horizon, [&](const Vecd&, const Batchd& a) { return -(a - goal).squaredNorm(); });
  SplineCem cem(evaluator, ActionBounds::uniform(2, -3, 3),
                splines(3, {.population = 200, .elites = 20, .iterations = 40, .epsilon = 1e-8}), 1);
  CHECK((cem.plan(vec({0.0}), 0).actions - nearest).cwiseAbs().maxCoeff() < 2e-3);
}

TEST_CASE("cem over splines never plans worse than the last plan, shifted") {
  ObjectiveEvaluator<double> evaluator(1, 20, planning_test::RigidPendulum{}.objective<double>());
  SplineCem cem(evaluator, ActionBounds::uniform(1, -2, 2),
                splines(5, {.population = 10, .elites = 3, .iterations = 1}), 3);
  const Vecd state = vec({2.0, 0.5});
  double last = -std::numeric_limits<double>::infinity();
  for (int plan = 0; plan < 30; ++plan) {  // of the same state: as good as the one before, or better
    const double value = cem.plan(state, 0).predicted_return;
    CHECK(value >= last);
    last = value;
  }
}

// A mass on a spring that a weak force cannot push over the edge at 1: it must be rocked. Nothing is earned
// before.
TEST_CASE("splines rock a mass over an edge where one number a step averages out") {
  const auto rock = [](const Vecd&, const Batchd& a) {
    double x = 0, v = 0, furthest = 0;
    for (Index t = 0; t < a.cols(); ++t) {
      v += 0.1 * (a(0, t) - x);
      x += 0.1 * v;
      furthest = std::max(furthest, x);
    }
    return furthest;
  };
  ObjectiveEvaluator<double> evaluator(1, 120, rock);
  const ActionBounds bounds = ActionBounds::uniform(1, -0.2, 0.2);
  const CemSettings few{.population = 60, .elites = 6, .iterations = 4};
  int better = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const double spline =
        SplineCem(evaluator, bounds, splines(12, few), seed).plan(vec({0.0}), 0).predicted_return;
    const double single = Cem(evaluator, bounds, few, seed).plan(vec({0.0}), 0).predicted_return;
    better += spline > single + 0.1;
  }
  CHECK(better == 8);
}

TEST_CASE("cem by name has splines where it has knots, and says what they may be") {
  ObjectiveEvaluator<double> evaluator(1, 6, quadratic<double>());
  const ActionBounds bounds = ActionBounds::uniform(1, -1, 1);
  PlannerSettings s;
  s.name = "cem";
  s.cem = splines(3);
  const Vecd state = vec({0.2});
  CHECK(make_planner(evaluator, bounds, s, 1).plan(state, 0).actions ==
        SplineCem(evaluator, bounds, s.cem, 1).plan(state, 0).actions);
  const auto refused = [&](int knots, const ActionBounds& of, const char* why) {
    s.cem = splines(knots);
    CHECK_THROWS_WITH(make_planner(evaluator, of, s, 1), Catch::Contains(why));
  };
  refused(7, bounds, "spline.knots is 7, expected 2 to the horizon, 6");
  refused(1, bounds, "spline.knots is 1");
  refused(-2, bounds, "spline.knots is -2");
  refused(3, ActionBounds::choice_of(2), "actions that are choices");
}

}  // namespace
}  // namespace mbrl
