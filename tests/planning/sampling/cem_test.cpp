// PETS's CEM against a naive loop, closed-form optima and random shooting; the random numbers behind it.
#include "mbrl/planning/sampling/cem.hpp"

#include <Eigen/Dense>
#include <cmath>
#include <vector>

#include "catch.hpp"
#include "mbrl/planning/sampling/random_shooting.hpp"
#include "planning/test_evaluators.hpp"

namespace mbrl {
namespace {

using planning_test::ObjectiveEvaluator;
using planning_test::quadratic;
using planning_test::RigidPendulum;
using planning_test::vec;

TEST_CASE("candidate noise has the distributions it is named after") {
  const CandidateNoise<float> noise(3);
  Batchf z(50, 4000);
  const auto mean = [&] { return z.cast<double>().mean(); };
  const auto moment = [&](int power) { return z.cast<double>().array().pow(power).mean(); };

  noise.uniform(0, 0, z);
  CHECK(z.minCoeff() > 0.0f);
  CHECK(z.maxCoeff() <= 1.0f);
  CHECK(mean() == Approx(0.5).margin(0.003));
  CHECK(moment(2) == Approx(1.0 / 3).margin(0.003));

  noise.normal(0, 0, z);
  CHECK(mean() == Approx(0.0).margin(0.01));
  CHECK(moment(2) == Approx(1.0).margin(0.015));
  CHECK(moment(4) == Approx(3.0).margin(0.1));
  const Batchf normal = z;

  // Truncated at 2: variance 1 - 2 * 2 phi(2) / (2 Phi(2) - 1).
  noise.truncated_normal(2.0f, 0, 0, z);
  CHECK(z.cwiseAbs().maxCoeff() <= 2.0f);
  CHECK(mean() == Approx(0.0).margin(0.01));
  CHECK(moment(2) == Approx(0.7737).margin(0.01));
  CHECK((z.array() == normal.array()).cast<double>().mean() == Approx(0.9545).margin(0.005));

  // A prefix of rows or columns has the same numbers; another plan or iteration has others.
  Batchf part(7, 3);
  noise.normal(0, 0, part);
  CHECK(part == normal.topLeftCorner(7, 3));
  noise.normal(1, 0, part);
  CHECK(part != normal.topLeftCorner(7, 3));
  noise.normal(0, 1, part);
  CHECK(part != normal.topLeftCorner(7, 3));
}

// The algorithm of the class documentation, one number at a time.
std::vector<double> naive_cem(const CemSettings& s, const planning_test::Objective<double>& f,
                              const Vecd& state, std::vector<double> mu, double low, double high,
                              int action_dim, std::uint32_t plan, int& iterations) {
  const std::size_t n = mu.size();
  std::vector<double> variance(n, (high - low) * (high - low) / 16);
  const CandidateNoise<double> noise(42);
  for (iterations = 0; iterations < s.iterations; ++iterations) {
    double largest = 0;
    for (const double v : variance) largest = std::max(largest, 4 * v / ((high - low) * (high - low)));
    if (largest <= s.epsilon) break;
    Batchd z(static_cast<Index>(n), s.population);
    noise.truncated_normal(2.0, plan, static_cast<std::uint32_t>(iterations), z);
    std::vector<std::pair<double, std::vector<double>>> candidates;
    for (Index k = 0; k < s.population; ++k) {
      std::vector<double> a(n);
      for (std::size_t i = 0; i < n; ++i) {
        const double room = std::min((mu[i] - low) / 2, (high - mu[i]) / 2);
        a[i] = mu[i] + std::sqrt(std::min(variance[i], room * room)) * z(static_cast<Index>(i), k);
      }
      const Batchd actions =
          Eigen::Map<const Batchd>(a.data(), action_dim, static_cast<Index>(n) / action_dim);
      candidates.emplace_back(-f(state, actions), a);
    }
    std::sort(candidates.begin(), candidates.end());
    for (std::size_t i = 0; i < n; ++i) {
      double mean = 0, square = 0;
      for (int k = 0; k < s.elites; ++k) mean += candidates[static_cast<std::size_t>(k)].second[i] / s.elites;
      for (int k = 0; k < s.elites; ++k)
        square += std::pow(candidates[static_cast<std::size_t>(k)].second[i] - mean, 2) / s.elites;
      mu[i] = s.alpha * mu[i] + (1 - s.alpha) * mean;
      variance[i] = s.alpha * variance[i] + (1 - s.alpha) * square;
    }
  }
  return mu;
}

TEST_CASE("cem equals a naive loop, warm start included") {
  for (const double epsilon : {1e-3, 0.05}) {  // the second stops early
    const CemSettings settings{
        .population = 24, .elites = 4, .iterations = 5, .alpha = 0.1, .epsilon = epsilon};
    ObjectiveEvaluator<double> evaluator(2, 4, quadratic<double>());
    Cem cem(evaluator, ActionBounds::uniform(2, -1.0, 0.8), settings, 42);
    std::vector<double> mu(8, -0.1);
    for (std::uint32_t step = 0; step < 3; ++step) {
      const Vecd state = vec({0.3 * step});
      const ActionPlan<double> plan = cem.plan(state, 0);
      int iterations = 0;
      mu = naive_cem(settings, quadratic<double>(), state, mu, -1.0, 0.8, 2, step, iterations);
      for (std::size_t i = 0; i < mu.size(); ++i)
        CHECK(plan.actions.reshaped()(static_cast<Index>(i)) == Approx(mu[i]).margin(1e-12));
      CHECK(plan.report.iterations == iterations);
      CHECK(plan.report.rollouts == iterations * 24 + 1);
      if (epsilon > 0.01) CHECK(iterations < 5);
      cem.advance(1);
      mu.erase(mu.begin(), mu.begin() + 2);
      mu.insert(mu.end(), {0.0, 0.0});
    }
  }
}

TEST_CASE("cem pads the shifted plan as told") {
  const auto last_action = [](WarmStartPad pad, double low, double high) {
    bool broken = false;
    ObjectiveEvaluator<double> evaluator(1, 3, [&](const Vecd& s, const Batchd& a) {
      return broken ? std::nan("") : quadratic<double>()(s, a);
    });
    Cem cem(evaluator, ActionBounds::uniform(1, low, high), {.pad = pad}, 42);
    const double before = cem.plan(vec({0.3}), 0).actions(0, 2);
    cem.advance(1);
    broken = true;
    return std::pair(before, cem.plan(vec({0.3}), 0).actions(0, 2));
  };
  CHECK(last_action(WarmStartPad::kZero, -1, 2).second == 0.0);
  CHECK(last_action(WarmStartPad::kZero, 1, 2).second == 1.5);  // 0 is no action here
  CHECK(last_action(WarmStartPad::kMid, -1, 2).second == 0.5);
  const auto [before, after] = last_action(WarmStartPad::kRepeat, -1, 2);
  CHECK(before == after);
}

TEST_CASE("cem finds the optimum of a linear-quadratic problem") {
  // x' = A x + B u over H steps, cost sum x'Qx + u'Ru: dense minimisation over all actions at once.
  constexpr int kHorizon = 8;
  Eigen::Matrix2d a, q;
  a << 1.0, 0.1, -0.2, 0.95;
  q << 1.0, 0.2, 0.2, 0.5;
  const Eigen::Vector2d b(0.0, 0.5), x0(1.0, -0.4);
  const double r = 0.3;
  Batchd hessian = r * Batchd::Identity(kHorizon, kHorizon);
  Vecd gradient = Vecd::Zero(kHorizon);
  Batchd to_state = Batchd::Zero(2, kHorizon);
  Eigen::Vector2d free = x0;
  for (int t = 0; t < kHorizon; ++t) {
    to_state = (a * to_state).eval();
    to_state.col(t) += b;
    free = (a * free).eval();
    hessian += to_state.transpose() * q * to_state;
    gradient += to_state.transpose() * q * free;
  }
  const Vecd optimum = -hessian.ldlt().solve(gradient);
  REQUIRE(optimum.cwiseAbs().maxCoeff() < 2.0);

  ObjectiveEvaluator<double> evaluator(1, kHorizon, [&](const Vecd& start, const Batchd& actions) {
    Eigen::Vector2d x = start;
    double cost = 0;
    for (int t = 0; t < kHorizon; ++t) {
      x = (a * x + b * actions(0, t)).eval();
      cost += x.dot(q * x) + r * actions(0, t) * actions(0, t);
    }
    return -cost;
  });
  Cem cem(evaluator, ActionBounds::uniform(1, -2.0, 2.0),
          {.population = 400, .elites = 40, .iterations = 20, .epsilon = 1e-8}, 1);
  const ActionPlan<double> plan = cem.plan(x0, 0);
  CHECK((plan.actions.reshaped() - optimum).cwiseAbs().maxCoeff() < 1e-2);
}

// The distribution has no correlations: few elites keep it from settling in the valley before its lowest
// point.
TEST_CASE("cem finds the minimum of Rosenbrock's function") {
  ObjectiveEvaluator<double> evaluator(1, 2, [](const Vecd&, const Batchd& x) {
    return -(100 * std::pow(x(0, 1) - x(0, 0) * x(0, 0), 2) + std::pow(1 - x(0, 0), 2));
  });
  Cem cem(evaluator, ActionBounds::uniform(1, -2.0, 2.0),
          {.population = 2000, .elites = 20, .iterations = 100, .alpha = 0.5, .epsilon = 1e-8}, 1);
  const ActionPlan<double> plan = cem.plan(vec({0.0}), 0);
  CHECK(plan.actions(0, 0) == Approx(1.0).margin(1e-2));
  CHECK(plan.actions(0, 1) == Approx(1.0).margin(1e-2));
  CHECK(plan.report.iterations < 100);
}

TEST_CASE("cem beats random shooting at an equal budget on the pendulum") {
  ObjectiveEvaluator<float> evaluator(1, 20, RigidPendulum{}.objective<float>());
  const ActionBounds bounds = ActionBounds::uniform(1, -2.0, 2.0);
  Cem cem(evaluator, bounds, {.population = 100, .elites = 10, .iterations = 5}, 1);
  RandomShooting shooting(evaluator, bounds, {.population = 500}, 1);
  double cem_return = 0, shooting_return = 0;
  for (int i = 0; i < 20; ++i) {
    const Vecf state = vec({-3.0f + 0.3f * static_cast<float>(i), 0.4f * static_cast<float>(i % 5 - 2)});
    cem.reset();
    cem_return += static_cast<double>(cem.plan(state, 0).predicted_return);
    shooting_return += static_cast<double>(shooting.plan(state, 0).predicted_return);
  }
  CHECK(cem_return > shooting_return);
}

TEST_CASE("random shooting returns the best of uniformly drawn sequences") {
  ObjectiveEvaluator<float> evaluator(2, 3, quadratic<float>());
  RandomShooting shooting(evaluator, ActionBounds({-1, 2}, {0, 6}), {.population = 2000}, 1);
  std::vector<Batchf> asked;
  std::vector<float> returns;
  evaluator.objective = [&](const Vecf& s, const Batchf& a) {
    const float value = quadratic<float>()(s, a);
    asked.push_back(a);
    returns.push_back(value);
    return value;
  };
  const ActionPlan<float> plan = shooting.plan(vec({0.1f}), 0);
  REQUIRE(asked.size() == 2001);  // the plan itself is evaluated at the end
  returns.pop_back();
  const auto best = std::max_element(returns.begin(), returns.end()) - returns.begin();
  CHECK(plan.actions == asked[static_cast<std::size_t>(best)]);
  CHECK(plan.report.best_return == static_cast<double>(returns[static_cast<std::size_t>(best)]));
  Batchd sum = Batchd::Zero(2, 3);
  for (std::size_t k = 0; k < 2000; ++k) sum += asked[k].cast<double>() / 2000;
  CHECK(sum.row(0).mean() == Approx(-0.5).margin(0.02));
  CHECK(sum.row(1).mean() == Approx(4.0).margin(0.08));
}

TEST_CASE("cem and random shooting refuse settings that make no sense") {
  ObjectiveEvaluator<float> evaluator(2, 3, quadratic<float>());
  const ActionBounds bounds = ActionBounds::uniform(2, -1, 1);
  using Planned = Cem<ObjectiveEvaluator<float>>;
  CHECK_THROWS_AS(Planned(evaluator, bounds, {.population = 10, .elites = 11}, 1), Error);
  CHECK_THROWS_AS(Planned(evaluator, bounds, {.elites = 0}, 1), Error);
  CHECK_THROWS_AS(Planned(evaluator, bounds, {.iterations = 0}, 1), Error);
  CHECK_THROWS_AS(Planned(evaluator, bounds, {.alpha = 1.0}, 1), Error);
  CHECK_THROWS_AS(Planned(evaluator, bounds, {.epsilon = 0.25}, 1), Error);  // converged at once
  CHECK_THROWS_AS(RandomShooting(evaluator, bounds, {.population = 0}, 1), Error);
}

}  // namespace
}  // namespace mbrl
