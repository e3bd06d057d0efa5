// MBMF on Pendulum-v1 by the program's quick preset, cut short: the policy does what its planner does, in a fraction of the
// time, and then does better.
#include <cmath>

#include "catch.hpp"
#include "mbrl/algorithms/built_in/built_in.hpp"
#include "mbrl/algorithms/load_run.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#include "mbrl/env/episode_seed.hpp"
#include "mbrl/run/evaluation.hpp"

using namespace mbrl;

TEST_CASE("learning: mbmf on Pendulum-v1") {
  Registries registries;
  registries.environments.add(Pendulum().spec(), [] { return AnyEnvironment(Pendulum()); });
  register_built_in_algorithms(registries.algorithms);
  RunConfiguration run{.algorithm = "mbmf", .environment = "Pendulum-v1", .seed = 1, .eval = {}, .own = {}};
  run.own = registries.algorithms.at("mbmf").preset("quick", Pendulum().spec());
  set_assignment(run, "steps=25000");
  ThreadPool pool(1);
  AnyAlgorithm mbmf = make_algorithm(run, registries, pool);
  RunObserver silent;
  REQUIRE(mbmf.run(silent));
  const MetricTable& m = mbmf.metrics();
  std::size_t imitated = 0;
  while (m.at(imitated + 1, "part") < 3) ++imitated;
  // Seen: -364 and -396 (0.97 of the way from random actions), 1300 and 0.5 us.
  CHECK(m.at(imitated, "score") > 0.8);
  CHECK(m.at(imitated, "planner_us") > 100 * m.at(imitated, "policy_us"));
  // From the start states of both.
  AnyActor tuned = mbmf.actor();
  double total = 0;
  for (std::uint32_t e = 0; e < 5; ++e)
    total += run_episode(mbmf.environment(), tuned, episode_seed(1, e, 3)).total / 5;
  CHECK(total > m.at(imitated, "planner_return"));
}
