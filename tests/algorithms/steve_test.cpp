// STEVE: what it stands on without a horizon, threads, stops and numbers that are not finite.
#include "mbrl/algorithms/imagined/steve.hpp"

#include <limits>
#include <vector>

#include "algorithms/expansion_runs.hpp"
#include "allocation_counter.hpp"
#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/algorithms/built_in/built_in.hpp"

namespace mbrl {
namespace {

ExpansionSettings small_steve(int horizon) {
  ExpansionSettings s = testing::small_expansion<ExpansionSettings>(horizon);
  s.model.members = 3;
  s.td3.critics = 2;
  s.td3.objective = PolicyObjective::kMean;
  return s;
}

}  // namespace

TEST_CASE("STEVE: with a horizon of 0 and one critic it is DDPG") {
  ThreadPool pool(1);
  ExpansionSettings settings = small_steve(0);
  settings.td3.critics = 1;
  const TransitionBuffer data = testing::pendulum_data(200);
  SteveAgent steve = testing::fitted<SteveAgent>(settings, data, pool);
  Td3Agent ddpg(Pendulum().spec(), settings.td3, settings.exploration, settings.random_steps, 1, pool);
  for (int i = 0; i < 20; ++i) {
    REQUIRE(steve.learn(data.batch()));
    REQUIRE(ddpg.learn(data.batch()));
  }
  const std::vector<double> a = steve.figures(), b = ddpg.figures();
  for (std::size_t i = 0; i < b.size(); ++i) CHECK(a[i] == Approx(b[i]).epsilon(1e-4));
  CHECK(a.back() == 0);  // what the model's targets count for
}

TEST_CASE("STEVE: the number of threads changes no bit, nothing is allocated in the steady state") {
  const TransitionBuffer data = testing::pendulum_data(300);
  for (const bool learned : {false, true}) {
    CAPTURE(learned);
    ExpansionSettings settings = small_steve(3);
    settings.model.learned_reward = learned;
    ThreadPool one(1), three(3);
    SteveAgent a = testing::fitted<SteveAgent>(settings, data, one),
               b = testing::fitted<SteveAgent>(settings, data, three);
    const Transitions batch = data.batch();
    for (int i = 0; i < 4; ++i) {
      REQUIRE(a.learn(batch));
      REQUIRE(b.learn(batch));
    }
    CHECK(testing::equal(a, b));
    CHECK(a.figures().back() > 0.01);
    CHECK(a.figures().back() < 1);
    if (learned || !test::can_count_allocations()) continue;
    CHECK(test::allocations_during([&] {
            for (int i = 0; i < 4; ++i) a.learn(batch);
          }) == 0);
  }
}

TEST_CASE("STEVE: numbers that are not finite are said in words") {
  ThreadPool pool(1);
  const TransitionBuffer data = testing::pendulum_data(100);
  SteveAgent agent = testing::fitted<SteveAgent>(small_steve(2), data, pool);
  Transitions batch = data.batch();
  batch.reward(3) = std::numeric_limits<float>::quiet_NaN();
  const auto critic = agent.td3().critic(1).layer(0).weight;
  CHECK_FALSE(agent.learn(batch));
  CHECK(contains(agent.trouble(), "update 1 gave a loss that is not finite"));
  CHECK(agent.td3().critic(1).layer(0).weight == critic);
}

TEST_CASE("STEVE: the published settings are ensembles of four over three steps") {
  AlgorithmRegistry registry;
  register_steve(registry);
  const auto s = registry.at("steve").defaults(Pendulum().spec()).get<ExpansionSettings>();
  CHECK(s.model.members == 4);
  CHECK(s.td3.critics == 4);
  CHECK(s.horizon == 3);
  CHECK(s.td3.critic.hidden == std::vector<int>{128, 128, 128});
  CHECK(s.td3.objective == PolicyObjective::kMean);
}

}  // namespace mbrl
