// Soft actor-critic learns Pendulum-v1 by the program's quick preset.
#include <algorithm>
#include <vector>

#include "catch.hpp"
#include "mbrl/algorithms/built_in.hpp"
#include "mbrl/algorithms/load_run.hpp"
#include "mbrl/env/classic/pendulum.hpp"

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
  CHECK(last[last.size() / 2] > -200);  // seen: -125
  CHECK(last.front() > -700);
}
