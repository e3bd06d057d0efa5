// PDDM's planner against a naive loop, against MPPI, and each of its settings.
#include "mbrl/planning/sampling/pddm.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "mbrl/planning/sampling/mppi.hpp"
#include "planning/test_evaluators.hpp"

namespace mbrl {
namespace {

using planning_test::ObjectiveEvaluator;
using planning_test::quadratic;
using planning_test::RigidPendulum;
using planning_test::vec;

// The algorithm of the class documentation for one action, one number at a time.
std::vector<double> naive_pddm(const PddmSettings& s, const planning_test::Objective<double>& f,
                               const Vecd& state, std::vector<double> mu, double executed, double low,
                               double high, std::uint32_t plan) {
  const std::size_t n = mu.size();
  const CandidateNoise<double> noise(42);
  for (int i = 0; i < s.iterations; ++i) {
    Batchd z(static_cast<Index>(n), s.population);
    noise.normal(plan, static_cast<std::uint32_t>(i), z);
    std::vector<std::vector<double>> candidates;
    std::vector<double> returns;
    for (Index k = 0; k < s.population; ++k) {
      std::vector<double> a(n);
      double action = executed, smooth = 0;
      for (std::size_t t = 0; t < n; ++t) {
        const double eps = s.sigma * (high - low) / 2 * z(static_cast<Index>(t), k);
        action = s.beta * (mu[t] + eps) + (1 - s.beta) * action;
        smooth = s.beta * eps + (1 - s.beta) * smooth;
        a[t] = std::clamp(s.filter == PddmFilter::kActions ? action : mu[t] + smooth, low, high);
      }
      returns.push_back(f(state, Eigen::Map<const Batchd>(a.data(), 1, static_cast<Index>(n))));
      candidates.push_back(a);
    }
    std::vector<double> sorted = returns;
    std::sort(sorted.begin(), sorted.end());
    const double best = sorted.back();
    const double unit = s.relative_kappa ? best - sorted[sorted.size() / 2] : 1;
    double sum = 0;
    for (double& r : returns) sum += r = std::exp(s.kappa * (r - best) / unit);
    for (std::size_t e = 0; e < n; ++e) {
      mu[e] = 0;
      for (std::size_t k = 0; k < candidates.size(); ++k) mu[e] += returns[k] / sum * candidates[k][e];
    }
  }
  return mu;
}

TEST_CASE("pddm equals a naive loop, warm start and executed action included") {
  const PddmSettings plain{.population = 20, .iterations = 2, .kappa = 3};
  std::vector<PddmSettings> cases(5, plain);
  cases[1].filter = PddmFilter::kNoise;
  cases[2].relative_kappa = false;
  cases[3].beta = 0.2;
  cases[4].sigma = 0.3;
  for (std::size_t c = 0; c < cases.size(); ++c) {
    ObjectiveEvaluator<double> evaluator(1, 5, quadratic<double>());
    Pddm pddm(evaluator, ActionBounds::uniform(1, -1.0, 0.8), cases[c], 42);
    std::vector<double> mu(5, -0.1);
    double executed = -0.1;
    for (std::uint32_t plan_index = 0; plan_index < 4; ++plan_index) {
      INFO("case " << c << " plan " << plan_index);
      const Vecd state = vec({0.3 * plan_index});
      const ActionPlan<double> plan = pddm.plan(state, 0);
      mu = naive_pddm(cases[c], quadratic<double>(), state, mu, executed, -1.0, 0.8, plan_index);
      for (std::size_t i = 0; i < mu.size(); ++i)
        CHECK(plan.actions(0, static_cast<Index>(i)) == Approx(mu[i]).margin(1e-12));
      CHECK(plan.report.rollouts == 41);
      const std::size_t steps = plan_index % 3;  // none, one, two
      pddm.advance(static_cast<int>(steps));
      if (steps > 0) executed = mu[steps - 1];
      for (std::size_t step = 0; step < steps; ++step) {
        mu.erase(mu.begin());
        mu.push_back(mu.back());
      }
    }
  }
}

TEST_CASE("pddm without smoothing is mppi") {
  ObjectiveEvaluator<double> evaluator(2, 6, quadratic<double>());
  const ActionBounds bounds({-1, 0}, {2, 3});
  for (const bool relative : {false, true}) {
    Mppi mppi(evaluator, bounds,
              {.population = 50,
               .iterations = 2,
               .temperature = 0.25,
               .relative_temperature = relative,
               .noise_std = 0.7,
               .noise_decay = 1.0},
              9);
    for (const PddmFilter filter : {PddmFilter::kActions, PddmFilter::kNoise}) {
      mppi.reset();
      Pddm pddm(evaluator, bounds,
                {.population = 50,
                 .iterations = 2,
                 .kappa = 4,
                 .relative_kappa = relative,
                 .sigma = 0.7,
                 .beta = 1.0,
                 .filter = filter},
                9);
      StateDict saved;  // the same number of plans made, so the same noise
      pddm.save(saved, "");
      mppi.load(saved, "");
      for (int t = 0; t < 3; ++t) {
        CHECK(pddm.plan(vec({0.1 * t}), t).actions.isApprox(mppi.plan(vec({0.1 * t}), t).actions, 1e-12));
        pddm.advance(1);
        mppi.advance(1);
      }
    }
  }
}

TEST_CASE("beta sets how smooth pddm's candidates are, sigma how far they reach") {
  constexpr int kHorizon = 60, kSamples = 2000;
  std::vector<Batchd> asked;
  ObjectiveEvaluator<double> evaluator(1, kHorizon, [&](const Vecd&, const Batchd& a) {
    asked.push_back(a);
    return 0.0;
  });
  for (const double beta : {0.3, 0.7, 1.0})
    for (const double sigma : {0.01, 0.05}) {
      asked.clear();
      Pddm pddm(evaluator, ActionBounds::uniform(1, -1, 1),
                {.population = kSamples, .sigma = sigma, .beta = beta, .filter = PddmFilter::kNoise}, 1);
      pddm.plan(vec({0.0}), 0);
      double variance = 0, lagged = 0;
      for (int k = 0; k < kSamples; ++k)
        for (Index t = 30; t < kHorizon; ++t) {  // the filter has settled
          const Batchd& a = asked[static_cast<std::size_t>(k)];
          variance += a(0, t) * a(0, t) / (30 * kSamples);
          lagged += a(0, t) * a(0, t - 1) / (30 * kSamples);
        }
      // First-order autoregression: n_t = (1 - beta) n_{t-1} + beta eps_t.
      CHECK(variance == Approx(beta * beta * sigma * sigma / (1 - (1 - beta) * (1 - beta))).epsilon(0.05));
      CHECK(lagged / variance == Approx(1 - beta).margin(0.02));
    }
}

TEST_CASE("a low beta makes pddm's plans smoother") {
  ObjectiveEvaluator<float> evaluator(1, 20, RigidPendulum{}.objective<float>());
  const auto variation = [&](double beta) {
    double sum = 0;
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      Pddm pddm(evaluator, ActionBounds::uniform(1, -2, 2), {.population = 200, .beta = beta}, seed);
      const Batchf a = pddm.plan(vec({2.0f, 0.5f}), 0).actions;
      sum += static_cast<double>((a.rightCols(19) - a.leftCols(19)).cwiseAbs().sum());
    }
    return sum;
  };
  const double rough = variation(1.0), middle = variation(0.7), smooth = variation(0.3);
  CHECK(middle < 0.8 * rough);
  CHECK(smooth < 0.8 * middle);
}

TEST_CASE("kappa goes from the plain mean to the best candidate") {
  std::vector<Batchd> asked;
  std::vector<double> returns;
  ObjectiveEvaluator<double> evaluator(1, 3, [&](const Vecd& s, const Batchd& a) {
    asked.push_back(a);
    returns.push_back(quadratic<double>()(s, a));
    return returns.back();
  });
  for (const bool relative : {false, true})
    for (const double kappa : {1e-9, 1e9}) {
      asked.clear();
      returns.clear();
      Pddm pddm(evaluator, ActionBounds::uniform(1, -1, 1),
                {.population = 40, .kappa = kappa, .relative_kappa = relative}, 1);
      const Batchd plan = pddm.plan(vec({0.2}), 0).actions;
      Batchd expected = Batchd::Zero(1, 3);
      for (std::size_t k = 0; k < 40; ++k) expected += asked[k] / 40;
      const auto best = std::max_element(returns.begin(), returns.begin() + 40) - returns.begin();
      if (kappa > 1) expected = asked[static_cast<std::size_t>(best)];
      CHECK(plan.isApprox(expected, 1e-6));
    }
}

TEST_CASE("pddm refuses settings that make no sense") {
  ObjectiveEvaluator<float> evaluator(2, 3, quadratic<float>());
  const auto make = [&](auto change) {
    PddmSettings s;
    change(s);
    return Pddm(evaluator, ActionBounds::uniform(2, -1, 1), s, 1);
  };
  CHECK_THROWS_AS(make([](auto& s) { s.population = 0; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.iterations = 0; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.kappa = 0; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.sigma = 0; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.beta = 0; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.beta = std::numeric_limits<double>::quiet_NaN(); }), Error);
}

}  // namespace
}  // namespace mbrl
