// Once warm, no sampling planner allocates over a model written down: proven by counting calls of malloc.
#include <cmath>
#include <memory>
#include <string>

#include "allocation_hook.hpp"
#include "catch.hpp"
#include "mbrl/models/analytic/analytic_model.hpp"
#include "mbrl/models/analytic/systems.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/registry/known_dynamics.hpp"
#include "mbrl/planning/registry/registry.hpp"
#include "mbrl/rollout/model_rollout.hpp"

namespace mbrl {
namespace {

// Angle and rate; angle 0 is upright.
struct FreePendulum {
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
  ModelRollout<FreePendulum, PendulumCost> rollout({}, {}, {20}, pool);
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
  settings.mcts.iterations = 100;
  for (const char* name : {"rs", "cem", "icem", "mppi", "pddm", "cmaes", "mcts"})
    for (const int threads : {1, 3}) {
      settings.name = name;
      check_planner(settings, threads);
    }
  settings.name = "mcts";
  settings.mcts.actions = 3;
  settings.mcts.hold = 3;
  check_planner(settings, 1);
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

TEST_CASE("acting in the mpc loop allocates nothing once warm, whichever the planner") {
  if (!test::can_count_allocations()) return;
  const AnalyticModel model(PendulumSystem{}, {0.05});
  const Batchd weights = Vecd(Eigen::Vector2d(1.0, 0.1)).asDiagonal();
  const QuadraticCost cost(weights, Batchd::Constant(1, 1, 0.01), 10 * weights, Vecd::Zero(2));
  KnownPlannerSettings settings{.horizon = 20};
  settings.sampling.rs.population = 64;
  settings.sampling.cem = {.population = 60, .elites = 6, .iterations = 2};
  settings.sampling.pddm.population = 64;
  settings.sampling.mcts.iterations = 30;
  settings.gradient.iterations = 5;
  settings.ilqr.iterations = 10;
  const KnownPlannerRegistry<AnalyticModel<PendulumSystem>, QuadraticCost> registry;
  for (const std::string& name : registry.names()) {
    if (name == "collocation") continue;  // its sparse factorisations allocate
    for (const int threads : {1, 3})
      for (const bool hurried : {false, true}) {
        INFO(name << " on " << threads << " threads, hurried " << hurried);
        ThreadPool pool(threads);
        settings.sampling.name = name;
        Mpc mpc(registry.make(model, cost, ActionBounds::uniform(1, -2, 2), settings, 3, pool),
                {.replan_every = 2, .deadline = hurried ? 1e-6 : 0.0});
        AnalyticModel<PendulumSystem>::Workspace none;
        Vecd x = (Vecd(2) << 2.5, 0.3).finished(), next(2);
        const auto some_steps = [&] {
          for (int t = 0; t < 7; ++t) {
            model.step(x, mpc.act(x), next, none);
            x.swap(next);
          }
        };
        some_steps();
        CHECK(test::allocations_during(some_steps) == 0);
        CHECK(x.allFinite());
        CHECK((mpc.latency().missed() > 0) == hurried);
      }
  }
}

}  // namespace
}  // namespace mbrl
