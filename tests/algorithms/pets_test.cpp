// The PETS loop on the pendulum: it learns, it can be stopped anywhere, and threads do not change it.
#include "mbrl/algorithms/planning/pets.hpp"

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/planning/sampling/icem.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"

namespace {

using namespace mbrl;
using TestPlanner = ICem<EnsembleRollout>;

// Stops at the n-th safe point; never for n = 0.
struct Stopper : RunObserver {
  explicit Stopper(int at = 0) : stop_at(at) {}
  int stop_at = 0;
  int safe_points = 0;
  bool on_safe_point(bool) override { return ++safe_points != stop_at; }
};

// The plans of the last trial, as the round's table has them: t, predicted, realised, replayed.
struct PlanListener : Stopper {
  std::vector<std::vector<double>> plans{};
  void on_round(const MetricTable&, const RoundReport& report) override {
    REQUIRE(report.tables.size() == 1);
    plans = report.tables[0].rows;
  }
  int known() const {
    int n = 0;
    for (const auto& plan : plans) n += std::isfinite(plan[2]) ? 1 : 0;
    return n;
  }
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

// No time limit; ends every 30th step of an episode where `falls`.
template <bool falls>
struct Endless : Pendulum {
  Endless() { spec_.max_steps = 0; }
  const EnvSpec& spec() const { return spec_; }
  StepResult step(ConstVecRef<double> action) {
    StepResult result = Pendulum::step(action);
    const double t = Pendulum::state().back();
    result.truncated = false;
    result.terminated = falls && std::fmod(t, 30) == 0;
    return result;
  }

 private:
  EnvSpec spec_ = Pendulum().spec();
};

template <class Env>
struct RunOf {
  RunOf(int threads, std::uint64_t seed, int trials, std::vector<int> hidden, int epochs, ICemSettings icem,
        int horizon)
      : RunOf(threads, seed, PetsSettings{.trials = trials}, std::move(hidden), epochs, icem, horizon) {}
  RunOf(int threads, std::uint64_t seed, const PetsSettings& loop, std::vector<int> hidden, int epochs,
        ICemSettings icem, int horizon)
      : pool(threads),
        model(MlpEnsemble::create({.members = 3, .hidden = std::move(hidden)}, env.spec().encoding, 1, seed)),
        trainer({.epochs = epochs}, pool, seed),
        evaluator(model, env.spec().reward, env.spec().termination, {.horizon = horizon, .particles = 3},
                  pool, seed),
        controller(TestPlanner(evaluator, {env.spec().action_low, env.spec().action_high}, icem, seed)),
        pets(env, model, trainer, evaluator, controller, pool, loop, seed) {}

  ThreadPool pool;
  Env env;
  MlpEnsemble model;
  NativeTrainer trainer;
  EnsembleRollout evaluator;
  Mpc<TestPlanner> controller;
  Pets<Env, MlpEnsemble, NativeTrainer, EnsembleRollout, TestPlanner> pets;
};
using PendulumRun = RunOf<Pendulum>;

template <class Env = Pendulum>
std::unique_ptr<RunOf<Env>> small_pets(int threads, const PetsSettings& loop = {.trials = 2}) {
  return std::make_unique<RunOf<Env>>(threads, 5, loop, std::vector<int>{16, 16}, 3,
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
  auto one = small_pets(1);
  REQUIRE(one->pets.run(never));
  for (const int threads : {2, 3}) {
    auto other = small_pets(threads);
    REQUIRE(other->pets.run(never));
    CHECK(reproducible(one->pets.trials()) == reproducible(other->pets.trials()));
  }
}

TEST_CASE("PETS: the table of metrics holds the trials and, as its baseline, the random episodes") {
  auto run = small_pets(1);
  REQUIRE(run->pets.run());
  const MetricTable& table = run->pets.metrics();
  REQUIRE(table.rows() == 2);
  CHECK(table.round_name() == "trial");
  for (std::size_t r = 0; r < 2; ++r) {
    CHECK(table.at(r, "return") == run->pets.trials()[r].episode_return);
    CHECK(table.at(r, "plan_p99_s") == run->pets.trials()[r].plan_p99_s);
  }
  REQUIRE(table.baseline());
  CHECK((*table.baseline())[table.index("return")] == run->pets.baseline()->episode_return);
  for (const MetricColumn& column : table.columns())
    CHECK(column.wall_clock == (column.name == "train_s" || column.name == "act_s" ||
                                column.name == "plan_p50_s" || column.name == "plan_p99_s" ||
                                column.name == "steps_per_s"));
}

TEST_CASE("PETS: a run stopped anywhere and loaded elsewhere continues exactly") {
  Stopper never;
  auto whole = small_pets(1);
  REQUIRE(whole->pets.run(never));
  REQUIRE(whole->pets.trials().size() == 2);
  // Inside the random trial, at its end, inside and at the end of the planned trials.
  for (const int stop_at : {1, 77, 200, 201, 333, 400, 401, 599}) {
    auto first = small_pets(2);
    Stopper stopper(stop_at);
    REQUIRE(!first->pets.run(stopper));
    StateDict state;
    first->pets.save(state, "");
    auto second = small_pets(1);
    second->pets.load(state, "");
    REQUIRE(second->pets.run(never));
    CHECK(reproducible(second->pets.trials()) == reproducible(whole->pets.trials()));
  }
}

TEST_CASE("PETS: learns to swing up the pendulum") {
  Stopper never;
  PendulumRun run(2, 1, 6, {64, 64}, 15, {.population = 64, .elites = 8, .iterations = 3}, 20);
  REQUIRE(run.pets.run(never));
  const auto& metrics = run.pets.trials();
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
  CHECK_THROWS_AS(PendulumRun(1, 1, 0, {8}, 1, {}, 5), Error);
}

TEST_CASE("PETS: why the simulation broke down is told, and its step is not learned from") {
  struct Listener : Stopper {
    using Stopper::Stopper;
    std::vector<std::string> faults{};
    void on_progress(const RunProgress& progress) override { faults.push_back(progress.fault); }
  };
  RunOf<Fragile> run(1, 1, 1, {8}, 1, {}, 5);
  Listener listener(7);
  REQUIRE_FALSE(run.pets.run(listener));
  std::vector<std::string> expected(7);
  expected.back() = "worn out";
  CHECK(listener.faults == expected);
  CHECK(run.pets.buffer().size() == 6);
}

TEST_CASE("PETS: a budget in steps, with trainings within episodes, is kept over a stop anywhere") {
  Stopper never;
  const PetsSettings loop{.steps = 700, .random_steps = 250, .train_every = 60};
  auto whole = small_pets(1, loop);
  REQUIRE(whole->pets.run(never));
  // Two random episodes of 200 steps, then whole episodes until 700 steps are done.
  REQUIRE(whole->pets.trials().size() == 2);
  CHECK(whole->pets.trials()[1].step == 800);
  CHECK(whole->pets.buffer().size() == 800);
  CHECK(whole->pets.trials()[0].train_epochs == 4 * 3);  // before steps 0, 60, 120 and 180
  REQUIRE(whole->pets.baseline());
  CHECK(whole->pets.baseline()->step == 400);
  CHECK(whole->pets.baseline()->trial == 0);
  double random_return = 0;
  for (std::size_t row = 0; row < 400; ++row)
    random_return += static_cast<double>(whole->pets.buffer().reward(row));
  CHECK(whole->pets.baseline()->episode_return == Approx(random_return / 2));

  for (const int stop_at : {300, 400, 459, 460, 461, 599, 600, 655}) {
    auto first = small_pets(2, loop);
    Stopper stopper(stop_at);
    REQUIRE(!first->pets.run(stopper));
    StateDict state;
    first->pets.save(state, "");
    auto second = small_pets(1, loop);
    second->pets.load(state, "");
    REQUIRE(second->pets.run(never));
    CHECK(reproducible(second->pets.trials()) == reproducible(whole->pets.trials()));
    CHECK(second->pets.baseline()->episode_return == whole->pets.baseline()->episode_return);
  }
}

TEST_CASE("PETS: a stop asked for while training within an episode keeps the steps before it") {
  struct Asker : Stopper {
    int epochs = 0;
    bool stop = false;
    void on_progress(const RunProgress& p) override {
      stop = p.phase == RunPhase::kTraining && ++epochs == 5;  // in the second training
    }
    bool stop_requested() override { return stop; }
    bool on_safe_point(bool) override {
      ++safe_points;
      return !stop;
    }
  };
  Stopper never;
  const PetsSettings loop{.trials = 1, .train_every = 60};
  auto whole = small_pets(1, loop);
  REQUIRE(whole->pets.run(never));
  auto first = small_pets(1, loop);
  Asker asker;
  REQUIRE(!first->pets.run(asker));
  CHECK(asker.safe_points == 200 + 60 + 1);  // the last after the training was undone
  StateDict state;
  first->pets.save(state, "");
  auto second = small_pets(1, loop);
  second->pets.load(state, "");
  REQUIRE(second->pets.run(never));
  CHECK(reproducible(second->pets.trials()) == reproducible(whole->pets.trials()));
}

TEST_CASE("PETS: environments without a time limit") {
  Stopper never;
  CHECK(contains(error_of([] { small_pets<Endless<false>>(1); }), "has no time limit; set pets.trial_steps"));
  // Cut into trials.
  auto cut = small_pets<Endless<false>>(1, {.trials = 2, .trial_steps = 50});
  REQUIRE(cut->pets.run(never));
  CHECK(cut->pets.buffer().size() == 150);
  CHECK(cut->pets.buffer().truncated(49));
  CHECK(cut->pets.trials()[1].step == 150);
  // One trial until the budget is spent.
  auto one = small_pets<Endless<false>>(1, {.steps = 170, .random_steps = 60, .train_every = 40});
  REQUIRE(one->pets.run(never));
  REQUIRE(one->pets.trials().size() == 1);
  CHECK(one->pets.trials()[0].step == 170);
  CHECK(one->pets.trials()[0].terminated == 0);
}

TEST_CASE("PETS: a termination makes the return of the last plans known") {
  Stopper never;
  PlanListener ended, cut;
  auto falls = small_pets<Endless<true>>(1, {.trials = 1, .trial_steps = 100});
  REQUIRE(falls->pets.run(ended));
  const TrialMetrics& m = falls->pets.trials()[0];
  CHECK(m.terminated == 1);
  CHECK(m.plans == 30);
  CHECK(ended.known() == 30);  // of a horizon of 8: the last 7 end with the episode
  CHECK(m.plans_judged + m.plans_unusable == 30);

  // A time limit hides what would have followed.
  auto limited = small_pets<Endless<false>>(1, {.trials = 1, .trial_steps = 30});
  REQUIRE(limited->pets.run(cut));
  CHECK(limited->pets.trials()[0].plans == 30);
  CHECK(cut.known() == 23);
}

TEST_CASE("PETS: plans against what came of them") {
  TrialRecord record;
  record.rewards = {1, 2, 4, 8};
  record.plan_t = {0, 1, 2, 3};
  record.plan_predicted = {3, std::nan(""), 10, 20};
  record.plan_seconds = {0, 0, 0, 0};
  record.plan_replayed = {2, TrialMetrics::kNone, TrialMetrics::kNone, 5};
  TrialMetrics cut, ended;
  report_plans(record, 2, false, {}, cut);
  CHECK(cut.plans == 4);
  CHECK(cut.plans_unusable == 1);
  CHECK(cut.plans_judged == 2);
  CHECK(cut.predicted_return == 6.5);
  CHECK(cut.realised_return == (3 + 12) / 2.0);
  CHECK(cut.replay_predicted == 11.5);
  CHECK(cut.replay_realised == 3.5);
  report_plans(record, 2, true, {}, ended);
  CHECK(ended.plans_judged == 3);
  CHECK(ended.realised_return == Approx((3 + 12 + 8) / 3.0));
}

TEST_CASE("PETS: a replayed plan leaves the environment as it was, and repeats what open loop brings") {
  // Executed to its end without looking, a plan brings exactly what its replay brought.
  PendulumRun run(1, 5, PetsSettings{.trials = 1}, {16, 16}, 3,
                  {.population = 16, .elites = 4, .iterations = 2}, 8);
  Mpc<TestPlanner> open(TestPlanner(run.evaluator, {run.env.spec().action_low, run.env.spec().action_high},
                                    {.population = 16, .elites = 4, .iterations = 2}, 5),
                        {.open_loop = true});
  Pets<Pendulum, MlpEnsemble, NativeTrainer, EnsembleRollout, TestPlanner> pets(
      run.env, run.model, run.trainer, run.evaluator, open, run.pool, {.trials = 1}, 5);
  PlanListener listener;
  REQUIRE(pets.run(listener));
  REQUIRE(listener.plans.size() == 25);
  int replayed = 0;
  for (const auto& plan : listener.plans)
    if (std::isfinite(plan[3])) {
      ++replayed;
      CHECK(plan[3] == Approx(plan[2]).margin(1e-12));
    }
  CHECK(replayed == 3);
  CHECK(pets.trials()[0].replay_realised < 0);
}

TEST_CASE("metrics of other versions are read by the names of their columns") {
  StateDict state;
  std::vector<TrialMetrics> rows(2);
  rows[1].trial = 2;
  rows[1].steps_per_s = 7;
  rows[1].plans_judged = 5;
  TrialMetrics::save(rows, state, "metrics");
  CHECK(TrialMetrics::load(state, "metrics")[1].plans_judged == 5);
  // Before the columns had names.
  std::vector<double> old(2 * TrialMetrics::kFirstColumns.size(), 0.5);
  old.back() = 9;
  StateDict unnamed;
  unnamed.put("metrics", old);
  const auto read = TrialMetrics::load(unnamed, "metrics");
  REQUIRE(read.size() == 2);
  CHECK(read[1].steps_per_s == 9);
  CHECK(read[1].realised_return == 0.5);
  CHECK(std::isnan(read[1].plans_judged));
  // A later one's.
  state.metadata["metrics.columns"] = "trial,novelty";
  state.put("metrics", std::vector<double>{3, 100});
  CHECK(TrialMetrics::load(state, "metrics")[0].trial == 3);
  state.put("metrics", std::vector<double>{3, 100, 5});
  CHECK_THROWS_AS(TrialMetrics::load(state, "metrics"), Error);
}
