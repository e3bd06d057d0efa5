// The PETS loop on the pendulum: it learns, it can be stopped anywhere, and threads do not change it.
#include "mbrl/algorithms/pets.hpp"

#include <memory>
#include <string>
#include <vector>

#include "catch.hpp"
#include "mbrl/env/pendulum.hpp"
#include "mbrl/models/native_trainer.hpp"
#include "mbrl/planning/icem.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"

namespace {

using namespace mbrl;
using Planner = ICem<EnsembleRollout>;

// Stops at the n-th safe point; never for n = 0.
struct Stopper {
  int stop_at = 0;
  int safe_points = 0;
  void on_progress(const PetsProgress&) {}
  bool stop_requested() const { return false; }
  bool on_safe_point(bool) { return ++safe_points != stop_at; }
  void on_trial(const TrialMetrics&, const std::vector<PlanOutcome>&) {}
};

// Its simulation breaks down in the seventh step.
struct Fragile : Pendulum {
  StepResult step(ConstVecRef<double> action) {
    StepResult result = Pendulum::step(action);
    if (++steps == 7) {
      result.fault = "worn out";
      result.terminated = true;
    }
    return result;
  }
  int steps = 0;
};

template <class Env>
struct RunOf {
  RunOf(int threads, std::uint64_t seed, int trials, std::vector<int> hidden, int epochs, ICemSettings icem,
        int horizon)
      : pool(threads),
        model(MlpEnsemble::create({.members = 3, .hidden = std::move(hidden)}, env.spec().encoding, 1, seed)),
        trainer({.epochs = epochs}, pool, seed),
        evaluator(model, env.spec().reward, env.spec().termination, {.horizon = horizon, .particles = 3},
                  pool, seed),
        controller(Planner(evaluator, {env.spec().action_low, env.spec().action_high}, icem, seed)),
        pets(env, model, trainer, evaluator, controller, pool, {.trials = trials}, seed) {}

  ThreadPool pool;
  Env env;
  MlpEnsemble model;
  NativeTrainer trainer;
  EnsembleRollout evaluator;
  Mpc<Planner> controller;
  Pets<Env, NativeTrainer, EnsembleRollout, Planner> pets;
};
using Run = RunOf<Pendulum>;

std::unique_ptr<Run> small(int threads) {
  return std::make_unique<Run>(threads, 5, 2, std::vector<int>{16, 16}, 3,
                               ICemSettings{.population = 16, .elites = 4, .iterations = 2}, 8);
}

// The wall-clock figures are the last five columns.
std::vector<double> reproducible(const std::vector<TrialMetrics>& metrics) {
  std::vector<double> all;
  for (const TrialMetrics& m : metrics) {
    const std::vector<double> row = m.values();
    all.insert(all.end(), row.begin(), row.end() - 5);
  }
  return all;
}

}  // namespace

TEST_CASE("PETS: the number of threads does not change a number") {
  Stopper never;
  auto one = small(1);
  REQUIRE(one->pets.run(never));
  for (const int threads : {2, 3}) {
    auto other = small(threads);
    REQUIRE(other->pets.run(never));
    CHECK(reproducible(one->pets.metrics()) == reproducible(other->pets.metrics()));
  }
}

TEST_CASE("PETS: a run stopped anywhere and loaded elsewhere continues exactly") {
  Stopper never;
  auto whole = small(1);
  REQUIRE(whole->pets.run(never));
  REQUIRE(whole->pets.metrics().size() == 2);
  // Inside the random trial, at its end, inside and at the end of the planned trials.
  for (const int stop_at : {1, 77, 200, 201, 333, 400, 401, 599}) {
    auto first = small(2);
    Stopper stopper{stop_at};
    REQUIRE(!first->pets.run(stopper));
    StateDict state;
    first->pets.save(state, "");
    auto second = small(1);
    second->pets.load(state, "");
    REQUIRE(second->pets.run(never));
    CHECK(reproducible(second->pets.metrics()) == reproducible(whole->pets.metrics()));
  }
}

TEST_CASE("PETS: learns to swing up the pendulum") {
  Stopper never;
  Run run(2, 1, 6, {64, 64}, 15, {.population = 64, .elites = 8, .iterations = 3}, 20);
  REQUIRE(run.pets.run(never));
  const auto& metrics = run.pets.metrics();
  // A random policy gets about -1200; swinging up and holding costs 100 to 400 by the start state.
  const double late = (metrics[3].episode_return + metrics[4].episode_return + metrics[5].episode_return) / 3;
  CHECK(late > -420);
  // The model's error on data it has not seen falls, and its 90 % intervals are roughly that.
  CHECK(metrics[5].model_rmse < 0.5 * metrics[0].model_rmse + 0.01);
  CHECK(metrics[5].calibration_90 > 0.8);
  CHECK(std::isfinite(metrics[5].predicted_return));
  CHECK(std::abs(metrics[5].predicted_return - metrics[5].realised_return) <
        0.3 * std::abs(metrics[5].realised_return) + 3);
}

TEST_CASE("PETS: settings that make no sense are refused") {
  CHECK_THROWS_AS(Run(1, 1, 0, {8}, 1, {}, 5), Error);
}

TEST_CASE("PETS: why the simulation broke down is told, and its step is not learned from") {
  struct Listener : Stopper {
    std::vector<std::string> faults{};
    void on_progress(const PetsProgress& progress) { faults.push_back(progress.fault); }
  };
  RunOf<Fragile> run(1, 1, 1, {8}, 1, {}, 5);
  Listener listener{{.stop_at = 7}};
  REQUIRE_FALSE(run.pets.run(listener));
  std::vector<std::string> expected(7);
  expected.back() = "worn out";
  CHECK(listener.faults == expected);
  CHECK(run.pets.buffer().size() == 6);
}
