// Proximal policy optimisation learns Pendulum-v1 by the program's quick preset.
#include <algorithm>
#include <cmath>
#include <vector>

#include "catch.hpp"
#include "mbrl/algorithms/built_in/built_in.hpp"
#include "mbrl/algorithms/load_run.hpp"
#include "mbrl/env/classic/pendulum.hpp"

using namespace mbrl;

TEST_CASE("learning: ppo on Pendulum-v1") {
  Registries registries;
  registries.environments.add(Pendulum().spec(), [] { return AnyEnvironment(Pendulum()); });
  register_built_in_algorithms(registries.algorithms);
  RunConfiguration run{.algorithm = "ppo", .environment = "Pendulum-v1", .seed = 1, .eval = {}, .own = {}};
  run.own = registries.algorithms.at("ppo").preset("quick", Pendulum().spec());
  ThreadPool pool(1);
  AnyAlgorithm ppo = make_algorithm(run, registries, pool);
  RunObserver silent;
  REQUIRE(ppo.run(silent));
  // Random actions are worth about -1200 an episode; means of the sixteen that end in an iteration, if any does.
  std::vector<double> returns = ppo.metrics().column("return");
  REQUIRE(returns.size() == 49);
  std::erase_if(returns, [](double r) { return std::isnan(r); });
  REQUIRE(returns.size() >= 30);
  std::vector<double> last(returns.end() - 10, returns.end());
  std::sort(last.begin(), last.end());
  CHECK(last[last.size() / 2] > -300);
}
