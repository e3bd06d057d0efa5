// MPPI against a naive loop and against the Gaussian integral it estimates; the weights behind it.
#include "mbrl/planning/sampling/mppi.hpp"

#include <Eigen/Dense>
#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "planning/test_evaluators.hpp"

namespace mbrl {
namespace {

using planning_test::ObjectiveEvaluator;
using planning_test::quadratic;
using planning_test::RigidPendulum;
using planning_test::vec;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

TEST_CASE("reward weights are the exponentials of the returns") {
  const Vecd returns = vec({1.0, kNaN, 3.0, 2.5, -kInf, kInf, -4.0});
  Vecd w;
  CHECK(reward_weights(returns, 0.5, false, w) == 4);
  const double sum = std::exp(-1.0) + 1 + std::exp(-0.25) + std::exp(-3.5);
  CHECK(w(0) == Approx(std::exp(-1.0) / sum));
  CHECK(w(2) == Approx(1 / sum));
  CHECK(w(3) == Approx(std::exp(-0.25) / sum));
  CHECK(w(6) == Approx(std::exp(-3.5) / sum));
  CHECK(w(1) == 0.0);
  CHECK(w(4) == 0.0);
  CHECK(w(5) == 0.0);

  // Relative: the median of the finite ones, -4, 1, 2.5, 3, is the upper one, 2.5.
  CHECK(reward_weights(returns, 2.0, true, w) == 4);
  CHECK(w(3) / w(2) == Approx(std::exp(-2.0)));
  CHECK(w(0) / w(2) == Approx(std::exp(-8.0)));
  CHECK(w.sum() == Approx(1.0));
  const Vecd before = w;
  const Vecd scaled = 1000 * returns.array() - 7;
  reward_weights(scaled, 2.0, true, w);
  CHECK(w.isApprox(before, 1e-12));
  Vecd outlier = returns;
  outlier(6) = -1e200;
  reward_weights(outlier, 2.0, true, w);
  CHECK(w(2) == Approx(before(2)).epsilon(1e-6));

  CHECK(reward_weights(vec({kNaN, kInf}), 1.0, true, w) == 0);
  CHECK(w == Vecd::Zero(2));
  CHECK(reward_weights(vec({2.0, 2.0, 1.0}), 1.0, true, w) == 3);  // the median is the best
  CHECK(w == vec({0.5, 0.5, 0.0}));
  CHECK(reward_weights(vec({-1e308, 1e308}), 1e9, false, w) == 2);  // nothing overflows
  CHECK(w == vec({0.0, 1.0}));
}

// The algorithm of the class documentation, one number at a time, actions of dimension 2.
std::vector<double> naive_mppi(const MppiSettings& s, const planning_test::Objective<double>& f,
                               const Vecd& state, std::vector<double> u, double low, double high,
                               std::uint32_t plan) {
  const std::size_t n = u.size();
  const double mid = (low + high) / 2, std = s.noise_std * (high - low) / 2;
  std::vector<double> c = {std * std, 0, 0, std * std};  // Sigma, row by row
  if (!s.noise_covariance.empty()) c = s.noise_covariance;
  if (!s.noise_covariance.empty())
    for (double& entry : c) entry *= (high - low) * (high - low) / 4;
  const double l00 = std::sqrt(c[0]), l10 = c[2] / l00, l11 = std::sqrt(c[3] - l10 * l10);
  const double det = c[0] * c[3] - c[1] * c[2];
  const CandidateNoise<double> noise(42);
  double scale = 1;
  for (int i = 0; i < s.iterations; ++i, scale *= s.noise_decay) {
    Batchd z(static_cast<Index>(n), s.population);
    noise.normal(plan, static_cast<std::uint32_t>(i), z);
    std::vector<std::vector<double>> v;
    std::vector<double> cost;
    for (Index k = 0; k < s.population; ++k) {
      std::vector<double> a(n);
      double price = 0;
      for (std::size_t t = 0; t < n; t += 2) {
        const auto row = static_cast<Index>(t);
        a[t] = std::clamp(u[t] + scale * l00 * z(row, k), low, high);
        a[t + 1] = std::clamp(u[t + 1] + scale * (l10 * z(row, k) + l11 * z(row + 1, k)), low, high);
        const double x = (c[3] * (u[t] - mid) - c[1] * (u[t + 1] - mid)) / det;
        const double y = (c[0] * (u[t + 1] - mid) - c[2] * (u[t] - mid)) / det;
        price += (x * (a[t] - u[t]) + y * (a[t + 1] - u[t + 1])) / (scale * scale);
      }
      cost.push_back(-f(state, Eigen::Map<const Batchd>(a.data(), 2, static_cast<Index>(n) / 2)) +
                     s.control_cost * price);
      v.push_back(a);
    }
    std::vector<double> sorted = cost;
    std::sort(sorted.begin(), sorted.end());
    const double least = sorted[0];
    // The upper median of the returns is the lower one of the costs.
    const std::size_t middle = sorted.size() - 1 - sorted.size() / 2;
    const double unit = s.relative_temperature ? sorted[middle] - least : 1;
    double sum = 0;
    for (double& x : cost) sum += x = std::exp(-(x - least) / (unit * s.temperature));
    for (std::size_t e = 0; e < n; ++e) {
      u[e] = 0;
      for (std::size_t k = 0; k < v.size(); ++k) u[e] += cost[k] / sum * v[k][e];
    }
  }
  return u;
}

TEST_CASE("mppi equals a naive loop, warm start included") {
  const MppiSettings plain{.population = 25, .iterations = 3, .temperature = 0.3};
  std::vector<MppiSettings> cases(7, plain);
  cases[1].relative_temperature = false;
  cases[2].noise_covariance = {0.3, 0.1, 0.1, 0.2};
  cases[3].noise_decay = 1.0;
  cases[4].control_cost = 0.2;
  cases[5] = {
      .population = 25, .iterations = 2, .noise_covariance = {0.3, -0.2, -0.2, 0.2}, .control_cost = 0.1};
  cases[6].iterations = 1;
  for (std::size_t c = 0; c < cases.size(); ++c) {
    ObjectiveEvaluator<double> evaluator(2, 4, quadratic<double>());
    Mppi mppi(evaluator, ActionBounds::uniform(2, -1.0, 0.8), cases[c], 42);
    std::vector<double> u(8, -0.1);
    for (std::uint32_t step = 0; step < 3; ++step) {
      INFO("case " << c << " step " << step);
      const Vecd state = vec({0.3 * step});
      const ActionPlan<double> plan = mppi.plan(state, 0);
      u = naive_mppi(cases[c], quadratic<double>(), state, u, -1.0, 0.8, step);
      for (std::size_t i = 0; i < u.size(); ++i)
        CHECK(plan.actions.reshaped()(static_cast<Index>(i)) == Approx(u[i]).margin(1e-12));
      CHECK(plan.report.rollouts == cases[c].iterations * 25 + 1);
      mppi.advance(1);
      u.erase(u.begin(), u.begin() + 2);
      u.insert(u.end(), {u[4], u[5]});
    }
  }
}

// Return -(v - g)' Q (v - g) / 2 of one action; noise N(u, Sigma). The weighted mean that MPPI estimates is
// that of a Gaussian of precision Sigma^-1 + Q / lambda.
struct Integral {
  Eigen::Matrix2d q, sigma;
  Eigen::Vector2d g;
  double lambda = 0.5;

  Vecd estimate(const Eigen::Vector2d& shift, double control_cost) const {
    // Mid-range is not 0, and the first plan starts there: bounds put it at `shift` from the origin.
    ObjectiveEvaluator<double> evaluator(2, 1, [this](const Vecd&, const Batchd& v) {
      const Eigen::Vector2d d = v.col(0) - g;
      return -0.5 * d.dot(q * d);
    });
    const ActionBounds bounds({shift(0) - 50, shift(1) - 50}, {shift(0) + 50, shift(1) + 50});
    Mppi mppi(
        evaluator, bounds,
        {.population = 100000,
         .iterations = control_cost > 0 ? 4 : 1,
         .temperature = lambda,
         .relative_temperature = false,
         .noise_covariance = {sigma(0, 0) / 2500, sigma(0, 1) / 2500, sigma(1, 0) / 2500, sigma(1, 1) / 2500},
         .noise_decay = 1.0,
         .control_cost = control_cost},
        1);
    return mppi.plan(vec({0.0}), 0).actions.col(0);
  }
};

TEST_CASE("mppi's mean is that of the distribution weighted by the exponential of the return") {
  Integral problem;
  problem.q << 2.0, 0.3, 0.3, 1.0;
  problem.sigma << 0.5, 0.2, 0.2, 0.4;
  problem.g << 0.8, -0.6;
  const Eigen::Vector2d start(0.2, 0.1);
  const Eigen::Matrix2d prior = problem.sigma.inverse();
  Eigen::Vector2d last = problem.g;
  for (const double lambda : {0.2, 1.0, 5.0}) {
    problem.lambda = lambda;
    const Eigen::Matrix2d precision = prior + problem.q / lambda;
    const Eigen::Vector2d exact = precision.inverse() * (prior * start + problem.q / lambda * problem.g);
    CHECK((problem.estimate(start, 0) - exact).norm() < 0.02);
    // The colder, the nearer to the optimum.
    if (lambda > 0.2) CHECK((exact - problem.g).norm() > (last - problem.g).norm() + 0.05);
    last = exact;
    // With gamma = lambda repeated iterations stay at the mean of the first: the price undoes the move of u.
    CHECK((problem.estimate(start, lambda) - exact).norm() < 0.04);
  }
}

TEST_CASE("mppi's noise has the covariance that is asked for") {
  std::vector<Batchd> asked;
  ObjectiveEvaluator<double> evaluator(2, 3, [&](const Vecd&, const Batchd& a) {
    asked.push_back(a);
    return 0.0;
  });
  const auto moments = [&](const MppiSettings& s) {
    asked.clear();
    Mppi mppi(evaluator, ActionBounds({-8, -80}, {8, 80}), s, 1);
    mppi.plan(vec({0.0}), 0);
    std::vector<Eigen::Matrix2d> all;
    for (int i = 0; i < s.iterations; ++i) {
      Eigen::Matrix2d c = Eigen::Matrix2d::Zero();
      for (int k = 0; k < s.population; ++k)
        for (Index t = 0; t < 3; ++t) {
          const auto v = asked[static_cast<std::size_t>(i * s.population + k)].col(t);
          c += v * v.transpose() / (3 * s.population);
        }
      all.push_back(c);
    }
    return all;
  };
  const auto ranges = moments({.population = 5000, .iterations = 2, .noise_std = 0.2, .noise_decay = 0.5});
  CHECK(ranges[0](0, 0) == Approx(1.6 * 1.6).epsilon(0.05));
  CHECK(ranges[0](1, 1) == Approx(16.0 * 16.0).epsilon(0.05));
  CHECK(ranges[1](0, 0) == Approx(0.25 * ranges[0](0, 0)).epsilon(0.05));
  const auto given = moments({.population = 5000,
                              .iterations = 1,
                              .noise_covariance = {1.0 / 64, 0.8 / 640, 0.8 / 640, 2.0 / 6400}});
  CHECK(given[0](0, 0) == Approx(1.0).epsilon(0.05));
  CHECK(given[0](1, 0) == Approx(0.8).epsilon(0.08));
  CHECK(given[0](1, 1) == Approx(2.0).epsilon(0.05));
}

TEST_CASE("more iterations of the same number of rollouts refine mppi's plan") {
  ObjectiveEvaluator<float> evaluator(1, 20, RigidPendulum{}.objective<float>());
  const auto quality = [&](int iterations) {
    double sum = 0;
    for (std::uint64_t seed = 0; seed < 10; ++seed)
      sum += static_cast<double>(Mppi(evaluator, ActionBounds::uniform(1, -2, 2),
                                      {.population = 480 / iterations, .iterations = iterations}, seed)
                                     .plan(vec({2.0f, 0.5f}), 0)
                                     .predicted_return);
    return sum / 10;
  };
  const double one = quality(1), four = quality(4);
  INFO("one iteration " << one << ", four " << four);
  CHECK(four > one);
}

TEST_CASE("mppi refuses settings that make no sense") {
  ObjectiveEvaluator<float> evaluator(2, 3, quadratic<float>());
  const auto make = [&](auto change) {
    MppiSettings s;
    change(s);
    return Mppi(evaluator, ActionBounds::uniform(2, -1, 1), s, 1);
  };
  CHECK_THROWS_AS(make([](auto& s) { s.population = 0; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.iterations = 0; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.temperature = 0; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.temperature = kNaN; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.noise_std = 0; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.noise_decay = 1.1; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.control_cost = -1; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.noise_covariance = {1, 0, 1}; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.noise_covariance = {1, 2, 2, 1}; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.noise_covariance = {1, 0.1, 0.2, 1}; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.noise_covariance = {1, kNaN, kNaN, 1}; }), Error);
}

}  // namespace
}  // namespace mbrl
