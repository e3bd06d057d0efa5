// Agents over normalised observations: they do not see by what an environment scales them, and their policy takes them
// as they are.
#include "mbrl/learning/normalised_agent.hpp"

#include <cmath>
#include <cstdint>

#include "catch.hpp"
#include "learning/replay_batches.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#include "mbrl/learning/sac_agent.hpp"
#include "mbrl/learning/td3_agent.hpp"

namespace mbrl {
namespace {

using Agent = NormalisedAgent<SacAgent>;

SacSettings small_agent_settings() {
  SacSettings s;
  s.policy.hidden = s.critic.hidden = {16, 16};
  return s;
}

// A batch of three observations' entries with a meaning of some kind.
Transitions batch(std::uint32_t round) {
  Transitions t = testing::empty(3, 1, 64);
  testing::fill_uniform(t.obs, -1, 1, round, 0);
  testing::fill_uniform(t.next_obs, -1, 1, round, 1);
  testing::fill_uniform(t.action, -2, 2, round, 2);
  t.reward = -t.obs.row(0).transpose().cwiseAbs2();
  return t;
}

const Vecf kScale = (Vecf(3) << 64.0f, 1.0f, 0.125f).finished(),
           kOffset = (Vecf(3) << 16.0f, 0.0f, -2.0f).finished();
Batchf other_units(const Batchf& obs) {
  Batchf moved = kScale.asDiagonal() * obs;
  moved.colwise() += kOffset;
  return moved;
}

// After `rounds` batches, and steps that showed the agent as many observations.
Agent learned(bool scaled, int rounds, ThreadPool& pool) {
  Agent agent(Pendulum().spec(), small_agent_settings(), 10, std::uint64_t{1}, pool);
  for (std::uint32_t round = 0; round < static_cast<std::uint32_t>(rounds); ++round) {
    Transitions t = batch(round);
    if (scaled) {
      t.obs = other_units(t.obs);
      t.next_obs = other_units(t.next_obs);
    }
    for (Index j = 0; j < 4; ++j)
      agent.explore(t.obs.col(j).cast<double>(), static_cast<std::int64_t>(round), 0);
    if (round >= 5) REQUIRE(agent.learn(t));
  }
  return agent;
}

Batchf modes(const MlpPolicy& policy, const Batchf& obs) {
  Batchf action(1, obs.cols()), memory(0, obs.cols());
  MlpPolicy::Workspace workspace;
  policy.mode(obs, memory, action, workspace);
  return action;
}

}  // namespace

TEST_CASE("normalised agent: the units of observations change nothing") {
  ThreadPool pool(1);
  const Agent plain = learned(false, 40, pool), scaled = learned(true, 40, pool);
  const Batchf obs = batch(99).obs;
  CHECK((modes(plain.policy(), obs) - modes(scaled.policy(), other_units(obs))).cwiseAbs().maxCoeff() <
        2e-3f);
  Vecf value(64), other(64);
  plain.value()(obs, 0, value);
  scaled.value()(other_units(obs), 0, other);
  CHECK((value - other).cwiseAbs().maxCoeff() < 2e-3f);
  Transitions episode = batch(7);
  const double bias = plain.value_bias(episode);
  episode.obs = other_units(episode.obs);
  episode.next_obs = other_units(episode.next_obs);
  CHECK(scaled.value_bias(episode) == Approx(bias).margin(1e-2));
  CHECK((modes(plain.policy(), obs) - modes(plain.policy(), other_units(obs))).cwiseAbs().maxCoeff() > 0.1f);
}

TEST_CASE(
    "normalised agent: statistics are those of all observations, and what is saved acts and learns on") {
  ThreadPool pool(1);
  Agent agent = learned(true, 30, pool);
  Normalizer all(3);
  for (std::uint32_t round = 0; round < 30; ++round)
    all.update(ConstBatchRef<float>(other_units(batch(round).obs).leftCols(4)));
  CHECK((agent.statistics().mean() - all.mean()).norm() < 1e-9);
  CHECK((agent.statistics().std() - all.std()).norm() < 1e-9);

  StateDict state;
  agent.save(state, "a.");
  Agent loaded(Pendulum().spec(), small_agent_settings(), 10, std::uint64_t{1}, pool);
  loaded.load(state, "a.");
  const Batchf obs = other_units(batch(99).obs);
  CHECK(modes(loaded.policy(), obs) == modes(agent.policy(), obs));
  AnyActor actor = Agent::load_actor(Pendulum().spec(), small_agent_settings(), 1, state, "a.");
  actor.begin(1);
  CHECK(static_cast<float>(actor.act(obs.col(3).cast<double>(), 0)(0)) == modes(agent.policy(), obs)(0, 3));
  Transitions t = batch(30);
  agent.learn(t);
  loaded.learn(t);
  CHECK(modes(loaded.policy(), obs) == modes(agent.policy(), obs));
}

static_assert(ReplayAgent<Agent> && ReplayAgent<NormalisedAgent<DiscreteSacAgent>> &&
              ReplayAgent<NormalisedAgent<Td3Agent>>);

}  // namespace mbrl
