// The frugal planner against a naive loop, each of its parts alone, and the races inside it.
#include "mbrl/planning/sampling/icem.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "catch.hpp"
#include "mbrl/planning/sampling/cem.hpp"
#include "planning/test_evaluators.hpp"

namespace mbrl {
namespace {

using planning_test::NoisyEvaluator;
using planning_test::ObjectiveEvaluator;
using planning_test::quadratic;
using planning_test::RigidPendulum;
using planning_test::vec;

TEST_CASE("coloured noise has unit variance and a power-law spectrum") {
  for (const int horizon : {1, 2, 5, 12, 30, 31})
    for (const double beta : {0.0, 0.25, 1.0, 2.5}) {
      const Batchd mixing = coloured_noise_mixing(horizon, beta);
      const Batchd covariance = mixing * mixing.transpose();
      CHECK(covariance.diagonal().isOnes(1e-12));
      if (beta == 0.0) CHECK(covariance.isIdentity(1e-12));
      // Stationary: the covariance depends on the lag alone.
      for (int t = 1; t < horizon; ++t) CHECK(covariance(t, t - 1) == Approx(covariance(1, 0)).margin(1e-12));
    }
  CHECK_THROWS_AS(coloured_noise_mixing(0, 1.0), Error);
  CHECK_THROWS_AS(coloured_noise_mixing(5, -1.0), Error);

  // Slope of the periodogram of drawn sequences on a log-log scale.
  constexpr int kHorizon = 60, kSamples = 3000;
  for (const double beta : {0.0, 0.5, 1.0, 2.0}) {
    Batchd white(kHorizon, kSamples);
    CandidateNoise<double>(1).normal(0, 0, white);
    const Batchd x = coloured_noise_mixing(kHorizon, beta) * white;
    double sx = 0, sy = 0, sxx = 0, sxy = 0;
    int count = 0;
    for (int j = 1; 2 * j < kHorizon; ++j, ++count) {
      Vecd cosine(kHorizon), sine(kHorizon);
      for (int t = 0; t < kHorizon; ++t) {
        cosine(t) = std::cos(2 * std::numbers::pi * j * t / kHorizon);
        sine(t) = std::sin(2 * std::numbers::pi * j * t / kHorizon);
      }
      const double power = (x.transpose() * cosine).squaredNorm() + (x.transpose() * sine).squaredNorm();
      const double lx = std::log(static_cast<double>(j)), ly = std::log(power);
      sx += lx, sy += ly, sxx += lx * lx, sxy += lx * ly;
    }
    CHECK((count * sxy - sx * sy) / (count * sxx - sx * sx) == Approx(-beta).margin(0.03));
  }
}

struct NaiveICem {
  ICemSettings s;
  int action_dim, horizon;
  double low, high;
  std::vector<double> mean =
      std::vector<double>(static_cast<std::size_t>(action_dim * horizon), (low + high) / 2);
  std::vector<std::vector<double>> elites = {};
  int tail = 0;
  std::uint32_t plan_index = 0;

  std::vector<double> plan(const planning_test::Objective<double>& f, const Vecd& state,
                           std::int64_t& asked) {
    const CandidateNoise<double> noise(42);
    const auto n = mean.size();
    std::vector<double> sigma(n, s.initial_std * (high - low) / 2);
    std::vector<double> best = mean;
    asked = 0;
    for (int i = 0; i < s.iterations; ++i) {
      const int fresh = std::min(
          s.population,
          std::max(static_cast<int>(std::lround(s.population / std::pow(s.decay, i))), 2 * s.elites));
      std::size_t kept = 0;
      if (i == 0 ? s.shift_elites : s.keep_elites)
        kept = std::min(elites.size(), static_cast<std::size_t>(std::lround(s.keep_fraction * s.elites)));
      std::vector<std::pair<double, std::vector<double>>> candidates;
      Batchd white(static_cast<Index>(n), fresh + static_cast<int>(kept));
      noise.normal(plan_index, static_cast<std::uint32_t>(i), white);
      Batchd mixing = coloured_noise_mixing(horizon, s.noise_beta);
      if (s.noise_beta == 0) mixing.setIdentity();  // white noise is taken as it is drawn
      for (Index k = 0; k < white.cols(); ++k) {
        std::vector<double> a(n);
        for (int t = 0; t < horizon; ++t)
          for (int d = 0; d < action_dim; ++d) {
            const auto e = static_cast<std::size_t>(t * action_dim + d);
            double z = 0;
            for (int u = 0; u < horizon; ++u) z += mixing(t, u) * white(u * action_dim + d, k);
            a[e] = std::clamp(mean[e] + sigma[e] * z, low, high);
            if (k >= fresh && t < horizon - tail) a[e] = elites[static_cast<std::size_t>(k - fresh)][e];
          }
        candidates.emplace_back(0.0, a);
      }
      if (i + 1 == s.iterations && s.add_mean) candidates.emplace_back(0.0, mean);
      for (auto& [value, a] : candidates)
        value = -f(state, Eigen::Map<const Batchd>(a.data(), action_dim, horizon));
      asked += static_cast<std::int64_t>(candidates.size());
      std::stable_sort(candidates.begin(), candidates.end(),
                       [](auto& x, auto& y) { return x.first < y.first; });
      candidates.resize(static_cast<std::size_t>(s.elites));
      elites.clear();
      for (auto& [value, a] : candidates) elites.push_back(a);
      tail = 0;
      best = elites[0];
      double spread = 0;
      for (std::size_t e = 0; e < n; ++e) {
        double m = 0, v = 0;
        for (auto& elite : elites) m += elite[e] / s.elites;
        for (auto& elite : elites) v += (elite[e] - m) * (elite[e] - m) / s.elites;
        mean[e] = s.alpha * mean[e] + (1 - s.alpha) * m;
        sigma[e] = s.alpha * sigma[e] + (1 - s.alpha) * std::sqrt(v);
        spread += std::pow(sigma[e] / ((high - low) / 2), 2) / static_cast<double>(n);
      }
      if (std::sqrt(spread) < s.stop_std) break;
    }
    ++plan_index;
    ++asked;  // the plan itself
    return s.execute == Execute::kBest ? best : mean;
  }

  void advance(int steps) {
    const auto moved = static_cast<std::size_t>(steps * action_dim);
    const auto shift = [&](std::vector<double>& v) {
      const std::vector<double> last(v.end() - action_dim, v.end());
      v.erase(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(moved));
      for (int t = 0; t < steps; ++t) v.insert(v.end(), last.begin(), last.end());
    };
    shift(mean);
    for (auto& elite : elites) shift(elite);
    tail += steps;
  }
};

TEST_CASE("icem equals a naive loop with each part on and off") {
  const ICemSettings all{
      .population = 30, .elites = 5, .iterations = 4, .noise_beta = 1.0, .keep_fraction = 0.6};
  std::vector<ICemSettings> cases(9, all);
  cases[1].decay = 1.0;
  cases[2].noise_beta = 0.0;
  cases[3].keep_elites = false;
  cases[4].shift_elites = false;
  cases[5].add_mean = false;
  cases[6].execute = Execute::kBest;
  cases[7].stop_std = 0.25;
  cases[8].decay = 10.0;
  std::vector<std::int64_t> costs;
  for (const ICemSettings& settings : cases) {
    ObjectiveEvaluator<double> evaluator(2, 5, quadratic<double>());
    ICem icem(evaluator, ActionBounds::uniform(2, -1.0, 0.8), settings, 42);
    NaiveICem naive{settings, 2, 5, -1.0, 0.8};
    std::int64_t cost = 0;
    for (int step = 0; step < 4; ++step) {
      const Vecd state = vec({0.3 * step});
      INFO("case " << costs.size() << " step " << step);
      const ActionPlan<double> plan = icem.plan(state, 0);
      std::int64_t asked = 0;
      const std::vector<double> expected = naive.plan(quadratic<double>(), state, asked);
      for (std::size_t i = 0; i < expected.size(); ++i)
        CHECK(plan.actions.reshaped()(static_cast<Index>(i)) == Approx(expected[i]).margin(1e-12));
      CHECK(plan.report.rollouts == asked);
      cost += asked;
      icem.advance(1 + step % 2);
      naive.advance(1 + step % 2);
    }
    costs.push_back(cost);
  }
  CHECK(costs[1] > costs[0]);  // no decay
  CHECK(costs[3] < costs[0]);  // fewer candidates
  CHECK(costs[4] < costs[0]);
  CHECK(costs[5] == costs[0] - 4);
  CHECK(costs[7] < costs[0]);  // stopped early
  CHECK(costs[8] < costs[1]);
}

TEST_CASE("icem refuses settings that make no sense") {
  ObjectiveEvaluator<float> evaluator(2, 3, quadratic<float>());
  const auto make = [&](auto change) {
    ICemSettings s;
    change(s);
    return ICem(evaluator, ActionBounds::uniform(2, -1, 1), s, 1);
  };
  CHECK_THROWS_AS(make([](auto& s) { s.elites = s.population + 1; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.iterations = 0; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.alpha = 1.0; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.initial_std = 0.0; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.decay = 0.9; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.noise_beta = -0.1; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.keep_fraction = 1.1; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.stop_std = -1; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.racing.first_particles = 1; }), Error);
  CHECK_THROWS_AS(make([](auto& s) { s.racing.confidence = -1; }), Error);
}

TEST_CASE("icem reaches cem's quality on the pendulum with a fraction of its rollouts") {
  ObjectiveEvaluator<float> evaluator(1, 20, RigidPendulum{}.objective<float>());
  const ActionBounds bounds = ActionBounds::uniform(1, -2.0, 2.0);
  Cem cem(evaluator, bounds, {.population = 400, .elites = 40}, 1);
  ICem icem(evaluator, bounds, {.population = 60, .elites = 8, .noise_beta = 2.0}, 1);
  double cem_return = 0, icem_return = 0;
  std::int64_t cem_cost = 0, icem_cost = 0;
  for (int i = 0; i < 20; ++i) {
    const Vecf state = vec({-3.0f + 0.3f * static_cast<float>(i), 0.4f * static_cast<float>(i % 5 - 2)});
    cem.reset();
    icem.reset();
    const auto a = cem.plan(state, 0), b = icem.plan(state, 0);
    cem_return += static_cast<double>(a.predicted_return);
    icem_return += static_cast<double>(b.predicted_return);
    cem_cost += a.report.rollouts;
    icem_cost += b.report.rollouts;
  }
  CHECK(icem_return > cem_return - 0.02 * std::abs(cem_return));
  CHECK(icem_cost < cem_cost / 8);
}

using Noisy = NoisyEvaluator<double>;

// Candidates around the warm start, as in an iteration of a planner.
Batchd some_candidates(Index count) {
  Batchd actions(12, count);
  CandidateNoise<double>(9).normal(0, 0, actions);
  return (0.5 * actions.array()).max(-1.0).min(1.0);
}

TEST_CASE("a race in which nobody is dropped is the full evaluation") {
  Noisy evaluator(2, 6, 20, quadratic<double>(), 0.5, 0.5);
  // Poisoned particles count as the worst of the call; a candidate with nothing else is unusable.
  evaluator.poisoned = [](const Batchd& a, int particle) {
    return a(0, 0) > 0.8 || (a(0, 0) > 0.2 && particle % 7 == 3);
  };
  const Batchd actions = some_candidates(100);
  const Vecd state = vec({0.1});
  Vecd full(100), raced(100);
  evaluator.evaluate(state, actions, {3, 1, 0}, full);
  CandidateRace<Noisy> race;
  const auto outcome = race.run(evaluator, state, actions, {3, 1, 0}, 10, true, {.confidence = 1e9}, raced);
  CHECK(outcome.dropped == 0);
  CHECK(outcome.rollouts == 2000);
  CHECK(outcome.unusable > 0);
  CHECK(outcome.unusable == 100 - full.array().isFinite().count());
  for (Index k = 0; k < 100; ++k) {
    CHECK(std::isnan(full(k)) == std::isnan(raced(k)));
    if (!std::isnan(full(k))) CHECK(raced(k) == Approx(full(k)).epsilon(1e-12));
  }
}

TEST_CASE("a race finds the elites of the full evaluation with a part of the rollouts") {
  for (const double own_sd : {0.0, 0.3, 1.0}) {
    Noisy evaluator(2, 6, 20, quadratic<double>(), 2.0, own_sd);
    const Batchd actions = some_candidates(200);
    const Vecd state = vec({0.1});
    CandidateRace<Noisy> race;
    Vecd full(200), raced(200);
    std::vector<int> wanted, found;
    std::int64_t rollouts = 0;
    int agreed = 0;
    constexpr int kRaces = 30, kElites = 20;
    double lost = 0;
    for (std::uint32_t plan = 0; plan < kRaces; ++plan) {
      evaluator.evaluate(state, actions, {plan, 0, 0}, full);
      rollouts += race.run(evaluator, state, actions, {plan, 0, 0}, kElites, true, {}, raced).rollouts;
      REQUIRE(rank_candidates(full, kElites, wanted) == 200);
      REQUIRE(rank_candidates(raced, kElites, found) >= kElites);
      for (const int k : wanted) {
        agreed += std::count(found.begin(), found.end(), k) > 0 ? 1 : 0;
        lost += full(k) / (kElites * kRaces);
      }
      for (const int k : found) {
        lost -= full(k) / (kElites * kRaces);
        if (raced(k) == raced(k)) CHECK(raced(k) == Approx(full(k)).epsilon(1e-12));
      }
    }
    const double share = static_cast<double>(rollouts) / (kRaces * 200 * 20);
    CHECK(agreed >= static_cast<int>(0.95 * kRaces * kElites));
    CHECK(lost >= -1e-12);
    CHECK(lost < 0.05);
    CHECK(share < (own_sd < 0.5 ? 0.45 : 0.85));
    // Noise that all candidates share cancels: without any other, the first particles decide the race.
    if (own_sd == 0.0) CHECK(share == Approx(0.25 + 0.75 * 0.1).margin(0.001));
  }
}

TEST_CASE("settled elites end a race that does not have to order them") {
  Noisy evaluator(2, 6, 20, quadratic<double>(), 2.0, 0.0);
  const Batchd actions = some_candidates(200);
  Vecd returns(200);
  CandidateRace<Noisy> race;
  const auto outcome = race.run(evaluator, vec({0.1}), actions, {}, 20, false, {}, returns);
  CHECK(outcome.rollouts == 200 * 5);
  CHECK(outcome.dropped == 180);
  CHECK(returns.array().isFinite().count() == 20);
}

TEST_CASE("poisoned particles do not win a race") {
  Noisy evaluator(2, 6, 20, quadratic<double>(), 0.1, 0.1);
  evaluator.poisoned = [](const Batchd& a, int) { return a(0, 0) > 0; };
  const Batchd actions = some_candidates(100);
  Vecd returns(100);
  CandidateRace<Noisy> race;
  const auto outcome = race.run(evaluator, vec({0.1}), actions, {}, 10, true, {}, returns);
  CHECK(outcome.unusable == (actions.row(0).array() > 0).count());
  for (Index k = 0; k < 100; ++k)
    if (actions(0, k) > 0) CHECK(std::isnan(returns(k)));

  // Fewer usable candidates than elites: all of them keep a return.
  evaluator.poisoned = [](const Batchd& a, int) { return a(0, 0) > -0.8; };
  const auto usable = (actions.row(0).array() <= -0.8).count();
  REQUIRE(usable > 0);
  REQUIRE(usable < 10);
  race.run(evaluator, vec({0.1}), actions, {}, 10, true, {}, returns);
  CHECK(returns.array().isFinite().count() == usable);
}

TEST_CASE("racing saves rollouts at equal plan quality") {
  const Vecf state = vec({0.4f});
  const auto quality = [&](bool racing, std::int64_t& rollouts) {
    NoisyEvaluator<float> evaluator(2, 8, 20, quadratic<float>(), 1.0f, 0.5f);
    ICemSettings settings{.population = 100, .elites = 10, .stop_std = 0.0};
    settings.racing.on = racing;
    double sum = 0;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      ICem icem(evaluator, ActionBounds::uniform(2, -1, 1), settings, seed);
      const ActionPlan<float> plan = icem.plan(state, 0);
      rollouts += plan.report.rollouts;
      sum += static_cast<double>(quadratic<float>()(state, plan.actions)) / 20;  // without noise
    }
    return sum;
  };
  std::int64_t raced = 0, full = 0;
  const double with = quality(true, raced), without = quality(false, full);
  CHECK(static_cast<double>(raced) < 0.6 * static_cast<double>(full));
  CHECK(with > without - 0.03);
  INFO("with racing " << with << " at " << raced << ", without " << without << " at " << full);
}

}  // namespace
}  // namespace mbrl
