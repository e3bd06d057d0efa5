// Soft actor-critic learns Pendulum-v1 and, where actions are choices, CartPole-v1 by the program's quick preset.
#include <algorithm>
#include <vector>

#include "catch.hpp"
#include "mbrl/algorithms/built_in/built_in.hpp"
#include "mbrl/algorithms/load_run.hpp"
#include "mbrl/env/classic/cartpole.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#include "mbrl/run/evaluation.hpp"

using namespace mbrl;

TEST_CASE("learning: sac on Pendulum-v1") {
  Registries registries;
  registries.environments.add(Pendulum().spec(), [] { return AnyEnvironment(Pendulum()); });
  register_built_in_algorithms(registries.algorithms);
  RunConfiguration run{.algorithm = "sac", .environment = "Pendulum-v1", .seed = 1, .eval = {}, .own = {}};
  run.own = registries.algorithms.at("sac").preset("quick", Pendulum().spec());
  ThreadPool pool(1);
  AnyAlgorithm sac = make_algorithm(run, registries, pool);
  RunObserver silent;
  REQUIRE(sac.run(silent));
  // Random actions are worth about -1200 per episode; a swing-up and the balance after it -120 to -360 from
  // most starts.
  std::vector<double> returns = sac.metrics().column("return");
  REQUIRE(returns.size() >= 50);
  std::vector<double> last(returns.end() - 15, returns.end());
  std::sort(last.begin(), last.end());
  CHECK(last[last.size() / 2] > -200);  // seen: -124
  CHECK(last.front() > -700);
}

TEST_CASE("learning: sac on CartPole-v1, whose actions are choices") {
  Registries registries;
  registries.environments.add(CartPole().spec(), [] { return AnyEnvironment(CartPole()); });
  register_built_in_algorithms(registries.algorithms);
  RunConfiguration run{.algorithm = "sac", .environment = "CartPole-v1", .seed = 1, .eval = {}, .own = {}};
  run.own = registries.algorithms.at("sac").preset("quick", CartPole().spec());
  set_assignment(run, "steps=15000");
  ThreadPool pool(1);
  AnyAlgorithm sac = make_algorithm(run, registries, pool);
  RunObserver silent;
  REQUIRE(sac.run(silent));
  // Random actions keep the pole up for about 22 steps; 500 is all there is.
  AnyActor actor = sac.actor();
  double mean = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed)
    mean += run_episode(sac.environment(), actor, seed, {}).total / 10;
  CHECK(mean > 475);  // seen: 500
}
