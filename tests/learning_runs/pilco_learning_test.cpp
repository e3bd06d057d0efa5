// PILCO swings its cart-pole up within ten episodes, and not by one trajectory of the model's mean.
#include <algorithm>
#include <vector>

#include "catch.hpp"
#include "mbrl/algorithms/imagined/pilco.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/env/classic/pilco_cartpole.hpp"
#include "mbrl/run/observer.hpp"

using namespace mbrl;

namespace {

// The lowest mean cost of a trial's last second: 0.1 is a tip 0.11 m from its place.
double best_late_cost(PilcoUncertainty uncertainty) {
  PilcoSettings s = default_pilco(PilcoCartPoleTask::spec());
  s.uncertainty = uncertainty;
  AlgorithmRegistry registry;
  register_pilco(registry);
  ThreadPool pool(2);
  const AlgorithmContext context{[] { return AnyEnvironment(PilcoCartPole()); }, pool, 1};
  AnyAlgorithm pilco = registry.at("pilco").make(AnySettings(s), context);
  RunObserver silent;
  REQUIRE(pilco.run(silent));
  const std::vector<double> late = pilco.metrics().column("late_cost");
  return *std::min_element(late.begin(), late.end());
}

}  // namespace

TEST_CASE("learning: pilco on pilco/CartPole") {
  CHECK(best_late_cost(PilcoUncertainty::kFull) < 0.1);
  CHECK(best_late_cost(PilcoUncertainty::kNone) > 0.3);
}
