// MVE: without a horizon it is DDPG; threads, stops, and numbers that are not finite.
#include "mbrl/algorithms/imagined/mve.hpp"

#include <limits>
#include <vector>

#include "algorithms/expansion_runs.hpp"
#include "allocation_counter.hpp"
#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/algorithms/built_in/built_in.hpp"
#include "mbrl/algorithms/load_run.hpp"
#include "mbrl/algorithms/model_free/td3_algorithm.hpp"

namespace mbrl {
namespace {

MveSettings small_mve(int horizon) { return testing::small_expansion<MveSettings>(horizon); }

}  // namespace

TEST_CASE("MVE: with a horizon of 0 it is DDPG, bit for bit") {
  AlgorithmRegistry registry;
  register_mve(registry);
  register_td3(registry);
  ThreadPool pool(2);
  const AlgorithmContext context{[] { return AnyEnvironment(Pendulum()); }, pool, 7};
  const auto run = [&](const char* name, auto&& settings) {
    AnyAlgorithm algorithm = registry.at(name).make(AnySettings(settings), context);
    RunObserver silent;
    REQUIRE(algorithm.run(silent));
    StateDict state;
    algorithm.save(state, "");
    return state;
  };
  const MveSettings mve = small_mve(0);
  Td3Configuration ddpg;
  static_cast<ReplaySettings&>(ddpg) = mve;
  ddpg.td3 = mve.td3;
  const StateDict a = run("mve", mve), b = run("ddpg", ddpg), c = run("mve", small_mve(1));
  int compared = 0, different = 0;
  for (const auto& [name, array] : b.arrays) {
    if (name.find("metrics") != std::string::npos || name == "clock") continue;
    INFO(name);
    CHECK(a.arrays.at(name).bytes == array.bytes);
    different += c.arrays.at(name).bytes != array.bytes;
    ++compared;
  }
  CHECK(compared > 10);
  CHECK(different > 5);
}

TEST_CASE("MVE: the number of threads changes no bit, nothing is allocated in the steady state") {
  ThreadPool one(1), three(3);
  const TransitionBuffer data = testing::pendulum_data(300);
  MveAgent a = testing::fitted<MveAgent>(small_mve(3), data, one),
           b = testing::fitted<MveAgent>(small_mve(3), data, three);
  const Transitions batch = data.batch();
  for (int i = 0; i < 4; ++i) {
    REQUIRE(a.learn(batch));
    REQUIRE(b.learn(batch));
  }
  CHECK(testing::equal(a, b));
  CHECK(a.errors() == b.errors());
  CHECK(a.errors().size() == 300);
  if (!test::can_count_allocations()) return;
  CHECK(test::allocations_during([&] {
          for (int i = 0; i < 4; ++i) a.learn(batch);
        }) == 0);
}

TEST_CASE("MVE: without TD-k the critics learn at the batch's own states alone, from the same targets") {
  ThreadPool pool(1);
  const TransitionBuffer data = testing::pendulum_data(100);
  MveSettings settings = small_mve(3);
  MveAgent with = testing::fitted<MveAgent>(settings, data, pool);
  settings.td_k = false;
  MveAgent without = testing::fitted<MveAgent>(settings, data, pool);
  REQUIRE(with.learn(data.batch()));
  REQUIRE(without.learn(data.batch()));
  CHECK((with.errors() - without.errors()).norm() < 1e-5f * with.errors().norm());
  const auto weights = [](const MveAgent& agent) { return agent.td3().critic(0).layer(0).weight; };
  CHECK(weights(with) != weights(without));
}

TEST_CASE("MVE: a training that is stopped is undone, and done again when the run goes on") {
  AlgorithmRegistry registry;
  register_mve(registry);
  ThreadPool pool(1);
  const AlgorithmContext context{[] { return AnyEnvironment(Pendulum()); }, pool, 7};
  const auto make = [&] { return registry.at("mve").make(AnySettings(small_mve(2)), context); };
  AnyAlgorithm whole = make();
  testing::TrainingStopper never(0);
  REQUIRE(whole.run(never));
  CHECK(never.trainings == 7);  // after 60, 110, ... 360 steps
  for (const int at : {1, 3}) {
    AnyAlgorithm first = make(), second = make();
    testing::TrainingStopper stopper(at);
    REQUIRE_FALSE(first.run(stopper));
    StateDict state;
    first.save(state, "");
    second.load(state, "");
    RunObserver silent;
    REQUIRE(second.run(silent));
    CHECK(testing::figures_of(second.metrics()) == testing::figures_of(whole.metrics()));
  }
}

TEST_CASE("MVE: a reward that is not given is learned") {
  ThreadPool pool(1);
  MveSettings settings = small_mve(2);
  settings.model.learned_reward = true;
  settings.training.epochs = 60;
  settings.model.hidden = {64};
  const TransitionBuffer data = testing::pendulum_data(1000);
  MveAgent learned = testing::fitted<MveAgent>(settings, data, pool);
  settings.model.learned_reward = false;
  MveAgent given = testing::fitted<MveAgent>(settings, data, pool);
  const Transitions batch = data.batch();
  REQUIRE(learned.learn(batch));
  REQUIRE(given.learn(batch));
  // The same networks at first: errors differ by what the models' rewards do.
  CHECK((learned.errors() - given.errors()).norm() < 0.1f * given.errors().norm());
  CHECK(learned.errors() != given.errors());
}

TEST_CASE("MVE: numbers that are not finite and settings that make no sense are said in words") {
  ThreadPool pool(1);
  const TransitionBuffer data = testing::pendulum_data(100);
  MveAgent agent = testing::fitted<MveAgent>(small_mve(2), data, pool);
  Transitions batch = data.batch();
  batch.reward(3) = std::numeric_limits<float>::quiet_NaN();
  CHECK_FALSE(agent.learn(batch));
  CHECK(contains(agent.trouble(), "update 1 gave a loss that is not finite"));

  const EnvSpec spec = Pendulum().spec();
  const auto refused = [&](auto change) {
    MveSettings s = small_mve(2);
    change(s);
    return error_of([&] { s.validate("mve", spec); });
  };
  CHECK(contains(refused([](MveSettings& s) { s.horizon = -1; }), "mve: horizon is -1"));
  CHECK(contains(refused([](MveSettings& s) { s.train_every = 0; }), "mve: train_every is 0"));
  CHECK(contains(refused([](MveSettings& s) { s.random_steps = 0; }), "mve: random_steps is 0"));
}

}  // namespace mbrl
