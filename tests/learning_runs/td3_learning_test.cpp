// TD3 and DDPG learn Pendulum-v1 by the program's quick preset.
#include <algorithm>
#include <string>
#include <vector>

#include "catch.hpp"
#include "mbrl/algorithms/built_in/built_in.hpp"
#include "mbrl/algorithms/load_run.hpp"
#include "mbrl/env/classic/pendulum.hpp"

using namespace mbrl;

TEST_CASE("learning: td3 and ddpg on Pendulum-v1") {
  Registries registries;
  registries.environments.add(Pendulum().spec(), [] { return AnyEnvironment(Pendulum()); });
  register_built_in_algorithms(registries.algorithms);
  for (const std::string name : {"td3", "ddpg"}) {
    CAPTURE(name);
    RunConfiguration run{.algorithm = name, .environment = "Pendulum-v1", .seed = 1, .eval = {}, .own = {}};
    run.own = registries.algorithms.at(name).preset("quick", Pendulum().spec());
    ThreadPool pool(1);
    AnyAlgorithm learner = make_algorithm(run, registries, pool);
    RunObserver silent;
    REQUIRE(learner.run(silent));
    // Random actions are worth about -1200 per episode; a swing-up and the balance after it -120 to -360.
    std::vector<double> returns = learner.metrics().column("return");
    REQUIRE(returns.size() >= 50);
    std::vector<double> last(returns.end() - 15, returns.end());
    std::sort(last.begin(), last.end());
    CHECK(last[last.size() / 2] > -260);  // seen: -128 and -125
    CHECK(last.front() > -700);
  }
}
