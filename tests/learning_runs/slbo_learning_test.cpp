// SLBO learns Pendulum-v1 by the program's quick preset, cut short.
#include <algorithm>
#include <vector>

#include "catch.hpp"
#include "mbrl/algorithms/built_in/built_in.hpp"
#include "mbrl/algorithms/load_run.hpp"
#include "mbrl/env/classic/pendulum.hpp"

using namespace mbrl;

TEST_CASE("learning: slbo on Pendulum-v1") {
  Registries registries;
  registries.environments.add(Pendulum().spec(), [] { return AnyEnvironment(Pendulum()); });
  register_built_in_algorithms(registries.algorithms);
  RunConfiguration run{.algorithm = "slbo", .environment = "Pendulum-v1", .seed = 2, .eval = {}, .own = {}};
  run.own = registries.algorithms.at("slbo").preset("quick", Pendulum().spec());
  set_assignment(run, "steps=3000");
  ThreadPool pool(1);
  AnyAlgorithm slbo = make_algorithm(run, registries, pool);
  RunObserver silent;
  REQUIRE(slbo.run(silent));
  // Means of five episodes; random actions are worth about -1200 each. Seen: -1080, -244, -276.
  const std::vector<double> returns = slbo.metrics().column("return");
  REQUIRE(returns.size() == 3);
  CHECK(*std::max_element(returns.begin() + 1, returns.end()) > -450);
}
