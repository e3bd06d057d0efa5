// Distributions over trajectories against Monte-Carlo; maximum-entropy LQR and its trust region against what they
// minimise; the improvement of a controller from a handful of trajectories.
#include "mbrl/planning/local/kl_trust_region.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "normals.hpp"

namespace mbrl {
namespace {

Batchd normals(Index rows, Index cols, std::uint32_t a, std::uint32_t b = 0) {
  return testing::normals<Batchd>(RandomStream(29, Stream::kUser), rows, cols, a, b);
}

// A mass in the plane, pushed by noise, and away from the origin by so much a unit of distance; it is to come there.
LocalDynamics point_mass(int horizon, double noise, double away = 0) {
  constexpr double kDt = 0.1;
  ConditionalGaussian step{Batchd::Zero(4, 6), Vecd::Zero(4), noise * noise * Batchd::Identity(4, 4)};
  step.gain.leftCols(4).setIdentity();
  step.gain.block(0, 2, 2, 2) = kDt * Batchd::Identity(2, 2);
  step.gain.block(2, 0, 2, 2) = away * kDt * Batchd::Identity(2, 2);
  step.gain.block(2, 4, 2, 2) = kDt * Batchd::Identity(2, 2);
  return {{Vecd{{1.0, -0.5, 0.0, 0.0}}, 1e-4 * Batchd::Identity(4, 4)},
          std::vector<ConditionalGaussian>(static_cast<std::size_t>(horizon), step)};
}

void add_cost(LqrProblem<>& problem) {
  const Vecd weights{{1.0, 1.0, 0.1, 0.1, 0.05, 0.05}};
  for (int t = 0; t < problem.horizon; ++t) problem.cost_at(t) = weights.asDiagonal();
  problem.final_cost = Vecd{{10.0, 10.0, 1.0, 1.0}}.asDiagonal();
}

LinearGaussianController pushes(int horizon) {
  return LinearGaussianController::constant(4, horizon, Vecd{{0.1, 0.0}}, Vecd{{1.0, 1.0}});
}

// What the trust region minimises without its bound.
double with_entropy(const LqrProblem<>& problem, const LocalDynamics& dynamics,
                    const LinearGaussianController& p, double temperature) {
  double value = expected_cost(problem, propagate(dynamics, p));
  for (const ConditionalGaussian& each : p.steps()) value -= temperature * entropy(each.covariance);
  return value;
}

TEST_CASE("trajectory distribution: its expected cost is what rollouts cost") {
  const LocalDynamics dynamics = point_mass(8, 0.05);
  LqrProblem<> problem = problem_of(dynamics);
  add_cost(problem);
  problem.cost_gradient.setConstant(0.3);
  std::vector<ConditionalGaussian> steps;
  for (std::uint32_t t = 0; t < 8; ++t)
    steps.push_back({0.3 * normals(2, 4, 1, t), 0.2 * normals(2, 1, 2, t), Batchd{{0.3, 0.1}, {0.1, 0.2}}});
  const LinearGaussianController controller(steps);
  const TrajectoryDistribution p = propagate(dynamics, controller);

  constexpr int kRollouts = 100000;
  Batchd x =
      (sampling_factor(dynamics.start.covariance) * normals(4, kRollouts, 3)).colwise() + dynamics.start.mean;
  Vecd cost = Vecd::Zero(kRollouts);
  for (int t = 0; t < 8; ++t) {
    const auto i = static_cast<std::size_t>(t);
    Batchd z(6, kRollouts);
    z.topRows(4) = x;
    z.bottomRows(2) =
        ((steps[i].gain * x).colwise() + steps[i].offset) +
        sampling_factor(steps[i].covariance) * normals(2, kRollouts, 4, static_cast<std::uint32_t>(t));
    cost += (0.5 * z.cwiseProduct(problem.cost_at(t) * z).colwise().sum() +
             problem.cost_gradient.col(t).transpose() * z)
                .transpose();
    x = ((dynamics.steps[i].gain * z).colwise() + dynamics.steps[i].offset) +
        0.05 * normals(4, kRollouts, 5, static_cast<std::uint32_t>(t));
  }
  cost += 0.5 * x.cwiseProduct(problem.final_cost * x).colwise().sum().transpose();
  const double error = std::sqrt((cost.array() - cost.mean()).square().sum()) / kRollouts;
  CHECK(std::abs(expected_cost(problem, p) - cost.mean()) < 3 * error);
  CHECK((p.last.mean - x.rowwise().mean()).cwiseAbs().maxCoeff() < 0.02);
}

TEST_CASE(
    "trajectory distribution: the expansion of a quadratic cost is that cost, of others their convex part") {
  constexpr int kHorizon = 4;
  const auto path = [](std::uint32_t id) {
    return StateTrajectory{normals(2, kHorizon + 1, 30, id), normals(1, kHorizon, 31, id)};
  };
  const auto costs_of = [](const auto& cost, const StateTrajectory& p) {
    double sum = cost.final_cost(p.states.col(kHorizon), kHorizon);
    for (int t = 0; t < kHorizon; ++t) sum += cost.stage(p.states.col(t), p.actions.col(t), t);
    return sum;
  };
  const auto expanded_at = [](const LqrProblem<>& problem, double constant, const StateTrajectory& p) {
    TrajectoryDistribution at;
    at.last = {p.states.col(kHorizon), Batchd::Zero(2, 2)};
    for (int t = 0; t < kHorizon; ++t) {
      Vecd z(3);
      z << p.states.col(t), p.actions.col(t);
      at.steps.push_back({z, Batchd::Zero(3, 3)});
    }
    return constant + expected_cost(problem, at);
  };
  LqrProblem<> problem(2, 1, kHorizon);
  const QuadraticCost quadratic(Batchd{{2.0, 0.5}, {0.5, 1.0}}, Batchd{{0.3}}, Batchd{{4.0, 0.0}, {0.0, 1.0}},
                                Vecd{{1.0, -1.0}});
  const double constant = expand_cost(quadratic, {path(1), path(2)}, problem);
  CHECK(expanded_at(problem, constant, path(3)) == Approx(costs_of(quadratic, path(3))));

  // Minus the same: no curvature is left, and the expansion touches where it was made.
  struct Downwards {
    const QuadraticCost* cost;
    double stage(ConstVecRef<double> x, ConstVecRef<double> u, int t) const { return -cost->stage(x, u, t); }
    double final_cost(ConstVecRef<double> x, int t) const { return -cost->final_cost(x, t); }
  };
  const DifferencedCost<Downwards> down({&quadratic});
  const double touching = expand_cost(down, {path(1)}, problem);
  CHECK(problem.cost.cwiseAbs().maxCoeff() < 1e-9);
  CHECK(expanded_at(problem, touching, path(1)) == Approx(costs_of(down, path(1))));
}

TEST_CASE("maximum-entropy LQR: no other controller has less cost and more entropy") {
  const LocalDynamics dynamics = point_mass(6, 0.05);
  LqrProblem<> problem = problem_of(dynamics);
  add_cost(problem);
  problem.cost_at(3).bottomRightCorner(2, 2) *= 100.0;  // a step whose actions matter
  const auto best = max_entropy_lqr(problem, Vecd::Constant(6, 0.5));
  REQUIRE(best.has_value());
  const double least = with_entropy(problem, dynamics, *best, 0.5);
  for (std::uint32_t i = 0; i < 50; ++i) {
    std::vector<ConditionalGaussian> steps = best->steps();
    ConditionalGaussian& changed = steps[i % 6];
    changed.gain += 0.1 * normals(2, 4, 10, i);
    changed.offset += 0.1 * normals(2, 1, 11, i);
    const Batchd stretch = Batchd::Identity(2, 2) + 0.2 * normals(2, 2, 12, i);
    changed.covariance = symmetrised(stretch * changed.covariance * stretch.transpose());
    CHECK(with_entropy(problem, dynamics, LinearGaussianController(steps), 0.5) > least);
  }
  CHECK(entropy(best->at(3).covariance) < entropy(best->at(2).covariance) - 1.0);
  CHECK(entropy(best->at(3).covariance) < entropy(best->at(4).covariance) - 1.0);
  problem.cost_at(2).bottomRightCorner(2, 2).setConstant(-100.0);
  CHECK_FALSE(max_entropy_lqr(problem, Vecd::Constant(6, 0.5)).has_value());
}

TEST_CASE("trust region: the divergence is the bound, and a wider one costs less") {
  const LocalDynamics dynamics = point_mass(30, 0.02);
  LqrProblem<> problem = problem_of(dynamics);
  add_cost(problem);
  const LinearGaussianController old = pushes(30);
  double last = expected_cost(problem, propagate(dynamics, old));
  for (const double bound : {0.1, 1.0, 10.0, 100.0}) {
    const TrustRegionStep step = trust_region_step(dynamics, problem, old, bound);
    CHECK(std::abs(step.divergence - bound) <= 0.1 * bound);
    CHECK(trajectory_kl(step.controller, old, propagate(dynamics, step.controller)).sum() ==
          Approx(step.divergence));
    CHECK(step.cost < last);
    last = step.cost;
    // The minimum of cost + dual KL: no other controller of that Lagrangian is better.
    const double least = step.cost + step.dual * step.divergence;
    for (std::uint32_t i = 0; i < 10; ++i) {
      std::vector<ConditionalGaussian> steps = step.controller.steps();
      steps[3 * i % 30].gain += 0.05 * normals(2, 4, 20, i);
      steps[3 * i % 30].covariance *= i % 2 == 0 ? 1.2 : 0.8;
      const LinearGaussianController other(steps);
      const TrajectoryDistribution p = propagate(dynamics, other);
      CHECK(expected_cost(problem, p) + step.dual * trajectory_kl(other, old, p).sum() > least);
    }
  }
  // Far out it is LQR.
  const TrustRegionStep far = trust_region_step(dynamics, problem, old, 1e3);
  Lqr<> lqr(4, 2, 30);
  lqr.solve(problem);
  CHECK((far.controller.at(0).gain - lqr.gain(0)).norm() < 0.02 * lqr.gain(0).norm());
}

TEST_CASE("trust region: an anchor pulls, and what cannot be solved is refused") {
  const LocalDynamics dynamics = point_mass(10, 0.02);
  LqrProblem<> problem = problem_of(dynamics);
  add_cost(problem);
  const LinearGaussianController old = pushes(10), other = LinearGaussianController::constant(
                                                       4, 10, Vecd{{-0.3, 0.2}}, Vecd{{0.8, 0.9}});
  const TrustRegionStep tied = trust_region_step(dynamics, problem, old, 1e3, {}, 1,
                                                 TrustRegionAnchor{other, Vecd::Constant(10, 1e9)});
  CHECK((tied.controller.at(4).offset - other.at(4).offset).norm() < 1e-4);
  CHECK(tied.controller.at(4).covariance.isApprox(other.at(4).covariance, 1e-4));
  CHECK(trust_region_step(dynamics, problem, old, 1e3).cost < tied.cost);
  CHECK_THROWS_AS(trust_region_step(dynamics, problem, old, 0), Error);
  CHECK_THROWS_AS(trust_region_step(dynamics, problem, pushes(9), 1), Error);
  problem.cost_at(2).bottomRightCorner(2, 2).setConstant(-1e30);
  CHECK_THROWS_WITH(trust_region_step(dynamics, problem, old, 1),
                    Catch::Contains("no step has a divergence below"));
}

struct Search {
  double bound = 1;  // of the divergence a step
  int samples = 5;
  bool prior = false;
  int rounds = 15;
  double away = 0;
  bool begun_well = false;  // with the best controller, made to explore
};

// Rollouts, a fit, a step of the trust region, again; what the controllers cost in truth.
std::vector<double> search(const Search& s, std::uint32_t seed) {
  constexpr int kHorizon = 30;
  const LocalDynamics truth = point_mass(kHorizon, 0.02, s.away);
  LqrProblem<> problem = problem_of(truth);
  add_cost(problem);
  LinearGaussianController controller =
      s.begun_well ? *max_entropy_lqr(problem, Vecd::Constant(kHorizon, 0.5)) : pushes(kHorizon);
  std::vector<double> costs{expected_cost(problem, propagate(truth, controller))};
  std::vector<Batchd> seen;
  for (int r = 0; r < s.rounds; ++r) {
    std::vector<StateTrajectory> data;
    for (int i = 0; i < s.samples; ++i) {
      const std::uint32_t each =
          1000 * seed + 50 * static_cast<std::uint32_t>(r) + static_cast<std::uint32_t>(i);
      const Batchd e = normals(4, kHorizon + 1, 40, each);
      StateTrajectory path{Batchd(4, kHorizon + 1), Batchd(2, kHorizon)};
      path.states.col(0) = truth.start.mean + 0.01 * e.col(kHorizon);
      controller.begin(each);
      for (int t = 0; t < kHorizon; ++t) {
        path.actions.col(t) = controller.act(path.states.col(t), t);
        Vecd z(6);
        z << path.states.col(t), path.actions.col(t);
        path.states.col(t + 1) = truth.steps[0].mean(z) + 0.02 * e.col(t);
      }
      data.push_back(std::move(path));
    }
    LocalPrior prior;
    if (s.prior) {
      seen.push_back(all_transitions(data));
      if (seen.size() > 4) seen.erase(seen.begin());
      Batchd all(seen[0].rows(), static_cast<Index>(seen.size()) * seen[0].cols());
      for (std::size_t i = 0; i < seen.size(); ++i)
        all.middleCols(static_cast<Index>(i) * seen[0].cols(), seen[0].cols()) = seen[i];
      prior = mixture_prior(GaussianMixture::fit(all, {.max_clusters = 8, .iterations = 20}, seed));
    }
    const LocalDynamics fitted = fit_local_dynamics(data, prior);
    LqrProblem<> believed = problem_of(fitted);
    add_cost(believed);
    controller = trust_region_step(fitted, believed, controller, s.bound * kHorizon).controller;
    costs.push_back(expected_cost(problem, propagate(truth, controller)));
  }
  return costs;
}

double optimum() {
  const LocalDynamics truth = point_mass(30, 0.02);
  LqrProblem<> problem = problem_of(truth);
  add_cost(problem);
  const auto best = max_entropy_lqr(problem, Vecd::Constant(30, 1e-9));
  return expected_cost(problem, propagate(truth, *best));
}

TEST_CASE("local policy search: with enough samples every step costs less") {
  for (const std::uint32_t seed : {1U, 2U, 3U}) {
    const std::vector<double> costs = search({.samples = 20}, seed);
    for (std::size_t r = 1; r < costs.size(); ++r) CHECK(costs[r] < std::max(costs[r - 1], 1.12 * optimum()));
  }
}

TEST_CASE("local policy search: five samples suffice with a mixture as prior, not without") {
  for (const std::uint32_t seed : {1U, 2U, 3U}) {
    CHECK(search({.prior = true}, seed).back() < 1.1 * optimum());
    CHECK(search({}, seed).back() > 1.4 * optimum());
  }
}

TEST_CASE("local policy search: without a prior, five samples carry a narrow trust region only") {
  // From a good controller of an unstable system.
  for (const std::uint32_t seed : {1U, 2U, 3U}) {
    const auto costs = [&](double bound) {
      return search({.bound = bound, .away = 2, .begun_well = true}, seed);
    };
    const std::vector<double> narrow = costs(0.03);
    CHECK(narrow.back() < narrow.front());
    CHECK(costs(1).back() > 2 * narrow.front());
    CHECK(costs(30).back() > 10 * narrow.front());
  }
}

}  // namespace
}  // namespace mbrl
