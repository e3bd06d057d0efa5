// What every registered algorithm owes to the program: it stops at any safe point and continues exactly, its
// numbers do not depend on threads, acting changes nothing, and settings that make no sense are refused.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "algorithms/analytic_registries.hpp"
#include "algorithms/conformance_cases.hpp"
#include "catch.hpp"
#include "mbrl/planning/sampling/cem.hpp"

using namespace mbrl;

namespace {

RunConfiguration configuration(const Case& c) {
  RunConfiguration run{.algorithm = c.name, .environment = c.environment, .seed = 5, .eval = {}, .own = {}};
  run.own = analytic_registries().algorithms.at(c.name).defaults(
      analytic_registries().environments.spec(c.environment));
  for (const std::string& assignment : c.settings) set_assignment(run, assignment);
  return run;
}

// Stops at the n-th safe point; never for n = 0.
struct CheckingStopper : RunObserver {
  explicit CheckingStopper(int at = 0) : stop_at(at) {}
  int stop_at, safe_points = 0, rounds = 0;
  bool round_open = false;
  std::int64_t steps = 0;
  void on_progress(const RunProgress& progress) override {
    CHECK(progress.steps >= steps);
    steps = progress.steps;
  }
  void on_round(const MetricTable& metrics, const RoundReport&) override {
    CHECK(static_cast<int>(metrics.rows()) == ++rounds);
    round_open = true;
  }
  bool on_safe_point(bool round_over) override {
    CHECK(round_over >= round_open);  // the first after a round says that it is over
    round_open = false;
    return ++safe_points != stop_at;
  }
};

// The table without its wall-clock columns, as text.
std::string numbers(const MetricTable& table) {
  std::string text;
  for (std::size_t c = 0; c < table.columns().size(); ++c) {
    if (table.columns()[c].wall_clock) continue;
    text += table.columns()[c].name;
    for (std::size_t r = 0; r < table.rows(); ++r) text += " " + std::to_string(table.row(r)[c]);
    text += "\n";
  }
  return text;
}

std::string whole(const Case& c, int threads) {
  ThreadPool pool(threads);
  AnyAlgorithm algorithm = make_algorithm(configuration(c), analytic_registries(), pool);
  CheckingStopper never;
  REQUIRE(algorithm.run(never));
  REQUIRE(algorithm.metrics().rows() > 0);
  CHECK(std::isfinite(algorithm.metrics().last("return")));
  CHECK(never.steps == static_cast<std::int64_t>(algorithm.metrics().last("step")));
  return numbers(algorithm.metrics());
}

}  // namespace

TEST_CASE("algorithms: every built-in one is in this suite") {
  std::vector<std::string> names;
  for (const Case& c : cases())
    if (names.empty() || names.back() != c.name) names.push_back(c.name);
  CHECK(names == analytic_registries().algorithms.names());
}

TEST_CASE("algorithms: rows of what learns from replay or in a model say where the time went") {
  for (const Case& c : cases()) {
    INFO(c.name);
    ThreadPool pool(1);
    const auto begun = std::chrono::steady_clock::now();
    AnyAlgorithm algorithm = make_algorithm(configuration(c), analytic_registries(), pool);
    RunObserver silent;
    REQUIRE(algorithm.run(silent));
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begun;
    const MetricTable& table = algorithm.metrics();
    const auto is = [&](std::initializer_list<const char*> names) {
      return std::find(names.begin(), names.end(), c.name) != names.end();
    };
    const bool in_model =
        is({"mbpo", "mopo", "mve", "steve", "dhmbpo", "svg", "me-trpo", "slbo", "mb-mpo", "rl2"});
    const bool offline = is({"cql", "mopo"});
    if (!in_model && !offline && !is({"sac", "td3", "ddpg", "dyna", "ppo", "trpo"})) continue;
    const auto sum = [&](const char* column) {
      double all = 0;
      for (const double seconds : table.column(column)) {
        CHECK(seconds >= 0);
        all += seconds;
      }
      return all;
    };
    CHECK((sum("collect_s") > 0) == !offline);
    CHECK((sum("model_s") > 0) == in_model);
    CHECK(sum("learn_s") > 0);
    CHECK(sum("collect_s") + sum("model_s") + sum("learn_s") + sum("other_s") <= passed.count());
  }
}

TEST_CASE("algorithms: the number of threads changes no number") {
  for (const Case& c : cases()) CHECK(whole(c, 1) == whole(c, 3));
}

TEST_CASE("algorithms: stopped at any safe point and loaded, they continue exactly") {
  for (const Case& c : cases()) {
    INFO(c.name);
    const std::string expected = whole(c, 1);
    for (const int stop_at : {1, 17, 40, 41, 66, 80, 81, 119}) {
      StateDict state;
      ThreadPool pool(1);
      {
        AnyAlgorithm first = make_algorithm(configuration(c), analytic_registries(), pool);
        CheckingStopper stopper(stop_at);
        if (first.run(stopper)) break;  // fewer safe points than that
        CHECK(stopper.safe_points == stop_at);
        first.save(state, "x.");
      }
      AnyAlgorithm second = make_algorithm(configuration(c), analytic_registries(), pool);
      second.load(state, "x.");
      RunObserver silent;
      REQUIRE(second.run(silent));
      CHECK(numbers(second.metrics()) == expected);
    }
  }
}

TEST_CASE("algorithms: acting with what was learned changes no number of the learning") {
  // The actions of the first steps of an episode.
  const auto actions_of = [](AnyActor actor, const Case& c) {
    AnyEnvironment env = analytic_registries().environments.make(c.environment);
    std::vector<double> actions;
    Vecd obs = env.reset(9);
    actor.begin(9);
    for (int t = 0; t < 3; ++t) {
      actions.push_back(actor.act(obs, t)(0));
      obs = env.step(Vecd::Constant(env.spec().action_dim(), actions.back())).obs;
    }
    return actions;
  };
  // Acts at the end of every round.
  struct Acting : CheckingStopper {
    std::function<void()> act{};
    void on_round(const MetricTable& metrics, const RoundReport& report) override {
      CheckingStopper::on_round(metrics, report);
      act();
    }
  };
  for (const Case& c : cases()) {
    INFO(c.name);
    ThreadPool pool(2);
    AnyAlgorithm algorithm = make_algorithm(configuration(c), analytic_registries(), pool);
    Acting acting;
    std::vector<double> last;
    acting.act = [&] { last = actions_of(algorithm.actor(), c); };
    REQUIRE(algorithm.run(acting));
    CHECK(numbers(algorithm.metrics()) == whole(c, 1));

    // From a checkpoint alone it acts the same.
    StateDict state;
    algorithm.save(state, "x.");
    AnyActor loaded = analytic_registries().algorithms.at(c.name).load_actor(
        configuration(c).own,
        {[&] { return analytic_registries().environments.make(c.environment); }, pool, 5}, state, "x.");
    CHECK(actions_of(std::move(loaded), c) == last);
  }
}

TEST_CASE("algorithms: a planner of the user's own is chosen by name") {
  OwnPlanners planners;
  planners.add("wide", CemSettings{},
               [](auto& rollout, const ActionBounds& bounds, const CemSettings& s, std::uint64_t seed) {
                 return Cem(rollout, bounds, s, seed);
               });
  Registries own;
  own.environments = analytic_registries().environments;
  register_built_in_algorithms(own.algorithms, {}, planners);
  const auto pets =
      std::find_if(cases().begin(), cases().end(), [](const Case& c) { return c.name == "pets"; });
  const auto run = [&](const std::vector<std::string>& settings) {
    RunConfiguration c = configuration(*pets);
    c.own = own.algorithms.at("pets").defaults(Pendulum().spec());
    for (const std::string& assignment : pets->settings) set_assignment(c, assignment);
    for (const std::string& assignment : settings) set_assignment(c, assignment);
    ThreadPool pool(1);
    AnyAlgorithm algorithm = make_algorithm(c, own, pool);
    RunObserver silent;
    REQUIRE(algorithm.run(silent));
    return numbers(algorithm.metrics());
  };
  // The library's CEM under another name.
  const std::string named = run({"planner.name=wide", "planner.wide.population=16", "planner.wide.elites=4"});
  CHECK(named == run({"planner.name=cem", "planner.cem.population=16", "planner.cem.elites=4"}));
  CHECK(named != run({}));
  CHECK_THROWS_WITH(run({"planner.name=wid"}), Catch::Contains("no planner named 'wid'"));
  CHECK_THROWS_WITH(run({"planner.wide.populaton=3"}), Catch::Contains("planner.wide.population"));
}

TEST_CASE("algorithms: nonsense is refused before anything is made") {
  for (const Case& c : cases()) {
    INFO(c.name);
    RunConfiguration wrong = configuration(c);
    set_assignment(wrong, c.nonsense);
    ThreadPool pool(1);
    CHECK_THROWS_AS(make_algorithm(wrong, analytic_registries(), pool), Error);
    AnyAlgorithm algorithm = make_algorithm(configuration(c), analytic_registries(), pool);
    CHECK(algorithm.environment().spec().name == c.environment);
    CHECK(algorithm.metrics().rows() == 0);
  }
}
