// Planners by name over dynamics that are written down.
#include "mbrl/planning/registry/known_dynamics.hpp"

#include <cmath>
#include <numbers>
#include <string>

#include "catch.hpp"
#include "mbrl/core/settings.hpp"
#include "mbrl/planning/mpc.hpp"
#include "planning/trajectory/trajectory_support.hpp"

namespace mbrl {
namespace {

using planning_test::column;
using planning_test::diagonal;
using planning_test::Exploding;

using PointMass = AnalyticModel<PointMassSystem>;

TEST_CASE("every planner known by name brings a point mass to rest") {
  const PointMass model({}, {0.1});
  const QuadraticCost cost(diagonal({1, 1, 0.1, 0.1}), diagonal({0.01, 0.01}), diagonal({10, 10, 1, 1}),
                           column({0.5, -0.3, 0, 0}));
  const ActionBounds bounds = ActionBounds::uniform(2, -2, 2);
  ThreadPool pool(1);
  const KnownPlannerRegistry<PointMass, QuadraticCost> registry;
  CHECK(registry.names() == std::vector<std::string>{"cem", "cmaes", "collocation", "ddp", "gradient", "icem",
                                                     "ilqr", "mcts", "mppi", "pddm", "rs"});
  KnownPlannerSettings settings{.horizon = 15};
  settings.sampling.cem.population = 100;
  settings.sampling.cem.elites = 10;
  PointMass::Workspace none;
  for (const std::string& name : registry.names()) {
    INFO(name);
    settings.sampling.name = name;
    Mpc mpc(make_known_planner(model, cost, bounds, settings, 3, pool));
    Vecd x = Vecd::Zero(4), next(4);
    for (int t = 0; t < 40; ++t) {
      const Vecd& u = mpc.act(x);
      CHECK(u.cwiseAbs().maxCoeff() <= 2.0);
      model.step(x, u, next, none);
      x = next;
    }
    CHECK((x.head(2) - Eigen::Vector2d(0.5, -0.3)).norm() < (name == "rs" || name == "mcts" ? 0.4 : 0.15));
    const auto costs = decltype(registry)::cost_per_iteration(mpc.planner());
    CHECK(costs.empty() == (name != "ilqr" && name != "ddp"));
    for (std::size_t i = 1; i < costs.size(); ++i) CHECK(costs[i] <= costs[i - 1]);
  }
}

TEST_CASE("collocation and ilqr plan the same way round, and collocation can be saved") {
  const PointMass model({}, {0.1});
  const QuadraticCost cost(diagonal({1, 1, 0.1, 0.1}), diagonal({0.1, 0.1}), diagonal({10, 10, 1, 1}),
                           column({0.5, -0.3, 0, 0}));
  const ActionBounds bounds = ActionBounds::uniform(2, -2, 2);
  auto planner = step_collocation(AnalyticFlow(PointMassSystem{}), cost, 0.1, 15, bounds);
  IlqrPlanner ilqr(model, cost, 15, {}, bounds);
  const Vecd x = column({0.1, 0.2, -0.3, 0.1});
  const auto a = planner.plan(x, 0), b = ilqr.plan(x, 0);
  CHECK(a.report.unusable == 0);
  // The one cost is an integral, the other its sum over steps: they agree to the step's length.
  CHECK(a.predicted_return == Approx(b.predicted_return).epsilon(0.2));
  CHECK((a.actions - b.actions).cwiseAbs().maxCoeff() < 0.25);
  CHECK(a.actions.cwiseAbs().maxCoeff() <= 2.0);
  StateDict saved;
  planner.advance(2);
  planner.save(saved, "c.");
  auto copy = step_collocation(AnalyticFlow(PointMassSystem{}), cost, 0.1, 15, bounds);
  copy.load(saved, "c.");
  CHECK(copy.plan(x, 2).actions == planner.plan(x, 2).actions);
  CHECK_THROWS_AS(planner.advance(-1), Error);
  CHECK_THROWS_AS(step_collocation(AnalyticFlow(PointMassSystem{}), cost, 0.0, 15, bounds), Error);
  CHECK_THROWS_AS(step_collocation(AnalyticFlow(PointMassSystem{}), cost, 0.1, 0, bounds), Error);
}

TEST_CASE("a sampling planner refined by one that descends is a planner by name") {
  const PointMass model({}, {0.1});
  const QuadraticCost cost(diagonal({1, 1, 0.1, 0.1}), diagonal({0.1, 0.1}), diagonal({10, 10, 1, 1}),
                           column({0.5, -0.3, 0, 0}));
  const ActionBounds bounds = ActionBounds::uniform(2, -2, 2);
  ThreadPool pool(1);
  KnownPlannerSettings settings{.horizon = 15};
  settings.sampling.cem.population = 50;
  settings.sampling.cem.elites = 5;
  settings.starts.samples = 0;
  settings.gradient.iterations = 200;
  const Vecd x = column({0.1, 0.2, -0.3, 0.1});
  const auto make = [&](const std::string& name) {
    settings.sampling.name = name;
    return make_known_planner(model, cost, bounds, settings, 3, pool);
  };
  const double sampled = make("cem").plan(x, 0).predicted_return,
               best = make("ilqr").plan(x, 0).predicted_return;
  REQUIRE(sampled < best - 1e-3);
  for (const char* name : {"cem+ilqr", "cem+ddp", "icem+gradient", "icem+collocation"}) {
    INFO(name);
    auto planner = make(name), copy = make(name);
    const auto plan = planner.plan(x, 0);
    CHECK(plan.predicted_return > sampled);
    CHECK(plan.predicted_return == Approx(best).epsilon(0.2));
    CHECK(plan.report.rollouts > 50);
    planner.advance(1);
    StateDict saved;
    planner.save(saved, "p.");
    copy.load(saved, "p.");
    CHECK(copy.plan(x, 1).actions == planner.plan(x, 1).actions);
    planner.reset();
  }
  CHECK(KnownPlannerRegistry<PointMass, QuadraticCost>::cost_per_iteration([&]() -> auto& {
          static auto p = make("cem+ilqr");
          return p.plan(x, 0), p;
        }())
            .size() > 1);
  for (const char* name : {"ilqr+cem", "cem+mine", "+", "cem+"}) {
    INFO(name);
    CHECK_THROWS_WITH(make(name), Catch::Contains("such as icem+ilqr"));
  }
}

struct NoDerivatives {
  using Scalar = double;
  struct Workspace {};
  int obs_dim() const { return 1; }
  int action_dim() const { return 1; }
  void step(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> next,
            Workspace&) const {
    next = obs + action;
  }
};

TEST_CASE("a planner whose derivatives are missing says so") {
  const QuadraticCost cost(diagonal({1.0}), diagonal({0.1}), diagonal({1.0}), Vecd::Constant(1, 0.5));
  const ActionBounds bounds = ActionBounds::uniform(1, -1, 1);
  ThreadPool pool(1);
  const auto complaint = [&](const auto& model, const std::string& name) -> std::string {
    KnownPlannerSettings settings{.horizon = 5};
    settings.sampling.name = name;
    try {
      make_known_planner(model, cost, bounds, settings, 1, pool).plan(Vecd::Zero(1), 0);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  for (const char* name : {"gradient", "ilqr", "ddp"}) {
    CHECK(complaint(NoDerivatives{}, name).find("needs derivatives of the dynamics (linearize)") !=
          std::string::npos);
    CHECK(complaint(NoDerivatives{}, name).find(name) != std::string::npos);
  }
  CHECK(complaint(Exploding{}, "collocation").find("continuous time") != std::string::npos);
  CHECK(complaint(NoDerivatives{}, "cem").empty());
  CHECK(complaint(Exploding{}, "ilqr").empty());
  CHECK(complaint(Exploding{}, "ddp").find("HessianByDifferences") != std::string::npos);
  CHECK(complaint(Exploding{}, "lqr") ==
        "planners: no planner named 'lqr', expected one of cem, cmaes, collocation, ddp, gradient, icem, "
        "ilqr, mcts, mppi, "
        "pddm, rs");

  KnownPlannerRegistry<Exploding, QuadraticCost> registry;
  CHECK_THROWS_AS(registry.add("rs", {}), Error);
  registry.add("mine", [](const Exploding& m, const QuadraticCost& c, const ActionBounds& b,
                          const KnownPlannerSettings& s, std::uint64_t, ThreadPool&) {
    return AnyPlanner<Vecd, double>(IlqrPlanner(m, c, s.horizon, {}, b));
  });
  KnownPlannerSettings settings{.horizon = 5};
  settings.sampling.name = "mine";
  CHECK(registry.make(Exploding{}, cost, bounds, settings, 1, pool).plan(column({0.0}), 0).actions.cols() ==
        5);
}

TEST_CASE("settings of all planners by their usual names") {
  KnownPlannerSettings settings;
  set_assignment(settings, "name=ilqr");
  set_assignment(settings, "icem.population=77");
  set_assignment(settings, "ilqr.iterations=9");
  set_assignment(settings, "starts.starts=2");
  CHECK(settings.sampling.name == "ilqr");
  CHECK(settings.sampling.icem.population == 77);
  CHECK(settings.ilqr.iterations == 9);
  CHECK(settings.starts.starts == 2);
}

}  // namespace
}  // namespace mbrl
