// Episodes of an actor, and evaluations that can be stopped and are owed.
#include "mbrl/run/evaluation.hpp"

#include <cmath>

#include "catch.hpp"
#include "mbrl/env/classic/pendulum.hpp"

using namespace mbrl;

namespace {

// No torque, counting what it is asked.
struct Idle {
  int* acts;
  int* begins;
  void begin(std::uint64_t) { ++*begins; }
  Vecd act(ConstVecRef<double>, int t) {
    CHECK(t == *acts % 200);
    ++*acts;
    return Vecd::Zero(1);
  }
};

struct Bench {
  int acts = 0, begins = 0;
  AnyEnvironment env{Pendulum()};
  AnyActor actor{Idle{&acts, &begins}};
};

// What an idle pendulum earns from that seed, written out.
double idle_return(std::uint64_t seed) {
  Pendulum pendulum;
  pendulum.reset(seed);
  double total = 0;
  for (int t = 0; t < 200; ++t) total += pendulum.step(Vecd::Zero(1)).reward;
  return total;
}

}  // namespace

TEST_CASE("run_episode: the start is told, each step once, and the sum is the return") {
  Bench bench;
  std::vector<int> told;
  double sum = 0;
  const EpisodeResult episode =
      run_episode(bench.env, bench.actor, 3, [&](int done, const StepResult& step, double total) {
        told.push_back(done);
        sum += step.reward;
        CHECK(total == sum);
        return true;
      });
  CHECK(episode.over);
  CHECK(episode.steps == 200);
  CHECK(episode.total == idle_return(3));
  CHECK(bench.acts == 200);
  CHECK(bench.begins == 1);
  REQUIRE(told.size() == 201);
  CHECK(told.front() == 0);
  CHECK(told.back() == 200);
}

TEST_CASE("run_episode: it is cut off by whoever watches and by a number of steps") {
  Bench bench;
  const EpisodeResult cut =
      run_episode(bench.env, bench.actor, 3, [](int done, const StepResult&, double) { return done < 7; });
  CHECK_FALSE(cut.over);
  CHECK(cut.steps == 7);
  bench.acts = 0;
  const EpisodeResult limited = run_episode(bench.env, bench.actor, 3, {}, 12);
  CHECK_FALSE(limited.over);
  CHECK(limited.steps == 12);
}

TEST_CASE("Evaluations: due by steps, the same starts each time, joined to their rounds") {
  Bench bench;
  Evaluations evaluations({.every = 100, .episodes = 2}, 5);
  CHECK_FALSE(evaluations.due(99));
  CHECK(evaluations.due(100));
  REQUIRE(evaluations.evaluate(bench.env, bench.actor, 130, {}, {}));
  CHECK_FALSE(evaluations.due(229));
  CHECK(evaluations.due(230));
  bench.acts = 0;
  REQUIRE(evaluations.evaluate(bench.env, bench.actor, 260, {}, {}));

  MetricTable table = MetricTable::with();
  for (const double step : {65.0, 130.0, 195.0, 260.0}) table.add({{"step", step}, {"return", 0}});
  const std::vector<double> column = evaluations.joined(table).column("eval_return");
  CHECK(std::isnan(column[0]));
  CHECK(std::isnan(column[2]));
  CHECK(column[1] == column[3]);  // an idle actor learns nothing
  CHECK(column[1] < 0);

  StateDict state;
  evaluations.save(state);
  Evaluations other({.every = 100, .episodes = 2}, 5);
  other.load(state);
  CHECK(other.joined(table).csv() == evaluations.joined(table).csv());
  CHECK_FALSE(other.due(359));
}

TEST_CASE("Evaluations: one that is stopped is owed, and made when it is asked for again") {
  Bench bench;
  Evaluations evaluations({.every = 10, .episodes = 2}, 5);
  int asked = 0;
  CHECK_FALSE(evaluations.evaluate(bench.env, bench.actor, 10, {}, [&] { return ++asked > 250; }));
  CHECK(evaluations.owed());
  StateDict state;
  evaluations.save(state);
  Evaluations other({.every = 10, .episodes = 2}, 5);
  other.load(state);
  CHECK(other.owed());
  bench.acts = 0;
  CHECK(other.evaluate(bench.env, bench.actor, 10, {}, {}));
  CHECK_FALSE(other.owed());
  Evaluations none({}, 5);
  CHECK_FALSE(none.due(1000000));
  none.load(StateDict());
  CHECK_THROWS_AS(Evaluations({.every = 10, .episodes = 0}, 5), Error);
  CHECK_THROWS_AS(Evaluations({.every = -1}, 5), Error);
}
