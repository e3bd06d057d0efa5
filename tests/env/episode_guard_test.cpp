// A step outside an episode is an error in words, in every environment and wrapper.
#include "mbrl/env/episode_guard.hpp"

#include <functional>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "env/exploding.hpp"
#include "mbrl/env/classic/environments.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#include "mbrl/env/registry.hpp"
#include "mbrl/env/vector_environment.hpp"
#include "mbrl/env/wrappers/recorder.hpp"
#include "mbrl/env/wrappers/wrappers.hpp"
#include "mbrl/rollout/simulator_rollout.hpp"

using namespace mbrl;

namespace {

Vecd middle(const EnvSpec& spec) { return 0.5 * (spec.action_low + spec.action_high); }

template <class Env>
void check_episodes(Env& env) {
  const Vecd action = middle(env.spec());
  INFO(env.spec().name);
  CHECK(contains(error_of([&] { env.step(action); }), "step before the first reset"));
  env.reset(1);
  StepResult result;
  int steps = 0;
  while (!result.terminated && !result.truncated) {
    result = env.step(action);
    REQUIRE(++steps <= env.spec().max_steps);
  }
  CHECK(contains(error_of([&] { env.step(action); }), result.terminated ? "terminated" : "time limit"));
  CHECK(contains(error_of([&] { env.step(action); }), "call reset(seed)"));
  const std::vector<double> state = env.state();
  env.reset(2);
  env.step(action);
  env.set_state(state);
  CHECK_NOTHROW(env.step(action));  // a state put back is a new beginning
}

// An environment of a user's, which looks after nothing itself.
struct Careless {
  EnvSpec about = Pendulum().spec();
  double t = 0;
  const EnvSpec& spec() const { return about; }
  Vecd reset(std::uint64_t) {
    t = 0;
    return Vecd::Zero(3);
  }
  StepResult step(ConstVecRef<double>) { return {.obs = Vecd::Zero(3), .terminated = ++t >= 5}; }
  std::vector<double> state() const { return {t}; }
  void set_state(const std::vector<double>& state) { t = state[0]; }
};

}  // namespace

TEST_CASE("episodes: every environment refuses a step before reset and after the end") {
  EnvRegistry registry;
  register_analytic_environments(registry);
  for (const std::string& name : registry.names()) {
    AnyEnvironment env = registry.make(name);
    check_episodes(env);
  }
  Pendulum pendulum;
  check_episodes(pendulum);
  AnyEnvironment careless{Careless()};
  check_episodes(careless);
}

TEST_CASE("episodes: every wrapper refuses a step before reset and after the end") {
  const auto pendulum = [] { return AnyEnvironment(Pendulum()); };
  const TemporaryFolder folder;
  TimeLimit limited(pendulum(), 7);
  ActionRepeat repeated(pendulum(), 3);
  ScaledActions scaled(pendulum());
  StrictActions strict(pendulum());
  StackedObservations stacked(pendulum(), 3);
  NoisyEnvironment noisy(pendulum(), {.observation = Vecd::Constant(1, 0.1)});
  DelayedEnvironment delayed(pendulum(), {.observation = 1, .action = 2});
  Recorder recorder(pendulum(), folder.path());
  check_episodes(limited);
  check_episodes(repeated);
  check_episodes(scaled);
  check_episodes(strict);
  check_episodes(stacked);
  check_episodes(noisy);
  check_episodes(delayed);
  check_episodes(recorder);
}

TEST_CASE("episodes: after a breakdown the error says so") {
  AnalyticEnvironment<env_test::Exploding> env;
  env.reset(1);
  const Vecd action = Vecd::Zero(1);
  env.step(action);
  CHECK_FALSE(env.step(action).fault.empty());
  CHECK(contains(error_of([&] { env.step(action); }), "simulation broke down"));
  env.reset(2);
  CHECK_NOTHROW(env.step(action));
}

TEST_CASE("episodes: many environments begin anew by themselves, but not before the first reset") {
  VectorEnvironment envs([] { return AnyEnvironment(Pendulum()); }, 3, 1);
  const Batchd actions = Batchd::Zero(1, 3);
  CHECK(contains(error_of([&] { envs.step(actions); }), "step before the first reset"));
  envs.reset(1);
  for (int t = 0; t < 450; ++t) envs.step(actions);
  const std::vector<double> state = envs.state();
  VectorEnvironment others([] { return AnyEnvironment(Pendulum()); }, 3, 1);
  others.set_state(state);
  CHECK(others.step(actions).next_obs == envs.step(actions).next_obs);
}

TEST_CASE("episodes: planners look beyond a time limit") {
  ThreadPool pool(1);
  const std::function<AnyEnvironment()> makes[] = {
      [] { return AnyEnvironment(Pendulum()); },                               // a Simulator
      [] { return AnyEnvironment(TimeLimit(AnyEnvironment(Pendulum()), 5)); }  // advanced by its steps
  };
  Vecd returns[2] = {Vecd::Zero(4), Vecd::Zero(4)};
  for (int i = 0; i < 2; ++i) {
    SimulatorRollout<AnyEnvironment> rollout(makes[i], {.horizon = 30}, pool);
    AnyEnvironment env = makes[i]();
    env.reset(3);
    rollout.evaluate(env.state(), Batchd::Constant(30, 4, 0.5), {}, returns[i]);
  }
  CHECK(returns[0].allFinite());
  CHECK(returns[0] == returns[1]);
}
