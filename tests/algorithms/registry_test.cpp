// Algorithms by name, and run folders read back with what is registered.
#include "mbrl/algorithms/registry.hpp"

#include <memory>
#include <string>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/algorithms/load_run.hpp"
#include "mbrl/env/classic/pendulum.hpp"

using namespace mbrl;

namespace {

struct TallySettings {
  std::int64_t steps = 30;
  int rounds = 0;
  double push = 0.25;
  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("steps", s.steps, "environment steps");
    field("rounds", s.rounds, "rounds");
    field("push", s.push, "every action");
  }
};

struct Pusher {
  double push;
  void begin(std::uint64_t) {}
  Vecd act(ConstVecRef<double>, int) const { return Vecd::Constant(1, push); }
};

// What it learns is how many rounds it has done: its actor pushes harder after each.
class Tally : public virtual Capability {
 public:
  Tally(const TallySettings& s, const AlgorithmContext& context)
      : settings(s), env(context.make_environment()) {}
  bool run(RunObserver& observer) {
    while (steps < settings.steps) {
      steps += 10;
      table.add({{"step", static_cast<double>(steps)}, {"return", 1}});
      observer.on_round(table, {});
      if (!observer.on_safe_point(true)) return false;
    }
    return true;
  }
  const MetricTable& metrics() const { return table; }
  AnyActor actor() const { return AnyActor(Pusher{settings.push * static_cast<double>(table.rows())}); }
  AnyEnvironment& environment() { return env; }
  void save(StateDict& out, const std::string& prefix) const {
    table.save(out, prefix + "metrics");
    out.put_scalar(prefix + "steps", steps);
  }
  void load(const StateDict& in, const std::string& prefix) {
    table.load(in, prefix + "metrics");
    steps = in.get_scalar<std::int64_t>(prefix + "steps");
  }

 private:
  TallySettings settings;
  AnyEnvironment env;
  std::int64_t steps = 0;
  MetricTable table = MetricTable::with();
};

struct Unasked : Capability {};

AlgorithmDescription<TallySettings> tally() {
  return {.name = "tally",
          .summary = "Counts.",
          .steps_key = "steps",
          .rounds_key = "rounds",
          .defaults = [](const EnvSpec& spec) { return TallySettings{.steps = 10 * spec.action_dim()}; },
          .presets = {{"hard", "pushes harder", [](const EnvSpec&) { return TallySettings{.push = 0.5}; }}},
          .check = [](const TallySettings& s, const EnvSpec&) { require(s.push <= 1, "tally: too hard"); },
          .make =
              [](const TallySettings& s, const AlgorithmContext& context) {
                return AnyAlgorithm(std::make_unique<Tally>(s, context));
              }};
}

Registries pendulum_and_tally() {
  Registries all;
  all.environments.add(Pendulum().spec(), [] { return AnyEnvironment(Pendulum()); });
  all.algorithms.add(tally());
  return all;
}

}  // namespace

TEST_CASE("AlgorithmRegistry: names, presets and budgets, with help for what is not known") {
  const Registries all = pendulum_and_tally();
  const EnvSpec spec = Pendulum().spec();
  CHECK(all.algorithms.names() == std::vector<std::string>{"tally"});
  const AlgorithmEntry& entry = all.algorithms.at("tally");
  CHECK_THROWS_WITH(all.algorithms.at("talley"), "unknown algorithm 'talley', did you mean 'tally'?");
  CHECK(entry.preset("", spec).get<TallySettings>().steps == 10);
  CHECK(entry.preset("hard", spec).get<TallySettings>().push == 0.5);
  CHECK_THROWS_WITH(entry.preset("hrd", spec), "--preset is 'hrd', did you mean 'hard'?");
  CHECK(entry.budget_keys() == std::vector<std::string>{"steps", "rounds"});
  CHECK(entry.budget(AnySettings(TallySettings{.steps = 7, .rounds = 2})).steps == 7);
  CHECK(entry.budget(AnySettings(TallySettings{.steps = 7, .rounds = 2})).rounds == 2);
  CHECK_FALSE(static_cast<bool>(entry.choose_device));
  CHECK(entry.environment == RunConfiguration().environment);
  AlgorithmRegistry maze;
  auto other = tally();
  other.environment = "DynaMaze";
  maze.add(std::move(other));
  CHECK(maze.at("tally").environment == "DynaMaze");
}

TEST_CASE("AlgorithmRegistry: what cannot be registered is refused") {
  Registries all = pendulum_and_tally();
  CHECK_THROWS_WITH(all.algorithms.add(tally()),
                    "AlgorithmRegistry: an algorithm named 'tally' is registered already");
  CHECK_THROWS_AS(all.algorithms.add_all(pendulum_and_tally().algorithms), Error);
  auto other = tally();
  other.name = "a tally";
  CHECK_THROWS_AS(all.algorithms.add(other), Error);
  other = tally();
  other.name = "fast";
  other.steps_key = "push";  // not a whole number
  CHECK_THROWS_AS(all.algorithms.add(other), Error);
  other = tally();
  other.name = "empty";
  other.make = {};
  CHECK_THROWS_AS(all.algorithms.add(other), Error);
}

TEST_CASE("AnyAlgorithm: capabilities are found by interface, and only those") {
  const Registries all = pendulum_and_tally();
  ThreadPool pool(1);
  const RunConfiguration c{
      .algorithm = "tally", .environment = "Pendulum-v1", .eval = {}, .own = AnySettings(TallySettings())};
  AnyAlgorithm algorithm = make_algorithm(c, all, pool);
  CHECK(algorithm.find<Capability>() != nullptr);
  CHECK(algorithm.find<Unasked>() == nullptr);
  RunConfiguration wrong = c;
  wrong.own.get<TallySettings>().push = 2;
  CHECK_THROWS_WITH(make_algorithm(wrong, all, pool), "tally: too hard");
}

TEST_CASE("a run folder gives its configuration, what acts, and the whole run") {
  const TemporaryFolder scratch;
  const Registries all = pendulum_and_tally();
  RunConfiguration c{.algorithm = "tally",
                     .environment = "Pendulum-v1",
                     .seed = 4,
                     .eval = {},
                     .own = AnySettings(TallySettings{.push = 0.125})};
  const auto path = scratch / "run";
  {
    const RunFolder folder = RunFolder::create(path, to_json_text(c));
    CHECK_THROWS_WITH(load_controller(path, all, {.threads = 1, .device = ""}),
                      Catch::Contains("has no checkpoint yet"));
    ThreadPool pool(1);
    AnyAlgorithm algorithm = make_algorithm(c, all, pool);
    RunObserver silent;
    REQUIRE(algorithm.run(silent));
    StateDict state;
    algorithm.save(state, checkpoint_prefix("tally"));
    RowShards rows = row_shards(folder);
    save_checkpoint(folder, "tally", {.rounds = 3, .steps = 30, .round_begun = false}, state, rows);
  }
  RunController controller = load_controller(path, all, {.threads = 1, .device = ""});
  CHECK(controller.configuration.seed == 4);
  CHECK(controller.environment.spec().name == "Pendulum-v1");
  controller.actor.begin(1);
  CHECK(controller.actor.act(Vecd::Zero(3), 0)(0) == 3 * 0.125);
  LoadedRun run = load_run(path, all, {.threads = 1, .device = ""});
  CHECK(run.algorithm.metrics().last("step") == 30);
  CHECK_THROWS_WITH(load_run(path, all, {.threads = 1, .device = "cpu"}),
                    Catch::Contains("tally has no choice of device"));
  const StateDict state = load_checkpoint(RunFolder::open(path), "tally");
  REQUIRE(position_in(state));
  CHECK(position_in(state)->steps == 30);
  CHECK_THROWS_WITH(load_checkpoint(RunFolder::open(path), "pets"),
                    Catch::Contains("not a checkpoint of pets"));
}
