// Planning with a critic at the end of the horizon: on Pendulum-v1 a plan of five steps does not swing up by itself.
#include <cstdint>
#include <cstdio>
#include <vector>

#include "catch.hpp"
#include "mbrl/algorithms/built_in/built_in.hpp"
#include "mbrl/algorithms/capabilities.hpp"
#include "mbrl/algorithms/load_run.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#include "mbrl/planning/sampling/cem.hpp"
#include "mbrl/rollout/simulator_rollout.hpp"

using namespace mbrl;

namespace {

constexpr int kEpisodes = 5;

// Mean return of CEM with 100 candidates and 4 iterations on the true dynamics.
double planned(int horizon, double discount, const TerminalValueFunction<double>& terminal) {
  ThreadPool pool(1);
  SimulatorRollout<AnyEnvironment> rollout([] { return AnyEnvironment(Pendulum()); },
                                           {.horizon = horizon, .discount = discount}, pool);
  rollout.set_terminal_value(terminal);
  double mean = 0;
  for (std::uint64_t seed = 0; seed < kEpisodes; ++seed) {
    AnyEnvironment env{Pendulum()};
    Cem planner(rollout, action_bounds(env.spec()), {.population = 100, .elites = 10, .iterations = 4}, seed);
    env.reset(seed);
    for (int t = 0; t < env.spec().max_steps; ++t) {
      mean += env.step(planner.plan(env.state(), t).actions.col(0)).reward / kEpisodes;
      planner.advance(1);
    }
  }
  return mean;
}

}  // namespace

TEST_CASE("learning: with a critic a plan of five steps is worth one of forty") {
  Registries registries;
  registries.environments.add(Pendulum().spec(), [] { return AnyEnvironment(Pendulum()); });
  register_built_in_algorithms(registries.algorithms);
  RunConfiguration run{.algorithm = "sac", .environment = "Pendulum-v1", .seed = 1, .eval = {}, .own = {}};
  run.own = registries.algorithms.at("sac").preset("quick", Pendulum().spec());
  ThreadPool pool(1);
  AnyAlgorithm sac = make_algorithm(run, registries, pool);
  RunObserver silent;
  REQUIRE(sac.run(silent));
  const auto* owner = sac.find<ValueOwner>();
  REQUIRE(owner != nullptr);
  const TerminalValueFunction<double> critic = [value = owner->value()](ConstBatchRef<double> obs, int t,
                                                                        VecRef<double> out) {
    Vecf single(out.size());
    value(obs.cast<float>(), t, single);
    out = single.cast<double>();
  };
  const double random = -1200,
               best = planned(40, 1, {});  // of chance, and of a horizon that sees the whole swing-up
  const auto score = [&](double total) { return (total - random) / (best - random); };
  const double blind = score(planned(5, 1, {})), sighted = score(planned(5, owner->discount(), critic));
  std::printf("returns: H = 40 %.0f; scores: H = 5 %.2f, with the critic %.2f\n", best, blind, sighted);
  CHECK(best > -300);
  CHECK(blind < 0.5);
  CHECK(sighted > 0.85);
}
