// PILCO swings its cart-pole up within ten episodes, and not by one trajectory of the model's mean; its reacher goes around
// an obstacle, and where that costs nothing through it.
#include <algorithm>
#include <vector>

#include "catch.hpp"
#include "mbrl/algorithms/imagined/pilco.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/env/classic/pilco_cartpole.hpp"
#include "mbrl/mujoco/tasks/pilco_reacher.hpp"
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

MetricTable reach(double weight) {
  PilcoSettings s = default_pilco(mujoco::PilcoReacherTask().spec());
  s.trials = 5;
  s.cost.obstacles.weight = weight;
  AlgorithmRegistry registry;
  register_pilco(registry);
  ThreadPool pool(2);
  const AlgorithmContext context{[] { return AnyEnvironment(mujoco::PilcoReacher()); }, pool, 1};
  AnyAlgorithm pilco = registry.at("pilco").make(AnySettings(s), context);
  RunObserver silent;
  REQUIRE(pilco.run(silent));
  return pilco.metrics();
}

}  // namespace

TEST_CASE("learning: pilco on pilco/CartPole") {
  CHECK(best_late_cost(PilcoUncertainty::kFull) < 0.1);
  CHECK(best_late_cost(PilcoUncertainty::kNone) > 0.3);
}

TEST_CASE("learning: pilco on pilco/Reacher, around the obstacle") {
  const MetricTable around = reach(5.0), through = reach(0.0);
  CHECK(around.last("late_cost") < 0.1);
  CHECK(around.last("collision_bound") < 0.05);
  CHECK(around.last("collisions") == 0.0);
  CHECK(through.last("late_cost") < 0.1);
  CHECK(through.last("predicted_collision") > 0.5);
  CHECK(through.last("collisions") > 0.0);
}
