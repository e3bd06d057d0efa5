// Once warm, no sampling planner allocates over a model written down: proven by counting calls of malloc.
#include <cmath>
#include <memory>
#include <string>

#include "allocation_hook.hpp"
#include "catch.hpp"
#include "mbrl/planning/registry.hpp"
#include "mbrl/rollout/model_rollout.hpp"

namespace mbrl {
namespace {

// Angle and rate; angle 0 is upright.
struct PendulumModel {
  using Scalar = double;
  struct Workspace {};
  int obs_dim() const { return 2; }
  int action_dim() const { return 2; }  // the second does nothing but cost
  void step(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> next,
            Workspace&) const {
    for (Index k = 0; k < obs.cols(); ++k) {
      next(1, k) = obs(1, k) + 0.05 * (15 * std::sin(obs(0, k)) + 3 * action(0, k));
      next(0, k) = obs(0, k) + 0.05 * next(1, k);
    }
  }
};

struct PendulumCost {
  void operator()(ConstBatchRef<double> obs, ConstBatchRef<double> action, ConstBatchRef<double>, int,
                  VecRef<double> out) const {
    for (Index k = 0; k < obs.cols(); ++k)
      out(k) = std::cos(obs(0, k)) - 0.01 * obs(1, k) * obs(1, k) - 0.001 * action.col(k).squaredNorm();
  }
};

void check_planner(const PlannerSettings& settings, int threads) {
  INFO(settings.name << " on " << threads << " threads");
  ThreadPool pool(threads);
  ModelRollout<PendulumModel, PendulumCost> rollout({}, {}, {20}, pool);
  rollout.set_terminal_value([](ConstBatchRef<double> obs, int, VecRef<double> out) {
    for (Index k = 0; k < obs.cols(); ++k) out(k) = -obs(1, k) * obs(1, k);
  });
  auto planner = make_planner(rollout, ActionBounds({-2, -1}, {2, 1}), settings, 3);
  const Vecd state = (Vecd(2) << 2.5, 0.3).finished();
  ActionPlan<double> plan;
  const auto episode = [&] {
    for (int t = 0; t < 4; ++t) {
      planner.plan(state, t, plan);
      planner.advance(1);
    }
    planner.reset();
  };
  episode();
  CHECK(test::allocations_during(episode) == 0);
  CHECK(plan.actions.allFinite());
  CHECK(plan.report.unusable == 0);
}

TEST_CASE("allocations are seen, whoever asks for them") {
  if (!test::can_count_allocations()) return;
  CHECK(test::allocations_during([] {}) == 0);
  std::unique_ptr<int> number;
  CHECK(test::allocations_during([&] { number = std::make_unique<int>(3); }) == 1);
  Batchd matrix;
  CHECK(test::allocations_during([&] { matrix.setZero(10, 10); }) == 1);
  CHECK(test::allocations_during([&] { matrix.setZero(10, 10); }) == 0);
  CHECK(*number + static_cast<int>(matrix.sum()) == 3);
}

TEST_CASE("no sampling planner allocates in its steady state") {
  if (!test::can_count_allocations()) return;
  PlannerSettings settings;
  settings.rs.population = settings.cem.population = settings.mppi.population = settings.pddm.population =
      150;
  settings.icem.population = 150;
  settings.cmaes.population = 150;
  for (const char* name : {"rs", "cem", "icem", "mppi", "pddm", "cmaes"})
    for (const int threads : {1, 3}) {
      settings.name = name;
      check_planner(settings, threads);
    }
  settings.name = "cmaes";
  settings.cmaes.separable = false;
  check_planner(settings, 1);
  settings.name = "icem";
  settings.icem.execute = Execute::kBest;
  check_planner(settings, 1);
  settings.name = "mppi";
  settings.mppi.control_cost = 0.1;
  settings.mppi.noise_covariance = {0.5, 0.1, 0.1, 0.2};
  check_planner(settings, 1);
}

}  // namespace
}  // namespace mbrl
