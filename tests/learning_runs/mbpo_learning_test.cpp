// MBPO learns Pendulum-v1 by the program's quick preset in a fraction of the steps that soft actor-critic needs.
#include <algorithm>
#include <vector>

#include "catch.hpp"
#include "mbrl/algorithms/built_in/built_in.hpp"
#include "mbrl/algorithms/load_run.hpp"
#include "mbrl/env/classic/pendulum.hpp"

using namespace mbrl;

namespace {

// Returns of the episodes that end by environment step `steps`.
std::vector<double> returns(const std::string& algorithm, std::int64_t steps) {
  Registries registries;
  registries.environments.add(Pendulum().spec(), [] { return AnyEnvironment(Pendulum()); });
  register_built_in_algorithms(registries.algorithms);
  RunConfiguration run{
      .algorithm = algorithm, .environment = "Pendulum-v1", .seed = 1, .eval = {}, .own = {}};
  run.own = registries.algorithms.at(algorithm).preset("quick", Pendulum().spec());
  set_assignment(run, "steps=" + std::to_string(steps));
  ThreadPool pool(1);
  AnyAlgorithm learner = make_algorithm(run, registries, pool);
  RunObserver silent;
  REQUIRE(learner.run(silent));
  return learner.metrics().column("return");
}

double median_of_last(std::vector<double> values, std::size_t n) {
  values.erase(values.begin(), values.end() - static_cast<std::ptrdiff_t>(n));
  std::sort(values.begin(), values.end());
  return values[n / 2];
}

}  // namespace

TEST_CASE("learning: mbpo on Pendulum-v1, before soft actor-critic has begun to") {
  // Random actions are worth about -1200 per episode, a swing-up and the balance after it -120 to -360.
  const std::vector<double> imagined = returns("mbpo", 2000);
  REQUIRE(imagined.size() == 10);
  CHECK(median_of_last(imagined, 5) > -300);  // seen: -227
  CHECK(median_of_last(returns("sac", 2000), 5) < -600);
}
