// DHMBPO and SVG: runs that are stopped in a training or in the updates behind it, who acts, and what is refused.
#include "mbrl/algorithms/imagined/dhmbpo.hpp"

#include <limits>

#include "algorithms/expansion_runs.hpp"
#include "catch.hpp"
#include "mbrl/algorithms/built_in/built_in.hpp"
#include "mbrl/algorithms/imagined/svg.hpp"
#include "mbrl/algorithms/load_run.hpp"

namespace mbrl {
namespace {

DhmbpoSettings small_dhmbpo() {
  DhmbpoSettings s;
  s.steps = 200;
  s.random_steps = 60;
  s.batch_size = 16;
  s.train_every = 50;
  s.critic_updates = 4;
  s.distribution_horizon = 3;
  s.model.members = 2;
  s.model.network.hidden = s.learner.policy.hidden = s.learner.critic.hidden = {8};
  s.training.epochs = s.training.first_epochs = 3;
  s.training.batches = 2;
  s.training.batch_size = 16;
  s.learner.critics = 2;
  s.learner.horizon = 2;
  return s;
}

// Stops at the n-th piece of work that can be undone or gone on with; never for 0.
struct WorkStopper : RunObserver {
  explicit WorkStopper(int at) : stop_at(at) {}
  bool stop_requested() override { return ++pieces == stop_at; }
  int stop_at, pieces = 0;
};

}  // namespace

TEST_CASE("DHMBPO: stopped in a training or in the updates behind it, it continues exactly") {
  AlgorithmRegistry registry;
  register_dhmbpo(registry);
  ThreadPool pool(1);
  const AlgorithmContext context{[] { return AnyEnvironment(Pendulum()); }, pool, 7};
  const auto make = [&] { return registry.at("dhmbpo").make(AnySettings(small_dhmbpo()), context); };
  AnyAlgorithm whole = make();
  WorkStopper never(0);
  REQUIRE(whole.run(never));
  CHECK(never.pieces ==
        3 * (3 + 4) + 60);  // after 60, 110 and 160 steps; behind the first the random steps' updates
  for (const int at : {2, 5, 20, 70}) {
    AnyAlgorithm first = make(), second = make();
    WorkStopper stopper(at);
    REQUIRE_FALSE(first.run(stopper));
    StateDict state;
    first.save(state, "");
    second.load(state, "");
    RunObserver silent;
    REQUIRE(second.run(silent));
    CHECK(testing::figures_of(second.metrics()) == testing::figures_of(whole.metrics()));
  }
}

TEST_CASE("DHMBPO: its policy takes observations as they are") {
  ThreadPool pool(1);
  const TransitionBuffer data = testing::pendulum_data(300);
  DhmbpoAgent agent("dhmbpo", Pendulum().spec(), small_dhmbpo(), 1, pool);
  RunObserver silent;
  REQUIRE(agent.fit_model(data, 60, 1, silent));
  CHECK(agent.updates() == 64);
  const Batchf obs = data.batch().obs;
  Batchf states(3, 300), action(1, 300), normalised(1, 300), memory(0, 300);
  agent.model().normalise(obs, states);
  CHECK(states.rowwise().mean().norm() < 1e-4f);
  MlpPolicy::Workspace workspace;
  agent.policy().mode(obs, memory, action, workspace);
  agent.learner().policy().mode(states, memory, normalised, workspace);
  CHECK((action - normalised).cwiseAbs().maxCoeff() < 1e-4f);
  CHECK(action.cwiseAbs().maxCoeff() > 1e-3f);
}

TEST_CASE("DHMBPO: numbers that are not finite and settings that make no sense are said in words") {
  ThreadPool pool(1);
  const EnvSpec spec = Pendulum().spec();
  DhmbpoSettings wild = small_dhmbpo();
  wild.learner.adam.learning_rate = 1e20;
  wild.warm_start = false;
  wild.critic_updates = 0;
  const TransitionBuffer data = testing::pendulum_data(100);
  DhmbpoAgent agent("dhmbpo", spec, wild, 1, pool);
  RunObserver silent;
  REQUIRE(agent.fit_model(data, 60, 1, silent));
  bool sound = true;
  for (int i = 0; sound && i < 10; ++i) sound = agent.learn(data.batch());
  CHECK_FALSE(sound);
  CHECK_THAT(agent.trouble(), Catch::Contains("is not finite") && Catch::Contains("learning_rate"));

  const auto refused = [&](const char* says, auto&& change) {
    DhmbpoSettings s = small_dhmbpo();
    change(s);
    CHECK_THROWS_WITH(s.validate("dhmbpo", spec), Catch::Contains(says));
  };
  refused("n_step", [](auto& s) { s.n_step = 2; });
  refused("priority", [](auto& s) { s.priority.alpha = 0.5; });
  refused("train_every", [](auto& s) { s.train_every = 0; });
  refused("members", [](auto& s) { s.model.members = 0; });
  refused("patience", [](auto& s) { s.training.patience = 0; });
  refused("tau", [](auto& s) { s.learner.tau = 0; });
}

}  // namespace mbrl
