// SimulatorRollout over analytic environments and wrappers: returns against stepping by hand, terminal
// values, threads, mistakes, planners and memory. The same on MuJoCo:
// tests/mujoco/simulator_rollout_test.cpp.
#include "mbrl/rollout/simulator_rollout.hpp"

#include <cmath>
#include <string>
#include <vector>

#include "allocation_counter.hpp"
#include "catch.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/env/classic/cartpole.hpp"
#include "mbrl/env/classic/environments.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#include "mbrl/env/registry.hpp"
#include "mbrl/env/wrappers/wrappers.hpp"
#include "mbrl/planning/registry/registry.hpp"

namespace mbrl {
namespace {

using CartPole = AnalyticEnvironment<CartPoleTask>;
static_assert(Simulator<CartPole>);
static_assert(Simulator<Pendulum>);
static_assert(Simulator<AnyEnvironment>);
static_assert(!Simulator<TimeLimit>);  // goes through AnyEnvironment
static_assert(RolloutEvaluator<SimulatorRollout<AnyEnvironment>>);

const EnvRegistry& environments() {
  static const EnvRegistry registry = [] {
    EnvRegistry r;
    register_analytic_environments(r);
    return r;
  }();
  return registry;
}

// Within the bounds, (horizon * action_dim) x count.
Batchd random_sequences(const EnvSpec& spec, int horizon, int count) {
  const RandomStream random(4, Stream::kUser);
  Batchd actions(static_cast<Index>(horizon) * spec.action_dim(), count);
  for (Index i = 0; i < actions.size(); ++i)
    actions.data()[i] =
        random.uniform(spec.action_low(i % spec.action_dim()), spec.action_high(i % spec.action_dim()),
                       static_cast<std::uint32_t>(i));
  return actions;
}

double stepped(AnyEnvironment& env, const std::vector<double>& state, ConstVecRef<double> actions) {
  env.set_state(state);
  const Index n = env.action_dim();
  double sum = 0.0;
  for (Index t = 0; t < actions.size() / n; ++t) {
    const StepResult result = env.step(actions.segment(t * n, n));
    sum += result.reward;
    if (result.terminated) break;
  }
  return sum;
}

void check_environment(const std::function<AnyEnvironment()>& make) {
  AnyEnvironment env = make();
  CAPTURE(env.spec().name);
  env.reset(3);
  const Batchd actions = random_sequences(env.spec(), 12, 9);
  for (int t = 0; t < 3; ++t) env.step(actions.col(0).head(env.action_dim()));
  const std::vector<double> state = env.state();
  REQUIRE(static_cast<int>(state.size()) == env.state_dim());
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    SimulatorRollout<AnyEnvironment> rollout(make, {12}, pool);
    Vecd returns(9);
    rollout.evaluate(state, actions, {}, returns);
    for (Index k = 0; k < 9; ++k) CHECK(returns(k) == stepped(env, state, actions.col(k)));
    CHECK(rollout.counts().particles == 9);
    CHECK(rollout.counts().not_finite == 0);
  }
}

TEST_CASE("simulator rollout: returns are bit for bit those of stepping the environment") {
  for (const char* name : {"Pendulum-v1", "CartPoleContinuous", "MountainCarContinuous-v0"})
    check_environment([name] { return environments().make(name); });
  const auto pendulum = [] { return environments().make("Pendulum-v1"); };
  check_environment([&] { return AnyEnvironment(ActionRepeat(pendulum(), 3)); });
  check_environment(
      [&] { return AnyEnvironment(DelayedEnvironment(pendulum(), {.observation = 1, .action = 2})); });
  check_environment([&] {
    NoiseSettings noise;
    noise.action = Vecd::Constant(1, 0.3);
    return AnyEnvironment(NoisyEnvironment(pendulum(), noise));
  });
}

// x' = x + a, reward x', over above 3, broken below -3.
struct Line {
  int obs_dim() const { return 1; }
  int action_dim() const { return 1; }
  int state_dim() const { return 1; }
  void save_state(std::span<double> out) const { out[0] = x; }
  void load_state(std::span<const double> in) {
    require_dim("Line", "state", in.size(), 1);
    x = in[0];
  }
  SimulatorStep advance(ConstVecRef<double> action) {
    if (action(0) == 77.0) fail("Line: 77 is not allowed");
    x += action(0);
    return {x, x > 3.0, x < -3.0};
  }
  void observe(VecRef<double> obs) const { obs(0) = 10.0 * x; }
  double x = 0.0;
};

TEST_CASE("simulator rollout: the end of a task, of the horizon and of the simulation") {
  ThreadPool pool(2);
  SimulatorRollout<Line> rollout([] { return Line(); }, {4}, pool);
  Batchd actions(4, 5);
  actions << 1, 2, -2, 0.5, 0,  //
      1, 2, -2, 0.5, 0,         //
      0, 5, 9, 0.5, NAN,        //
      0, 5, 9, 0.5, 0;
  Vecd returns(5);
  const auto check = [&](double terminal) {
    CHECK(returns(0) == 1 + 2 + 2 + 2 + terminal * 20);
    CHECK(returns(1) == 2 + 4);
    CHECK(std::isnan(returns(2)));
    CHECK(returns(3) == 0.5 + 1 + 1.5 + 2 + terminal * 20);
    CHECK(std::isnan(returns(4)));
  };
  rollout.evaluate({0.0}, actions, {}, returns);
  check(0);
  CHECK(rollout.counts().not_finite == 2);
  CHECK(rollout.counts().rows == 4 + 2 + 2 + 4 + 0);
  int time = 0;
  rollout.set_terminal_value([&](ConstBatchRef<double> obs, int t, VecRef<double> out) {
    time = t;
    out = 7.0 * obs.row(0).transpose();
  });
  rollout.evaluate({0.0}, actions, {0, 0, 30}, returns);
  check(7);
  CHECK(time == 34);
  rollout.set_terminal_value([](ConstBatchRef<double>, int, VecRef<double> out) { out.setConstant(NAN); });
  rollout.evaluate({0.0}, actions, {}, returns);
  CHECK(std::isnan(returns(0)));
  CHECK(returns(1) == 6);
}

TEST_CASE("simulator rollout: mistakes are named, and leave it usable") {
  ThreadPool pool(2);
  const auto make = [] { return Line(); };
  SimulatorRollout<Line> rollout(make, {4}, pool);
  Batchd actions = Batchd::Constant(4, 6, 0.25);
  Vecd returns(6);
  CHECK_THROWS_AS(rollout.evaluate({}, actions, {}, returns), Error);
  CHECK_THROWS_AS(rollout.evaluate({0.0, 0.0}, actions, {}, returns), Error);
  CHECK_THROWS_AS(rollout.evaluate({NAN}, actions, {}, returns), Error);
  CHECK_THROWS_AS(rollout.evaluate({0.0}, actions.topRows(3), {}, returns), Error);
  CHECK_THROWS_AS(rollout.evaluate({0.0}, actions, {}, returns.head(5)), Error);
  CHECK_THROWS_AS(SimulatorRollout<Line>(make, {0}, pool), Error);
  CHECK_THROWS_AS(SimulatorRollout<Line>({}, {4}, pool), Error);
  Batchd wrong = actions;
  wrong.row(1).setConstant(77.0);
  for (int i = 0; i < 3; ++i) CHECK_THROWS_AS(rollout.evaluate({0.0}, wrong, {}, returns), Error);
  rollout.evaluate({0.0}, actions, {}, returns);
  CHECK(returns == Vecd::Constant(6, 2.5));
}

TEST_CASE("simulator rollout: every sampling planner runs on it without memory from the heap") {
  ThreadPool pool(2);
  for (const char* env_name : {"Pendulum-v1", "CartPoleContinuous"}) {
    SimulatorRollout<AnyEnvironment> rollout([env_name] { return environments().make(env_name); }, {15},
                                             pool);
    rollout.set_terminal_value([](ConstBatchRef<double> obs, int, VecRef<double> out) {
      for (Index k = 0; k < obs.cols(); ++k) out(k) = obs(0, k);
    });
    AnyEnvironment env = environments().make(env_name);
    env.reset(1);
    const std::vector<double> state = env.state();
    for (const char* name : {"rs", "cem", "icem", "mppi", "pddm", "cmaes", "mcts"}) {
      PlannerSettings settings;
      settings.name = name;
      settings.rs.population = settings.cem.population = settings.mppi.population = settings.pddm.population =
          settings.icem.population = settings.cmaes.population = settings.mcts.iterations = 60;
      auto planner =
          make_planner(rollout, ActionBounds(env.spec().action_low, env.spec().action_high), settings, 1);
      ActionPlan<double> plan;
      const auto episode = [&] {
        for (int t = 0; t < 3; ++t) {
          planner.plan(state, t, plan);
          planner.advance(1);
        }
        planner.reset();
      };
      episode();
      INFO(name << " on " << env_name);
      if (test::can_count_allocations()) CHECK(test::allocations_during(episode) == 0);
      CHECK(plan.actions.allFinite());
      CHECK(plan.report.unusable == 0);
    }
  }
}

}  // namespace
}  // namespace mbrl
