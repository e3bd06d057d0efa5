// PILCO's settings, and what a run reports.
#include "mbrl/algorithms/imagined/pilco.hpp"

#include <string>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/algorithms/load_run.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#include "mbrl/env/classic/pilco_cartpole.hpp"
#include "mbrl/run/observer.hpp"

using namespace mbrl;

namespace {

std::string refusal(const PilcoSettings& s, const EnvSpec& spec) {
  return error_of([&] { s.validate(spec); });
}

AnyAlgorithm make(const PilcoSettings& s, ThreadPool& pool) {
  AlgorithmRegistry registry;
  register_pilco(registry);
  const AlgorithmContext context{[] { return AnyEnvironment(PilcoCartPole()); }, pool, 3};
  return registry.at("pilco").make(AnySettings(s), context);
}

}  // namespace

TEST_CASE("pilco: settings that make no sense are refused in words") {
  const EnvSpec spec = PilcoCartPoleTask::spec();
  const PilcoSettings good = default_pilco(spec);
  CHECK(refusal(good, spec).empty());
  CHECK(refusal(default_pilco(Pendulum().spec()), Pendulum().spec()).empty());
  CHECK(contains(refusal(PilcoSettings(), spec),
                 "set cost.target, 5 entries, one a feature of the observation (cart position, "
                 "cart velocity, pole angular velocity, sin of pole angle, cos of pole "
                 "angle)"));
  PilcoSettings s = good;
  s.cost.map.pop_back();
  CHECK(contains(refusal(s, spec), "expected rows of 5"));
  s = good;
  s.cost.map.assign(s.cost.map.size(), 0.0);
  CHECK(contains(refusal(s, spec), "map is 0 throughout"));
  s = good;
  s.cost.width = 0.0;
  CHECK(contains(refusal(s, spec), "cost.width"));
  const auto obstacle_refusal = [&](const auto& change) {
    PilcoSettings with = good;
    with.cost.obstacles.centres = {0.5, 0.1};
    with.cost.obstacles.radius = {0.2};
    change(with.cost.obstacles);
    return refusal(with, spec);
  };
  using O = PilcoObstacles;
  CHECK(obstacle_refusal([](O&) {}).empty());
  CHECK(contains(obstacle_refusal([](O& o) { o.centres.push_back(0.3); }), "expected places of 2"));
  CHECK(contains(obstacle_refusal([](O& o) { o.centres.clear(); }), "has no centres"));
  CHECK(contains(obstacle_refusal([](O& o) { o.radius.clear(); }), "cost.obstacles.radius is not given"));
  CHECK(contains(obstacle_refusal([](O& o) { o.radius = {0.1, 0.2, 0.3}; }), "one an obstacle"));
  CHECK(contains(obstacle_refusal([](O& o) { o.radius = {-0.1}; }), "expected more than 0"));
  CHECK(contains(obstacle_refusal([](O& o) { o.width = {0.0}; }), "expected more than 0"));
  CHECK(contains(obstacle_refusal([](O& o) { o.weight = -1.0; }), "weight is -1"));
  CHECK(contains(obstacle_refusal([](O& o) { o.map = {1.0, 0.0}; }), "cost.obstacles.map has 2 entries"));
  s = good;
  s.cost.map.clear();
  s.cost.obstacles.centres = {0.5, 0.1};
  s.cost.obstacles.radius = {0.2};
  CHECK(contains(refusal(s, spec), "set cost.obstacles.map"));
  s = good;
  s.random_trials = 0;
  CHECK(contains(refusal(s, spec), "random_trials"));
  EnvSpec choices = spec;
  choices.choices = 2;
  CHECK(contains(refusal(good, choices), "real actions"));
}

TEST_CASE("pilco: obstacles lie where the cost's map or their own says, each with its radius") {
  PilcoCost c = default_pilco(PilcoCartPoleTask::spec()).cost;
  c.obstacles.centres = {0.5, -0.2, 1.0, 0.3};
  c.obstacles.radius = {0.2, 0.1};
  const Vecd features{{0.5, 7.0, 7.0, 0.0, -1.0 / 3.0}};  // the tip is at (0.5, -0.2)
  const ObstaclePenalty own = c.make(5).obstacles;
  REQUIRE(own.count() == 2);
  CHECK(own.hit(features));
  CHECK(own(features) == Approx(5.0));
  CHECK(own.widths == own.radii);
  c.obstacles.map = {0.0, 1.0, 0.0, 0.0, 0.0};  // the cart's rate, in four intervals
  c.obstacles.radius = {0.2};
  c.obstacles.width = {0.4};
  const ObstaclePenalty rates = c.make(5).obstacles;
  CHECK(rates.count() == 4);
  CHECK_FALSE(rates.hit(features));
  CHECK(rates.hit(Vecd{{0.0, 0.45, 0.0, 0.0, 0.0}}));
  CHECK(rates.widths == Vecd::Constant(4, 0.4));
}

TEST_CASE("pilco: the default cost of the cart-pole is what its reward lacks to 1") {
  const EnvSpec spec = PilcoCartPoleTask::spec();
  const ObstructedCost cost = default_pilco(spec).cost.make(spec.encoding.feature_dim());
  for (const double x : {0.0, 0.2, -0.7}) {
    for (const double angle : {0.3, 2.9, -3.3}) {
      Batchd next(4, 1), features(5, 1);
      next << x, 0.4, angle, -0.2;
      spec.encoding.encode<double>(next, features);
      Vecd reward(1);
      PilcoCartPoleReward<double>()(next, Batchd::Zero(1, 1), next, 0, reward);
      CHECK(cost(features.col(0)) == Approx(1.0 - reward(0)));
    }
  }
}

TEST_CASE("pilco: a run reports what its trials cost, and the search lowers what is predicted") {
  PilcoSettings s = default_pilco(PilcoCartPoleTask::spec());
  s.trials = 2;
  s.centres = 10;
  s.search.iterations = 10;
  ThreadPool pool(1);
  RunObserver silent;
  AnyAlgorithm run = make(s, pool);
  REQUIRE(run.run(silent));
  const MetricTable& m = run.metrics();
  REQUIRE(m.rows() == 2);
  CHECK(m.last("step") == 75.0);
  for (std::size_t r = 0; r < 2; ++r) CHECK(m.at(r, "cost") + m.at(r, "return") == Approx(25.0));

  s.search.iterations = 40;
  AnyAlgorithm longer = make(s, pool);
  REQUIRE(longer.run(silent));
  CHECK(longer.metrics().at(0, "predicted_cost") < m.at(0, "predicted_cost"));
}

// The pole hangs in the first disc and swings through it; the other is far away.
TEST_CASE(
    "pilco: a run reports predicted and real collisions with obstacles, and its cost holds their penalty") {
  PilcoSettings s = default_pilco(PilcoCartPoleTask::spec());
  s.trials = 2;
  s.centres = 10;
  s.search.iterations = 10;
  ThreadPool pool(1);
  RunObserver silent;
  CHECK_FALSE(make(s, pool).metrics().contains("collisions"));
  s.cost.obstacles.centres = {0.0, 0.6, 50.0, 50.0};  // the map measures downwards
  s.cost.obstacles.radius = {0.5};
  AnyAlgorithm run = make(s, pool);
  REQUIRE(run.run(silent));
  const MetricTable& m = run.metrics();
  for (std::size_t r = 0; r < 2; ++r) {
    const double largest = m.at(r, "predicted_collision"), bound = m.at(r, "collision_bound");
    CHECK(m.at(r, "collisions") >= 1.0);
    CHECK(largest > 0.5);
    CHECK(largest <= bound);
    CHECK(bound <= 1.0);
    CHECK(m.at(r, "cost") > 25.0 - m.at(r, "return"));
  }
  s.cost.obstacles.centres = {50.0, 50.0};
  AnyAlgorithm far = make(s, pool);
  REQUIRE(far.run(silent));
  CHECK(far.metrics().last("collisions") == 0.0);
  CHECK(far.metrics().last("collision_bound") == 0.0);
}
