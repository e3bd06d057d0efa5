// A simulation that breaks down in every step: learners say so in place of learning from nothing.
#include <initializer_list>
#include <limits>
#include <string>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "env/exploding.hpp"
#include "mbrl/algorithms/built_in/built_in.hpp"
#include "mbrl/algorithms/load_run.hpp"

using namespace mbrl;

namespace {

// Leaves the finite numbers in its first step.
struct Bursting : env_test::Exploding {
  void draw_start(const RandomStream&, Vecd& state) const { state(0) = 0; }
  StepOutcome step(Vecd& state, ConstVecRef<double>) const {
    state(0) = std::numeric_limits<double>::infinity();
    return {.reward = 1.0};
  }
};

std::string error_of_learning(const std::string& name, std::initializer_list<const char*> settings) {
  Registries registries;
  register_built_in_algorithms(registries.algorithms);
  const auto make = [] { return AnyEnvironment(AnalyticEnvironment<Bursting>()); };
  registries.environments.add(make().spec(), make);
  RunConfiguration run{.algorithm = name, .environment = "exploding", .seed = 1, .eval = {}, .own = {}};
  run.own = registries.algorithms.at(name).defaults(make().spec());
  for (const char* assignment : settings) set_assignment(run, assignment);
  ThreadPool pool(1);
  AnyAlgorithm algorithm = make_algorithm(run, registries, pool);
  RunObserver silent;
  return error_of([&] { algorithm.run(silent); });
}

}  // namespace

TEST_CASE("algorithms: what cannot be learned from because every step breaks down is said") {
  CHECK_THAT(
      error_of_learning("sac", {"steps=40", "random_steps=10", "batch_size=8"}),
      Catch::Contains(
          "sac: none of the first 11 steps could be kept, the simulation broke down in each: the state"));
  CHECK_THAT(error_of_learning("ppo", {"steps=40", "environments=2", "horizon=10", "ppo.minibatch=10"}),
             Catch::Contains("ppo: the simulation broke down in each of 20 steps: the state is not finite"));
}
