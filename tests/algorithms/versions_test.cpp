// Versions 0.5, 1.0 and 1.5 of model-based RL on a swing-up: each is better than the one before.
#include "mbrl/algorithms/planning/versions.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#include "mbrl/models/forest/forest_trainer.hpp"
#include "mbrl/models/model_view.hpp"
#include "mbrl/planning/sampling/icem.hpp"
#include "mbrl/rollout/model_rollout.hpp"
#include "mbrl/rollout/simulator_rollout.hpp"

namespace mbrl {
namespace {

constexpr int kEpisode = 100;  // control steps: 5 s

// The pendulum from where it hangs: torque 2 does not lift it, it has to be swung.
struct Hanging : Pendulum {
  Vecd reset(std::uint64_t seed) {
    Pendulum::reset(seed);
    const RandomStream random(seed, Stream::kUser);
    set_state({std::numbers::pi + random.uniform(-0.05, 0.05, 0), random.uniform(-0.05, 0.05, 1), 0.0});
    return observation();
  }
};

ActionBounds bounds() { return ActionBounds::uniform(1, -2.0, 2.0); }

using Rollout = ModelRollout<ModelView<ForestModel>>;
using Controller = ICem<Rollout>;

struct VersionRun {
  VersionRun(Version version, std::uint64_t seed, int trials, int random_steps, int threads = 2)
      : pool(threads),
        model(Hanging().spec().encoding, 1),
        trainer({.trees = 10, .min_leaf = 2}, pool, seed),
        rollout(ModelView(model), Hanging().spec().reward,
                {.horizon = version == Version::kReplanning ? 20 : kEpisode}, pool),
        mpc(Controller(
                rollout, bounds(),
                version == Version::kReplanning
                    ? ICemSettings{.population = 64, .elites = 8, .iterations = 2, .noise_beta = 2.0}
                    : ICemSettings{.population = 200, .elites = 20, .iterations = 6, .noise_beta = 2.0},
                seed),
            {.open_loop = version != Version::kReplanning}),
        loop(env, model, trainer, mpc,
             {.version = version, .random_steps = random_steps, .trials = trials, .trial_steps = kEpisode},
             seed) {}

  // Mean over the last three trials.
  double last() const {
    double sum = 0.0;
    for (std::size_t i = loop.trials().size() - 3; i < loop.trials().size(); ++i)
      sum += loop.trials()[i].episode_return;
    return sum / 3;
  }

  ThreadPool pool;
  Hanging env;
  ForestModel model;
  ForestTrainer trainer;
  Rollout rollout;
  Mpc<Controller> mpc;
  VersionOfModelBasedRl<Hanging, ForestModel, ForestTrainer, Controller> loop;
};

// A controller that knows the dynamics, and one that draws its actions.
double best_possible(std::uint64_t seed) {
  ThreadPool pool(2);
  SimulatorRollout<Hanging> rollout([] { return Hanging(); }, {.horizon = 20}, pool);
  Mpc mpc(ICem(rollout, bounds(), {.population = 64, .elites = 8, .iterations = 2, .noise_beta = 2.0}, seed));
  Hanging env;
  env.reset(seed);
  double total = 0.0;
  for (int t = 0; t < kEpisode; ++t) total += env.step(mpc.act(env.state())).reward;
  return total;
}
double by_chance(std::uint64_t seed) {
  Hanging env;
  env.reset(seed);
  const RandomStream random(seed, Stream::kUser);
  double total = 0.0;
  for (int t = 0; t < kEpisode; ++t)
    total += env.step(Vecd::Constant(1, random.uniform(-2.0, 2.0, 7, static_cast<std::uint32_t>(t)))).reward;
  return total;
}

TEST_CASE("versions: 0.5 is worse than 1.0 is worse than 1.5, with the same amount of data") {
  constexpr int kTrials = 15, kSeeds = 4;
  double best = 0.0, chance = 0.0, once = 0.0, open_loop = 0.0, replanning = 0.0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    best += best_possible(seed) / kSeeds;
    chance += by_chance(seed) / kSeeds;
    // Version 0.5 has all its data from the start: as many random steps as the others have in all.
    VersionRun fit_once(Version::kFitOnce, seed, 3, 100 + kTrials * kEpisode);
    fit_once.loop.run();
    CHECK(fit_once.loop.buffer().size() == 100 + kTrials * kEpisode);
    once += fit_once.last() / kSeeds;
    VersionRun iterated(Version::kOpenLoop, seed, kTrials, 100);
    iterated.loop.run();
    CHECK(iterated.loop.buffer().size() == 100 + kTrials * kEpisode);
    open_loop += iterated.last() / kSeeds;
    VersionRun closed(Version::kReplanning, seed, kTrials, 100);
    closed.loop.run();
    replanning += closed.last() / kSeeds;
  }
  const auto score = [&](double value) { return (value - chance) / (best - chance); };
  CAPTURE(best, chance, once, open_loop, replanning);
  CAPTURE(score(once), score(open_loop), score(replanning));
  CHECK(score(once) < 0.5);
  CHECK(score(open_loop) > score(once) + 0.1);
  CHECK(score(replanning) > score(open_loop) + 0.1);
  CHECK(score(replanning) > 0.8);
}

TEST_CASE("versions: a run stopped, saved and loaded goes on as if it had not been") {
  VersionRun whole(Version::kReplanning, 3, 3, 60, 1);
  CHECK(whole.loop.run());
  VersionRun first(Version::kReplanning, 3, 3, 60, 2);
  CHECK_FALSE(first.loop.run([](const VersionTrial& trial) { return trial.step < 150; }));
  CHECK(first.loop.trials().size() == 1);
  CHECK(first.loop.trials()[0].step == 60 + kEpisode);
  StateDict dict;
  first.loop.save(dict, "run.");
  VersionRun second(Version::kReplanning, 3, 3, 60, 2);
  second.loop.load(dict, "run.");
  CHECK(second.loop.run());
  REQUIRE(second.loop.trials().size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(second.loop.trials()[i].episode_return == whole.loop.trials()[i].episode_return);
    CHECK(second.loop.trials()[i].train_loss == whole.loop.trials()[i].train_loss);
  }
}

TEST_CASE("versions: mistakes are named") {
  VersionRun run(Version::kReplanning, 1, 1, 10);
  Hanging env;
  const auto make = [&](const VersionSettings& settings) {
    VersionOfModelBasedRl(env, run.model, run.trainer, run.mpc, settings, 1);
  };
  CHECK_NOTHROW(make({}));
  CHECK_THROWS_AS(make({.random_steps = 0}), Error);
  CHECK_THROWS_AS(make({.trials = 0}), Error);
  CHECK_THROWS_AS(make({.trial_steps = -1}), Error);
  CHECK_THROWS_AS(make({.version = Version::kOpenLoop}), Error);  // the controller looks
}

}  // namespace
}  // namespace mbrl
