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
  CHECK(contains(refusal(PilcoSettings(), spec), "set cost.target, 5 entries"));
  PilcoSettings s = good;
  s.cost.map.pop_back();
  CHECK(contains(refusal(s, spec), "expected rows of 5"));
  s = good;
  s.cost.width = 0.0;
  CHECK(contains(refusal(s, spec), "cost.width"));
  s = good;
  s.random_trials = 0;
  CHECK(contains(refusal(s, spec), "random_trials"));
  EnvSpec choices = spec;
  choices.choices = 2;
  CHECK(contains(refusal(good, choices), "real actions"));
}

TEST_CASE("pilco: the default cost of the cart-pole is what its reward lacks to 1") {
  const EnvSpec spec = PilcoCartPoleTask::spec();
  const SaturatingCost cost = default_pilco(spec).cost.make(spec.encoding.feature_dim());
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
