// What every registered algorithm owes to the program: it stops at any safe point and continues exactly, its
// numbers do not depend on threads, acting changes nothing, and settings that make no sense are refused.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/algorithms/built_in/built_in.hpp"
#include "mbrl/algorithms/load_run.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/env/classic/environments.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#include "mbrl/planning/sampling/cem.hpp"
#include "mbrl/run/collector.hpp"

using namespace mbrl;

namespace {

// An algorithm on a task, small enough for seconds, and a setting it must refuse.
struct Case {
  std::string name;
  std::vector<std::string> settings;
  std::string nonsense;
  std::string environment = "Pendulum-v1";
};

// A data set of random actions, for algorithms that learn from one.
std::string random_data() {
  static const TemporaryFolder folder;
  const std::filesystem::path file = folder / "pendulum.safetensors";
  if (std::filesystem::exists(file)) return file.string();
  Pendulum env;
  TransitionBuffer data(env.spec().obs_dim, env.spec().action_dim(), 1000);
  Collector<Pendulum> collector(env, data, 3);
  for (std::uint32_t i = 0; i < 600; ++i) {
    if (!collector.running()) collector.begin(i);
    collector.random_step(0, i);
  }
  data.save_dataset(file);
  return file.string();
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"cql",
       {"data=" + random_data(), "updates=130", "updates_per_round=50", "batch_size=16",
        "sac.policy.hidden=8", "sac.critic.hidden=8", "sac.penalty_actions=2"},
       "updates=0"},
      {"dagger",
       {"rounds=3", "episode_steps=40", "check_episodes=1", "beta=0.5", "expert.name=cem", "expert.horizon=5",
        "expert.cem.population=8", "expert.cem.elites=2", "expert.cem.iterations=2",
        "cloning.policy.hidden=8", "cloning.epochs=5"},
       "beta=2"},
      {"dagger",
       {"rounds=3", "episode_steps=40", "check_episodes=1", "expert.name=rs", "expert.horizon=5",
        "expert.rs.population=8", "cloning.policy.hidden=8", "cloning.epochs=5"},
       "cloning.loss=kl",
       "CartPole-v1"},
      {"ddpg",
       {"steps=400", "random_steps=60", "batch_size=16", "td3.policy.hidden=8", "td3.critic.hidden=8",
        "n_step=3", "priority.alpha=0.6"},
       "td3.tau=0"},
      {"dhmbpo",
       {"steps=400", "random_steps=60", "batch_size=16", "train_every=50", "critic_updates=5",
        "model.network.hidden=8", "model.members=2", "training.epochs=3", "training.first_epochs=4",
        "training.batches=2", "training.batch_size=16", "learner.policy.hidden=8", "learner.critic.hidden=8",
        "learner.critics=3", "learner.horizon=2", "distribution_horizon=3"},
       "learner.horizon=0"},
      {"distill",
       {"rounds=3", "episode_steps=40", "check_episodes=1", "beta=0.5", "expert.name=cem", "expert.horizon=5",
        "expert.cem.population=8", "expert.cem.elites=2", "expert.cem.iterations=2",
        "cloning.policy.hidden=8", "cloning.epochs=5"},
       "cloning.min_std=0"},
      {"dyna", {"steps=400", "dyna.planning_steps=5"}, "dyna.epsilon=2", "DynaMaze"},
      {"mb-mpo",
       {"steps=400", "collect=200", "rollouts=4", "policy_updates=6", "inner_rate=0.1",
        "imagination.horizon=8", "model.hidden=8", "model.members=3", "training.epochs=3",
        "training.batch_size=32", "trpo.policy.hidden=8", "trpo.value.hidden=8", "trpo.value_epochs=2"},
       "inner_rate=-1"},
      {"gps",
       {"rounds=3", "horizon=10", "conditions=2", "samples=3", "on_policy=true", "mixture.max_clusters=3",
        "cloning.policy.hidden=8", "cloning.epochs=5"},
       "samples=1"},
      {"gps",
       {"rounds=3", "horizon=10", "conditions=2", "samples=3", "method=badmm", "inner=2",
        "mixture.max_clusters=3", "cloning.policy.hidden=8", "cloning.epochs=5"},
       "on_policy=true"},
      {"mbmf",
       {"steps=700", "planning.trials=2", "planning.random_trials=1", "planning.trial_steps=30",
        "planner.rs.population=8", "rollout.horizon=4", "model.hidden=8", "training.epochs=2",
        "imitation.rounds=2", "imitation.episodes=2", "imitation.check_episodes=1", "imitation.epochs=3",
        "tuning.environments=2", "tuning.horizon=200", "tuning.trpo.policy.hidden=8",
        "tuning.trpo.value.hidden=8", "tuning.trpo.value_epochs=2"},
       "imitation.rounds=0"},
      {"mbpo",
       {"steps=400", "random_steps=60", "train_every=50", "keep_steps=100", "rollouts=40", "horizon.last=3",
        "horizon.begin=60", "horizon.end=300", "updates_per_step=2", "batch_size=16", "real_ratio=0.25",
        "model.hidden=8", "model.members=3", "training.elites=2", "training.epochs=3",
        "training.batch_size=16", "sac.policy.hidden=8", "sac.critic.hidden=8"},
       "real_ratio=2"},
      {"mcts-imitation",
       {"rounds=3", "episode_steps=40", "check_episodes=1", "expert.horizon=5", "expert.mcts.trees=2",
        "expert.mcts.iterations=8", "cloning.policy.hidden=8", "cloning.epochs=5", "cloning.loss=values"},
       "expert.mcts.trees=0",
       "CartPole-v1"},
      {"me-trpo",
       {"steps=400", "collect=200", "rollouts=12", "policy_updates=6", "validate_every=2",
        "imagination.horizon=8", "model.hidden=8", "model.members=3", "training.epochs=3",
        "training.batch_size=32", "trpo.policy.hidden=8", "trpo.value.hidden=8", "trpo.value_epochs=2"},
       "improving_models=2"},
      {"mopo",
       {"data=" + random_data(), "updates=130", "updates_per_round=50", "imagine_every=40", "rollouts=40",
        "horizon=3", "keep_rounds=2", "batch_size=16", "real_ratio=0.25", "model.hidden=8", "model.members=3",
        "training.elites=2", "training.epochs=3", "training.batch_size=16", "sac.policy.hidden=8",
        "sac.critic.hidden=8"},
       "penalty=-1"},
      {"mve",
       {"steps=400", "random_steps=60", "updates_per_step=1", "train_every=50", "horizon=2", "batch_size=16",
        "model.hidden=8", "training.epochs=3", "training.batch_size=16", "td3.policy.hidden=8",
        "td3.critic.hidden=8", "n_step=2", "priority.alpha=0.6"},
       "horizon=-1"},
      {"pets",
       {"pets.trials=2", "pets.trial_steps=40", "pets.train_every=25", "model.hidden=8", "model.members=2",
        "training.epochs=2", "rollout.horizon=5", "rollout.particles=2", "planner.icem.population=8",
        "planner.icem.elites=2", "planner.icem.iterations=2", "mpc.cold_start_plans=1"},
       "pets.trials=0"},
      {"pets",
       {"model.name=linear", "pets.trials=2", "pets.trial_steps=40", "pets.train_every=25",
        "rollout.horizon=5", "rollout.particles=2", "planner.icem.population=8", "planner.icem.elites=2",
        "planner.icem.iterations=2", "mpc.cold_start_plans=1"},
       "model.hidden=9"},
      {"pets",
       {"model.name=forest", "model.forest.trees=2", "pets.trials=2", "pets.trial_steps=40",
        "rollout.horizon=5", "rollout.particles=2", "planner.icem.population=8", "planner.icem.elites=2",
        "planner.icem.iterations=2", "mpc.cold_start_plans=1"},
       "rollout.particles=3"},
      {"pets",
       {"model.name=gp", "model.gp.max_points=20", "model.gp.search.iterations=5", "pets.trials=2",
        "pets.trial_steps=40", "rollout.horizon=5", "rollout.particles=2", "planner.icem.population=8",
        "planner.icem.elites=2", "planner.icem.iterations=2", "mpc.cold_start_plans=1"},
       "model.forest.trees=7"},
      {"pets",
       {"pets.trials=2", "pets.trial_steps=40", "pets.train_every=25", "model.hidden=8", "model.members=2",
        "training.epochs=2", "rollout.horizon=5", "rollout.particles=2", "planner.name=gradient",
        "planner.gradient.iterations=3", "planner.gradient.starts.samples=4",
        "planner.gradient.starts.starts=2"},
       "pets.random_trials=0"},
      {"pets",
       {"model.name=bayesian", "model.bayesian.members=2", "model.bayesian.network.hidden=[8]",
        "model.bayesian.epochs=3", "pets.trials=2", "pets.trial_steps=40", "rollout.horizon=5",
        "rollout.particles=2", "planner.icem.population=8", "planner.icem.elites=2",
        "planner.icem.iterations=2", "mpc.cold_start_plans=1"},
       "model.bayesian.prior_deviation=0"},
      {"pets",
       {"model.name=mixture", "model.mixture.network.hidden=[8]", "model.mixture.epochs=3", "pets.trials=2",
        "pets.trial_steps=40", "rollout.horizon=5", "rollout.particles=2", "planner.icem.population=8",
        "planner.icem.elites=2", "planner.icem.iterations=2", "mpc.cold_start_plans=1"},
       "model.mixture.temperature=0"},
      {"pilco",
       {"trials=3", "trial_steps=12", "centres=6", "restarts=1", "search.iterations=6"},
       "centres=0",
       "pilco/CartPole"},
      {"pilco",
       {"trials=3", "trial_steps=12", "policy=linear", "uncertainty=none", "search.iterations=6",
        "cost.target=1,0,0"},
       "cost.target=1,0"},
      {"plato",
       {"rounds=3", "episodes=1", "check_episodes=1", "teacher.horizon=5", "teacher.ilqr.iterations=3",
        "teacher.starts.samples=4", "teacher.starts.starts=1", "cloning.policy.hidden=8", "cloning.epochs=5"},
       "teacher.std=0",
       "DiscField"},
      {"ppo",
       {"steps=1000", "environments=2", "horizon=200", "ppo.minibatch=150", "ppo.epochs=2",
        "ppo.policy.hidden=8", "ppo.value.hidden=8", "ppo.entropy=0.01", "ppo.value_clip=0.2"},
       "ppo.lambda=2"},
      {"ppo",
       {"steps=1000", "environments=2", "horizon=200", "ppo.minibatch=150", "ppo.epochs=2",
        "ppo.policy.hidden=8", "ppo.value.hidden=8", "ppo.entropy=0.01"},
       "ppo.clip=0",
       "CartPole-v1"},
      {"sac",
       {"steps=400", "random_steps=60", "batch_size=16", "sac.policy.hidden=8", "sac.critic.hidden=8"},
       "sac.tau=0"},
      {"sac",
       {"steps=400", "random_steps=60", "batch_size=16", "sac.policy.hidden=8", "sac.critic.hidden=8",
        "n_step=3", "priority.alpha=0.6"},
       "sac.conservatism=1",
       "CartPole-v1"},
      {"sac",
       {"steps=400", "random_steps=60", "batch_size=16", "sac.policy.hidden=8", "sac.critic.hidden=8",
        "sac.batch_norm.on=true", "sac.batch_norm.warm_up=50", "sac.policy_delay=3", "priority.alpha=0.6"},
       "sac.critic.dropout=0.1"},
      {"sac",
       {"steps=400", "random_steps=60", "batch_size=16", "sac.policy.hidden=8", "sac.critic.hidden=8",
        "normalise_obs=true"},
       "sac.batch_norm.on=true"},
      {"slbo",
       {"steps=400", "collect=200", "iterations=3", "policy_updates=2", "rollouts=10",
        "imagination.horizon=8", "model.hidden=8", "training.updates=10", "training.batch_size=70",
        "trpo.policy.hidden=8", "trpo.value.hidden=8", "trpo.value_epochs=2"},
       "entropy=-1"},
      {"steve",
       {"steps=400", "random_steps=60", "updates_per_step=1", "train_every=50", "horizon=2", "batch_size=16",
        "model.hidden=8", "model.members=2", "model.gaussian=true", "model.learned_reward=true",
        "model.learned_termination=true", "training.epochs=3", "training.batch_size=16",
        "td3.policy.hidden=8", "td3.critic.hidden=8", "td3.critics=2"},
       "train_every=0"},
      {"svg",
       {"steps=400", "random_steps=60", "batch_size=16", "train_every=50", "critic_updates=5",
        "model.network.hidden=8", "model.members=2", "training.epochs=3", "training.first_epochs=4",
        "training.batches=2", "training.batch_size=16", "learner.policy.hidden=8", "learner.critic.hidden=8",
        "learner.critics=2", "learner.horizon=2"},
       "distribution_horizon=-1"},
      {"svg",
       {"steps=400", "random_steps=60", "batch_size=16", "train_every=50", "model.network.hidden=8",
        "model.members=2", "training.epochs=3", "training.first_epochs=4", "training.batches=2",
        "training.batch_size=16", "learner.policy.hidden=8", "learner.critic.hidden=8", "learner.critics=0",
        "learner.horizon=2", "learner.temperature=0"},
       "n_step=2"},
      {"td3",
       {"steps=400", "random_steps=60", "batch_size=16", "td3.policy.hidden=8", "td3.critic.hidden=8",
        "exploration.noise_beta=1"},
       "td3.policy_delay=0"},
      {"td3",
       {"steps=400", "random_steps=60", "batch_size=16", "td3.policy.hidden=8", "td3.critic.hidden=8",
        "exploration.kind=parameter", "normalise_obs=true"},
       "exploration.noise_beta=1"},
      {"td3",
       {"steps=400", "random_steps=60", "batch_size=16", "td3.policy.hidden=8", "td3.critic.hidden=8",
        "exploration.kind=ou"},
       "exploration.theta=0"},
      {"trpo",
       {"steps=1000", "environments=2", "horizon=200", "trpo.policy.hidden=8", "trpo.value.hidden=8",
        "trpo.value_epochs=2"},
       "trpo.max_kl=0"},
      {"trpo",
       {"steps=1000", "environments=2", "horizon=200", "trpo.policy.hidden=8", "trpo.value.hidden=8",
        "trpo.value_epochs=2"},
       "trpo.cg_iterations=0",
       "CartPole-v1"},
      {"versions",
       {"loop.trials=3", "loop.random_steps=30", "loop.trial_steps=30", "forest.trees=3", "horizon=4",
        "planner.population=8", "planner.elites=2", "planner.iterations=2"},
       "horizon=0"},
      {"versions",
       {"model=gp", "gp.max_points=40", "gp.search.iterations=5", "loop.trials=3", "loop.random_steps=30",
        "loop.trial_steps=30", "horizon=4", "planner.population=8", "planner.elites=2",
        "planner.iterations=2"},
       "gp.max_points=1"}};
  return all;
}

const Registries& registries() {
  static const Registries all = [] {
    Registries made;
    register_analytic_environments(made.environments);
    register_built_in_algorithms(made.algorithms);
    return made;
  }();
  return all;
}

RunConfiguration configuration(const Case& c) {
  RunConfiguration run{.algorithm = c.name, .environment = c.environment, .seed = 5, .eval = {}, .own = {}};
  run.own = registries().algorithms.at(c.name).defaults(registries().environments.spec(c.environment));
  for (const std::string& assignment : c.settings) set_assignment(run, assignment);
  return run;
}

// Stops at the n-th safe point; never for n = 0.
struct Stopper : RunObserver {
  explicit Stopper(int at = 0) : stop_at(at) {}
  int stop_at, safe_points = 0, rounds = 0;
  bool round_open = false;
  std::int64_t steps = 0;
  void on_progress(const RunProgress& progress) override {
    CHECK(progress.steps >= steps);
    steps = progress.steps;
  }
  void on_round(const MetricTable& metrics, const RoundReport&) override {
    CHECK(static_cast<int>(metrics.rows()) == ++rounds);
    round_open = true;
  }
  bool on_safe_point(bool round_over) override {
    CHECK(round_over >= round_open);  // the first after a round says that it is over
    round_open = false;
    return ++safe_points != stop_at;
  }
};

// The table without its wall-clock columns, as text.
std::string numbers(const MetricTable& table) {
  std::string text;
  for (std::size_t c = 0; c < table.columns().size(); ++c) {
    if (table.columns()[c].wall_clock) continue;
    text += table.columns()[c].name;
    for (std::size_t r = 0; r < table.rows(); ++r) text += " " + std::to_string(table.row(r)[c]);
    text += "\n";
  }
  return text;
}

std::string whole(const Case& c, int threads) {
  ThreadPool pool(threads);
  AnyAlgorithm algorithm = make_algorithm(configuration(c), registries(), pool);
  Stopper never;
  REQUIRE(algorithm.run(never));
  REQUIRE(algorithm.metrics().rows() > 0);
  CHECK(std::isfinite(algorithm.metrics().last("return")));
  CHECK(never.steps == static_cast<std::int64_t>(algorithm.metrics().last("step")));
  return numbers(algorithm.metrics());
}

}  // namespace

TEST_CASE("algorithms: every built-in one is in this suite") {
  std::vector<std::string> names;
  for (const Case& c : cases())
    if (names.empty() || names.back() != c.name) names.push_back(c.name);
  CHECK(names == registries().algorithms.names());
}

TEST_CASE("algorithms: the number of threads changes no number") {
  for (const Case& c : cases()) CHECK(whole(c, 1) == whole(c, 3));
}

TEST_CASE("algorithms: stopped at any safe point and loaded, they continue exactly") {
  for (const Case& c : cases()) {
    INFO(c.name);
    const std::string expected = whole(c, 1);
    for (const int stop_at : {1, 17, 40, 41, 66, 80, 81, 119}) {
      StateDict state;
      ThreadPool pool(1);
      {
        AnyAlgorithm first = make_algorithm(configuration(c), registries(), pool);
        Stopper stopper(stop_at);
        if (first.run(stopper)) break;  // fewer safe points than that
        CHECK(stopper.safe_points == stop_at);
        first.save(state, "x.");
      }
      AnyAlgorithm second = make_algorithm(configuration(c), registries(), pool);
      second.load(state, "x.");
      RunObserver silent;
      REQUIRE(second.run(silent));
      CHECK(numbers(second.metrics()) == expected);
    }
  }
}

TEST_CASE("algorithms: acting with what was learned changes no number of the learning") {
  // The actions of the first steps of an episode.
  const auto actions_of = [](AnyActor actor, const Case& c) {
    AnyEnvironment env = registries().environments.make(c.environment);
    std::vector<double> actions;
    Vecd obs = env.reset(9);
    actor.begin(9);
    for (int t = 0; t < 3; ++t) {
      actions.push_back(actor.act(obs, t)(0));
      obs = env.step(Vecd::Constant(env.spec().action_dim(), actions.back())).obs;
    }
    return actions;
  };
  // Acts at the end of every round.
  struct Acting : Stopper {
    std::function<void()> act{};
    void on_round(const MetricTable& metrics, const RoundReport& report) override {
      Stopper::on_round(metrics, report);
      act();
    }
  };
  for (const Case& c : cases()) {
    INFO(c.name);
    ThreadPool pool(2);
    AnyAlgorithm algorithm = make_algorithm(configuration(c), registries(), pool);
    Acting acting;
    std::vector<double> last;
    acting.act = [&] { last = actions_of(algorithm.actor(), c); };
    REQUIRE(algorithm.run(acting));
    CHECK(numbers(algorithm.metrics()) == whole(c, 1));

    // From a checkpoint alone it acts the same.
    StateDict state;
    algorithm.save(state, "x.");
    AnyActor loaded = registries().algorithms.at(c.name).load_actor(
        configuration(c).own, {[&] { return registries().environments.make(c.environment); }, pool, 5}, state,
        "x.");
    CHECK(actions_of(std::move(loaded), c) == last);
  }
}

TEST_CASE("algorithms: a planner of the user's own is chosen by name") {
  OwnPlanners planners;
  planners.add("wide", CemSettings{},
               [](auto& rollout, const ActionBounds& bounds, const CemSettings& s, std::uint64_t seed) {
                 return Cem(rollout, bounds, s, seed);
               });
  Registries own;
  own.environments = registries().environments;
  register_built_in_algorithms(own.algorithms, {}, planners);
  const auto pets =
      std::find_if(cases().begin(), cases().end(), [](const Case& c) { return c.name == "pets"; });
  const auto run = [&](const std::vector<std::string>& settings) {
    RunConfiguration c = configuration(*pets);
    c.own = own.algorithms.at("pets").defaults(Pendulum().spec());
    for (const std::string& assignment : pets->settings) set_assignment(c, assignment);
    for (const std::string& assignment : settings) set_assignment(c, assignment);
    ThreadPool pool(1);
    AnyAlgorithm algorithm = make_algorithm(c, own, pool);
    RunObserver silent;
    REQUIRE(algorithm.run(silent));
    return numbers(algorithm.metrics());
  };
  // The library's CEM under another name.
  const std::string named = run({"planner.name=wide", "planner.wide.population=16", "planner.wide.elites=4"});
  CHECK(named == run({"planner.name=cem", "planner.cem.population=16", "planner.cem.elites=4"}));
  CHECK(named != run({}));
  CHECK_THROWS_WITH(run({"planner.name=wid"}), Catch::Contains("no planner named 'wid'"));
  CHECK_THROWS_WITH(run({"planner.wide.populaton=3"}), Catch::Contains("planner.wide.population"));
}

TEST_CASE("algorithms: nonsense is refused before anything is made") {
  for (const Case& c : cases()) {
    INFO(c.name);
    RunConfiguration wrong = configuration(c);
    set_assignment(wrong, c.nonsense);
    ThreadPool pool(1);
    CHECK_THROWS_AS(make_algorithm(wrong, registries(), pool), Error);
    AnyAlgorithm algorithm = make_algorithm(configuration(c), registries(), pool);
    CHECK(algorithm.environment().spec().name == c.environment);
    CHECK(algorithm.metrics().rows() == 0);
  }
}
