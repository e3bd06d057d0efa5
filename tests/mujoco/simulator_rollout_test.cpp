// Planning in MuJoCo itself: rollouts are the environment's steps to the last bit, whoever runs them and in
// whatever order; termination, divergence, planners, memory.
#include "mbrl/rollout/simulator_rollout.hpp"

#include <cmath>
#include <string>
#include <vector>

#include "allocation_hook.hpp"
#include "catch.hpp"
#include "env/step_on.hpp"
#include "mbrl/mujoco/tasks/half_cheetah.hpp"
#include "mbrl/mujoco/tasks/hopper.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/registry/registry.hpp"
#include "support.hpp"

using namespace mbrl;
using namespace mbrl::mujoco;

namespace {

static_assert(Simulator<HalfCheetah>);
static_assert(RolloutEvaluator<SimulatorRollout<HalfCheetah>>);

Batchd random_sequences(const EnvSpec& spec, int horizon, int count, double scale = 1.0) {
  Batchd actions(static_cast<Index>(horizon) * spec.action_dim(), count);
  for (int k = 0; k < count; ++k)
    for (int t = 0; t < horizon; ++t)
      actions.col(k).segment(static_cast<Index>(t) * spec.action_dim(), spec.action_dim()) =
          scale * random_action(spec, 11 + static_cast<std::uint64_t>(k), t);
  return actions;
}

struct Stepped {
  double total = 0.0;
  int steps = 0;
  bool terminated = false;
};
Stepped step_through(AnyEnvironment& env, const std::vector<double>& state, ConstVecRef<double> actions) {
  env.set_state(state);
  Stepped out;
  const Index n = env.action_dim();
  for (Index t = 0; t < actions.size() / n && !out.terminated; ++t) {
    const StepResult result = env.step(actions.segment(t * n, n));
    out.total += result.reward;
    out.terminated = result.terminated;
    ++out.steps;
  }
  return out;
}

}  // namespace

TEST_CASE("simulator rollout: every MuJoCo task, bit for bit, for 1, 2 and 4 threads") {
  constexpr int kHorizon = 8, kCandidates = 5;
  EnvRegistry registry;
  register_environments(registry);
  for (const std::string& name : registry.names()) {
    CAPTURE(name);
    AnyEnvironment env = registry.make(name);
    env.reset(3);
    const Batchd actions = random_sequences(env.spec(), kHorizon, kCandidates);
    for (int t = 0; t < 3; ++t) step_on(env, random_action(env.spec(), 2, t));  // contacts, a warm solver
    const std::vector<double> state = env.state();
    std::vector<Stepped> expected;
    for (int k = 0; k < kCandidates; ++k) expected.push_back(step_through(env, state, actions.col(k)));
    for (const int threads : {1, 2, 4}) {
      ThreadPool pool(threads);
      SimulatorRollout<AnyEnvironment> rollout([&] { return registry.make(name); }, {kHorizon}, pool);
      Vecd returns(kCandidates), again(kCandidates);
      rollout.evaluate(state, actions, {}, returns);
      for (int k = 0; k < kCandidates; ++k) CHECK(returns(k) == expected[static_cast<std::size_t>(k)].total);
      // In another order, after other rollouts, the same.
      rollout.evaluate(state, actions.rowwise().reverse(), {}, again);
      CHECK(again.reverse() == returns);
    }
  }
}

TEST_CASE("simulator rollout: fallen candidates collect nothing more, nor the terminal value") {
  constexpr int kHorizon = 60;
  ThreadPool pool(2);
  for (const char* name : {"Hopper-v5", "Hopper-v4", "Walker2d-v5", "InvertedPendulum-v5"}) {
    CAPTURE(name);
    const auto make = [name] { return all_environments().make(name); };
    AnyEnvironment env = make();
    env.reset(1);
    const std::vector<double> state = env.state();
    Batchd actions = random_sequences(env.spec(), kHorizon, 4);
    actions.col(0).setZero();
    SimulatorRollout<AnyEnvironment> rollout(make, {kHorizon}, pool);
    Vecd returns(4), with_value(4);
    rollout.evaluate(state, actions, {}, returns);
    rollout.set_terminal_value([](ConstBatchRef<double> obs, int, VecRef<double> out) {
      out.setConstant(static_cast<double>(obs.rows()));
    });
    rollout.evaluate(state, actions, {}, with_value);
    int fallen = 0;
    std::uint64_t steps = 0;
    for (Index k = 0; k < 4; ++k) {
      const Stepped expected = step_through(env, state, actions.col(k));
      CHECK(returns(k) == expected.total);
      CHECK(with_value(k) == expected.total + (expected.terminated ? 0.0 : env.spec().obs_dim));
      fallen += expected.terminated;
      steps += static_cast<std::uint64_t>(expected.steps);
    }
    CHECK(fallen > 0);
    CHECK(rollout.counts().rows == 2 * steps);
  }
}

TEST_CASE("simulator rollout: a simulation that diverges ranks last, and the others do not notice") {
  ThreadPool pool(2);
  const auto make = [] { return HalfCheetah(); };
  HalfCheetah env;
  env.reset(2);
  auto physics = env.physics_state();
  physics[9] = 1e9;  // m/s: the step that such a speed needs breaks the engine's limits, sooner or later
  env.set_physics_state(physics);
  const std::vector<double> fast = env.state();
  env.reset(2);
  const std::vector<double> state = env.state();
  const Batchd actions = random_sequences(env.spec(), 5, 3);
  SimulatorRollout<HalfCheetah> rollout(make, {5}, pool);
  Vecd before(3), broken(3), after(3);
  rollout.evaluate(state, actions, {}, before);
  rollout.evaluate(fast, actions, {}, broken);
  CHECK(broken.array().isNaN().all());
  CHECK(rollout.counts().not_finite == 3);
  rollout.evaluate(state, actions, {}, after);
  CHECK(before == after);
  CHECK(before.allFinite());

  // From an environment that has broken down nothing can be planned.
  HalfCheetah wreck;
  wreck.set_state(fast);
  for (int t = 0; t < 5 && wreck.step(Vecd::Zero(6)).fault.empty(); ++t) {
  }
  CHECK_THROWS_AS(rollout.evaluate(wreck.state(), actions, {}, after), Error);
  rollout.evaluate(state, actions, {}, after);
  CHECK(before == after);
}

TEST_CASE("simulator rollout: wrong dimensions are named") {
  ThreadPool pool(1);
  SimulatorRollout<Hopper> rollout([] { return Hopper(); }, {5}, pool);
  Hopper env;
  const Batchd actions = Batchd::Zero(15, 2);
  Vecd returns(2);
  rollout.evaluate(env.state(), actions, {}, returns);
  CHECK_THROWS_AS(rollout.evaluate(HalfCheetah().state(), actions, {}, returns), Error);
  CHECK_THROWS_AS(rollout.evaluate(env.state(), Batchd::Zero(16, 2), {}, returns), Error);
  Vecd three(3);
  CHECK_THROWS_AS(rollout.evaluate(env.state(), actions, {}, three), Error);
}

TEST_CASE("simulator rollout: every planner plans in MuJoCo, the same for any number of threads") {
  const auto make = [] { return all_environments().make("InvertedPendulum-v5"); };
  const EnvSpec& spec = all_environments().spec("InvertedPendulum-v5");
  for (const char* name : {"rs", "cem", "icem", "mppi", "pddm", "cmaes", "mcts"}) {
    CAPTURE(name);
    PlannerSettings settings;
    settings.name = name;
    settings.rs.population = settings.mppi.population = settings.pddm.population = 60;
    settings.cem.population = settings.icem.population = 40;
    settings.cem.elites = settings.icem.elites = 6;
    settings.cem.iterations = settings.icem.iterations = 3;
    settings.cmaes.population = 16;
    settings.mcts.iterations = 16;
    std::vector<Batchd> first;
    for (const int threads : {1, 3}) {
      ThreadPool pool(threads);
      SimulatorRollout<AnyEnvironment> rollout(make, {12}, pool);
      Mpc mpc(make_planner(rollout, ActionBounds(spec.action_low, spec.action_high), settings, 5));
      AnyEnvironment env = make();
      env.reset(1);
      int standing = 0;
      Batchd actions(1, 12);
      for (int t = 0; t < 12; ++t) {
        actions.col(t) = mpc.act(env.state());
        standing += !env.step(actions.col(t)).terminated;
      }
      CHECK(standing == 12);
      first.push_back(actions);
    }
    CHECK(first[0] == first[1]);
  }
}

TEST_CASE("simulator rollout: no memory from the heap once warm") {
  if (!test::can_count_allocations()) return;
  ThreadPool pool(2);
  for (const char* name : {"HalfCheetah-v5", "Hopper-v5", "Ant-v5", "Reacher-v5", "Pusher-v5", "Humanoid-v5",
                           "pets/Reacher3D", "InvertedDoublePendulum-v5"}) {
    SimulatorRollout<AnyEnvironment> rollout([name] { return all_environments().make(name); }, {5}, pool);
    AnyEnvironment env = all_environments().make(name);
    env.reset(1);
    const std::vector<double> state = env.state();
    const Batchd actions = random_sequences(env.spec(), 5, 8);
    Vecd returns(8);
    const auto evaluate = [&] { rollout.evaluate(state, actions, {}, returns); };
    evaluate();
    INFO(name);
    CHECK(test::allocations_during(evaluate) == 0);
  }
}

TEST_CASE("model: a changed copy has what follows from the change, and leaves the original alone") {
  const HalfCheetahTask task;
  const Model model = task.model();
  const double mass = model->body_subtreemass[0], invweight = model->body_invweight0[2];
  const Model heavy = model.changed([](mjModel& m) {
    for (int i = 0; i < static_cast<int>(m.nbody); ++i) {
      m.body_mass[i] *= 1.5;
      for (int j = 0; j < 3; ++j) m.body_inertia[3 * i + j] *= 1.5;
    }
  });
  CHECK(heavy->body_subtreemass[0] == Approx(1.5 * mass));
  CHECK(heavy->body_invweight0[2] < invweight);
  CHECK(model->body_subtreemass[0] == mass);
  HalfCheetah light_env(task), heavy_env(task, heavy);
  light_env.reset(1);
  heavy_env.reset(1);
  CHECK(light_env.physics_state() == heavy_env.physics_state());
  light_env.step(Vecd::Ones(6));
  heavy_env.step(Vecd::Ones(6));
  CHECK(light_env.physics_state() != heavy_env.physics_state());
  CHECK_THROWS_AS(HalfCheetah(task, Hopper().task().model()), Error);
}
