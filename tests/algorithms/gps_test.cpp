// Guided policy search against the regulator of each start state, from starts that it has not seen, and from sensors.
#include "mbrl/algorithms/imitation/gps.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/env/control/control_task.hpp"
#include "mbrl/models/linear/linear_model.hpp"
#include "mbrl/planning/trajectory/lqr.hpp"
#include "mbrl/run/evaluation.hpp"

namespace mbrl {
namespace {

constexpr int kHorizon = 30;

// A mass in the plane that is to come to (1, 1), from up to half a metre around the origin.
using PointMass = ControlTask<LinearModel, QuadraticCost>;

PointMass point_mass() {
  constexpr double kDt = 0.1;
  Batchd a = Batchd::Identity(4, 4), b = Batchd::Zero(4, 2);
  a.block(0, 2, 2, 2) = kDt * Batchd::Identity(2, 2);
  b.bottomRows(2) = kDt * Batchd::Identity(2, 2);
  const Vecd q{{1.0, 1.0, 0.1, 0.1}}, r{{0.1, 0.1}}, last{{5.0, 5.0, 1.0, 1.0}};
  return {
      .name = "test/PointMass",
      .source = {},
      .model = LinearModel(a, b),
      .cost = QuadraticCost(q.asDiagonal(), r.asDiagonal(), last.asDiagonal(), Vecd{{1.0, 1.0, 0.0, 0.0}}),
      .bounds = ActionBounds::uniform(2, -8, 8),
      .start = Vecd::Zero(4),
      .spread = Vecd{{0.5, 0.5, 0.2, 0.2}},
      .dt = kDt,
      .max_steps = kHorizon};
}

// The same seen by sensors: distances from three beacons in place of the position.
struct SensedPointMass : PointMass {
  EnvSpec spec() const {
    EnvSpec s = PointMass::spec();
    s.obs_dim = 5;
    s.encoding = ObsEncoding::identity(5);
    return s;
  }
  static void observe(const Vecd& state, Vecd& obs) {
    obs << std::hypot(state(0) - 3, state(1)), std::hypot(state(0) + 2, state(1) - 3),
        std::hypot(state(0), state(1) + 3), state(2), state(3);
  }
};

template <class Task>
AlgorithmContext task_context(const Task& task, ThreadPool& pool, std::uint64_t seed) {
  return {[task] { return AnyEnvironment(AnalyticEnvironment<Task>(task)); }, pool, seed};
}

// The best controller, of the dynamics as they are.
struct Regulator {
  Lqr<> lqr{4, 2, kHorizon};

  Regulator() {
    const PointMass task = point_mass();
    LqrProblem<> problem(4, 2, kHorizon);
    for (int t = 0; t < kHorizon; ++t) {
      problem.dynamics_at(t) << task.model.a(), task.model.b();
      const Vecd zero = Vecd::Zero(4);
      Vecd gradient(6);
      Batchd hessian(6, 6);
      task.cost.stage_derivatives(zero, Vecd::Zero(2), t, gradient, hessian);
      problem.cost_at(t) = hessian;
      problem.cost_gradient.col(t) = gradient;
    }
    Vecd gradient(4);
    Batchd hessian(4, 4);
    task.cost.final_derivatives(Vecd::Zero(4), kHorizon, gradient, hessian);
    problem.final_cost = hessian;
    problem.final_gradient = gradient;
    lqr.solve(problem);
  }
  void begin(std::uint64_t) {}
  Vecd act(ConstVecRef<double> state, int t) const { return lqr.gain(t) * state + lqr.feedforward(t); }
};

template <class Task>
double cost_of(const Task& task, AnyActor actor, std::uint64_t start) {
  AnyEnvironment env{AnalyticEnvironment<Task>(task)};
  return -run_episode(env, actor, start).total;
}

GpsConfiguration small_gps() {
  GpsConfiguration c;
  c.rounds = 6;
  c.mixture.max_clusters = 5;
  c.mixture.iterations = 10;
  c.cloning.policy.hidden = {32, 32};
  return c;
}

template <class Surrogate>
void check_point_mass(GpsConfiguration c) {
  const PointMass task = point_mass();
  ThreadPool pool(1);
  GuidedPolicySearch<Surrogate> run(c, task_context(task, pool, 3), SwitchableCost(task.cost));
  RunObserver silent;
  REQUIRE(run.run(silent));
  for (int i = 0; i < c.conditions; ++i) {
    const double best = cost_of(task, AnyActor(Regulator()), run.start(i));
    CHECK(cost_of(task, run.actor(), run.start(i)) < 1.1 * best);
  }
  // From starts that no controller was made for.
  for (const std::uint64_t seed : {101U, 102U, 103U, 104U, 105U})
    CHECK(cost_of(task, run.actor(), seed) < 1.1 * cost_of(task, AnyActor(Regulator()), seed));
  const std::vector<double> gap = run.metrics().column("gap");
  CHECK(gap.back() < 0.2 * *std::max_element(gap.begin(), gap.end()));
  CHECK(gap.back() < 0.02);
}

TEST_CASE("gps: mirror descent comes to the regulator of every start state") {
  check_point_mass<MirrorDescentSurrogate>(small_gps());
}

TEST_CASE("gps: mirror descent where the policy makes the trajectories") {
  GpsConfiguration c = small_gps();
  c.on_policy = true;
  check_point_mass<MirrorDescentSurrogate>(c);
}

TEST_CASE("gps: Bregman ADMM comes to the regulator of every start state") {
  GpsConfiguration c = small_gps();
  c.method = GpsMethod::kBadmm;
  check_point_mass<BadmmSurrogate>(c);
}

TEST_CASE("gps: planned on the state, the policy acts on sensors") {
  const SensedPointMass task{point_mass()};
  GpsConfiguration c = small_gps();
  c.plan_on = PlanOn::kState;
  ThreadPool pool(1);
  GuidedPolicySearch<> run(c, task_context(task, pool, 3), SwitchableCost(task.cost));
  RunObserver silent;
  REQUIRE(run.run(silent));
  double sensors = 0, state = 0;
  for (int i = 0; i < c.conditions; ++i) {
    sensors += cost_of(task, run.actor(), run.start(i));
    state += cost_of(point_mass(), AnyActor(Regulator()), run.start(i));
  }
  CHECK(sensors < 1.1 * state);
}

TEST_CASE("gps: settings and tasks that make no sense are refused by name") {
  const EnvSpec spec = point_mass().spec();
  const auto refused = [&](const auto& change, const std::string& message) {
    GpsConfiguration c = small_gps();
    change(c);
    CHECK_THROWS_WITH(c.validate(spec), Catch::Contains(message));
  };
  refused([](GpsConfiguration& c) { c.samples = 1; }, "samples is 1, expected at least 2");
  refused([](GpsConfiguration& c) { c.horizon = 31; }, "horizon is 31, expected 0 to 30");
  refused([](GpsConfiguration& c) { c.kl_step = 0; }, "kl_step is 0");
  refused([](GpsConfiguration& c) { c.cloning.loss = CloningLoss::kMean; }, "cloning.loss");
  refused(
      [](GpsConfiguration& c) {
        c.method = GpsMethod::kBadmm;
        c.on_policy = true;
      },
      "on_policy");
  CHECK_THROWS_WITH(cost_of_reward(spec), Catch::Contains("no reward function"));
}

TEST_CASE("gps: other choices are template parameters, and a stopped round is made again") {
  const PointMass task = point_mass();
  ThreadPool pool(1);
  GpsConfiguration c = small_gps();
  c.rounds = 2;
  c.conditions = 2;
  using Plain = GuidedPolicySearch<MirrorDescentSurrogate, MeanSquared>;
  Plain plain(c, task_context(task, pool, 3), SwitchableCost(task.cost));
  GuidedPolicySearch<> weighted(c, task_context(task, pool, 3), SwitchableCost(task.cost));
  RunObserver silent;
  REQUIRE(plain.run(silent));
  REQUIRE(weighted.run(silent));
  CHECK(plain.metrics().column("controller_return")[0] == weighted.metrics().column("controller_return")[0]);
  CHECK(plain.metrics().last("return") != weighted.metrics().last("return"));

  struct StopOnce : RunObserver {
    int left;
    explicit StopOnce(int steps) : left(steps) {}
    void on_progress(const RunProgress&) override { --left; }
    bool stop_requested() override { return left == 0; }
  };
  GuidedPolicySearch<> stopped(c, task_context(task, pool, 3), SwitchableCost(task.cost));
  StopOnce once(2 * 2 * kHorizon);
  REQUIRE_FALSE(stopped.run(once));
  CHECK(stopped.metrics().rows() == 0);
  REQUIRE(stopped.run(silent));
  CHECK(stopped.metrics().csv() == weighted.metrics().csv());
}

}  // namespace
}  // namespace mbrl
