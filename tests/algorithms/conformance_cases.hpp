// Every registered algorithm on a task, small enough for seconds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/temporary_folder.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#include "mbrl/run/collector.hpp"

namespace mbrl {

// Assignments key=value.
using Assignments = std::vector<std::string>;

// An algorithm on a task, and a setting it must refuse.
struct Case {
  std::string name;
  Assignments settings;
  std::string nonsense;
  std::string environment = "Pendulum-v1";
};

// A data set of random actions, for algorithms that learn from one.
inline std::string random_data() {
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

inline Assignments with(Assignments common, const Assignments& own) {
  common.insert(common.end(), own.begin(), own.end());
  return common;
}

inline const std::vector<Case>& cases() {
  // What the cases of one algorithm share.
  static const Assignments pets = {"pets.trials=2", "pets.trial_steps=40", "rollout.horizon=5",
                                   "rollout.particles=2"};
  static const Assignments icem = with(pets, {"planner.icem.population=8", "planner.icem.elites=2",
                                              "planner.icem.iterations=2", "mpc.cold_start_plans=1"});
  static const Assignments versions = {"loop.trials=3",       "loop.random_steps=30", "loop.trial_steps=30",
                                       "horizon=4",           "planner.population=8", "planner.elites=2",
                                       "planner.iterations=2"};
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
      {"gps",
       {"rounds=3", "horizon=10", "conditions=2", "samples=3", "on_policy=true", "mixture.max_clusters=3",
        "cloning.policy.hidden=8", "cloning.epochs=5"},
       "samples=1"},
      {"gps",
       {"rounds=3", "horizon=10", "conditions=2", "samples=3", "method=badmm", "inner=2",
        "mixture.max_clusters=3", "cloning.policy.hidden=8", "cloning.epochs=5"},
       "on_policy=true"},
      {"mb-mpo",
       {"steps=400", "collect=200", "rollouts=4", "policy_updates=6", "inner_rate=0.1",
        "imagination.horizon=8", "model.hidden=8", "model.members=3", "training.epochs=3",
        "training.batch_size=32", "trpo.policy.hidden=8", "trpo.value.hidden=8", "trpo.value_epochs=2"},
       "inner_rate=-1"},
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
      {"pets", with(icem, {"pets.train_every=25", "model.hidden=8", "model.members=2", "training.epochs=2"}),
       "pets.trials=0"},
      {"pets", with(icem, {"model.name=linear", "pets.train_every=25"}), "model.hidden=9"},
      {"pets", with(icem, {"model.name=forest", "model.forest.trees=2"}), "rollout.particles=3"},
      {"pets", with(icem, {"model.name=gp", "model.gp.max_points=20", "model.gp.search.iterations=5"}),
       "model.forest.trees=7"},
      {"pets",
       with(pets, {"pets.train_every=25", "model.hidden=8", "model.members=2", "training.epochs=2",
                   "planner.name=gradient", "planner.gradient.iterations=3",
                   "planner.gradient.starts.samples=4", "planner.gradient.starts.starts=2"}),
       "pets.random_trials=0"},
      {"pets",
       with(icem, {"model.name=bayesian", "model.bayesian.members=2", "model.bayesian.network.hidden=[8]",
                   "model.bayesian.epochs=3"}),
       "model.bayesian.prior_deviation=0"},
      {"pets",
       with(icem, {"model.name=mixture", "model.mixture.network.hidden=[8]", "model.mixture.epochs=3"}),
       "model.mixture.temperature=0"},
      {"pilco",
       {"trials=3", "trial_steps=12", "centres=6", "restarts=1", "search.iterations=6"},
       "centres=0",
       "pilco/CartPole"},
      {"pilco",
       {"trials=3", "trial_steps=12", "policy=linear", "uncertainty=none", "search.iterations=6",
        "cost.target=1,0,0"},
       "cost.target=1,0"},
      {"pilco",
       {"trials=3", "trial_steps=8", "policy=linear", "search.iterations=4", "cost.obstacles.centres=0.3,0.2",
        "cost.obstacles.radius=0.2"},
       "cost.obstacles.radius=0",
       "pilco/CartPole"},
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
      {"rl2",
       {"steps=400", "collect=200", "rollouts=20", "policy_updates=6", "imagination.horizon=8",
        "model.hidden=8", "model.members=3", "training.epochs=3", "training.batch_size=32", "ppo.epochs=2",
        "ppo.policy.units=5", "ppo.policy.network.hidden=8", "ppo.value.hidden=8"},
       "imagination.propagation=TS1"},
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
      {"sac",
       {"steps=900", "random_steps=60", "batch_size=16", "sac.policy.hidden=8", "sac.critic.hidden=8",
        "environments=3", "n_step=3", "priority.alpha=0.6"},
       "environments=0"},
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
       "environments=2"},
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
      {"td3",
       {"steps=600", "random_steps=60", "batch_size=16", "td3.policy.hidden=8", "td3.critic.hidden=8",
        "exploration.kind=parameter", "environments=2", "normalise_obs=true", "capacity=500"},
       "environments=501"},
      {"td3",
       {"steps=600", "random_steps=60", "batch_size=16", "td3.policy.hidden=8", "td3.critic.hidden=8",
        "exploration.kind=pink", "environments=2"},
       "capacity=1"},
      {"trpo",
       {"steps=1000", "environments=2", "horizon=200", "trpo.policy.hidden=8", "trpo.value.hidden=8",
        "trpo.value_epochs=2"},
       "trpo.max_kl=0"},
      {"trpo",
       {"steps=1000", "environments=2", "horizon=200", "trpo.policy.hidden=8", "trpo.value.hidden=8",
        "trpo.value_epochs=2"},
       "trpo.cg_iterations=0",
       "CartPole-v1"},
      {"versions", with(versions, {"forest.trees=3"}), "horizon=0"},
      {"versions", with(versions, {"model=gp", "gp.max_points=40", "gp.search.iterations=5"}),
       "gp.max_points=1"},
      {"versions",
       with(versions,
            {"model=bayesian", "bayesian.members=2", "bayesian.network.hidden=[8]", "bayesian.epochs=3"}),
       "bayesian.prior_deviation=0"}};
  return all;
}

}  // namespace mbrl
