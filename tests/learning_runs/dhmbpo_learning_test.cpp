// DHMBPO, SVG(H) and backpropagation through time learn Pendulum-v1 by the program's quick presets.
#include <algorithm>
#include <string>
#include <vector>

#include "catch.hpp"
#include "mbrl/algorithms/built_in/built_in.hpp"
#include "mbrl/algorithms/load_run.hpp"
#include "mbrl/env/classic/pendulum.hpp"

using namespace mbrl;

TEST_CASE("learning: the gradient of a learned model has the pendulum up") {
  Registries registries;
  registries.environments.add(Pendulum().spec(), [] { return AnyEnvironment(Pendulum()); });
  register_built_in_algorithms(registries.algorithms);
  const auto median_of_last_five = [&](const std::string& algorithm, const std::string& preset) {
    RunConfiguration run{
        .algorithm = algorithm, .environment = "Pendulum-v1", .seed = 1, .eval = {}, .own = {}};
    run.own = registries.algorithms.at(algorithm).preset(preset, Pendulum().spec());
    set_assignment(run, "steps=2000");
    ThreadPool pool(1);
    AnyAlgorithm learner = make_algorithm(run, registries, pool);
    RunObserver silent;
    REQUIRE(learner.run(silent));
    std::vector<double> returns = learner.metrics().column("return");
    returns.erase(returns.begin(), returns.end() - 5);
    std::sort(returns.begin(), returns.end());
    return returns[2];
  };
  // Random actions are worth about -1200 per episode, a swing-up and the balance after it -120 to -360.
  CHECK(median_of_last_five("dhmbpo", "quick") > -400);
  CHECK(median_of_last_five("svg", "quick") > -400);
}
