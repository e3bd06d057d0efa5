// Environments stepped together: what each does alone, in one buffer, on any number of threads.
#include "mbrl/run/vector_collector.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/env/classic/cartpole.hpp"
#include "mbrl/env/classic/pendulum.hpp"

namespace mbrl {
namespace {

constexpr int kEnvironments = 3;

struct Together {
  explicit Together(int threads, std::size_t capacity = 5000)
      : pool(threads),
        envs(make()),
        buffer(4, 1, capacity, kEnvironments),
        collectors(envs, buffer, 7, pool) {}

  static std::vector<AnyEnvironment> make() {
    std::vector<AnyEnvironment> all;
    for (int k = 0; k < kEnvironments; ++k) all.emplace_back(CartPole());
    return all;
  }
  // Pushes that let the pole fall sooner or later: a function of the environment's number and the step.
  static Vecd push(int k, int t) { return Vecd::Constant(1, (t / (2 + k)) % 2); }

  int step() {
    collectors.begin_where_ended([this](int k) { begun.push_back(k); });
    return collectors.step(
        [](const Collector<AnyEnvironment>& c, int k, std::int64_t) { return push(k, c.t()); });
  }

  ThreadPool pool;
  std::vector<AnyEnvironment> envs;
  TransitionBuffer buffer;
  VectorCollector collectors;
  std::vector<int> begun;
};

}  // namespace

TEST_CASE("vector collector: every environment's episodes are those it has alone") {
  Together together(2);
  std::vector<std::uint32_t> number(kEnvironments);  // of the episode that is under way in each
  std::uint32_t begun = 0;
  std::vector<CartPole> twins(kEnvironments);
  std::vector<Vecd> obs(kEnvironments);
  std::vector<int> t(kEnvironments, -1);  // no episode
  std::size_t row = 0, ends = 0;
  for (int round = 0; round < 200; ++round) {
    for (std::size_t k = 0; k < twins.size(); ++k)
      if (t[k] < 0) {
        obs[k] = twins[k].reset(episode_seed(7, begun++));
        t[k] = 0;
      }
    REQUIRE(together.step() == kEnvironments);
    std::vector<int> ended;
    for (std::size_t k = 0; k < twins.size(); ++k, ++row) {
      const StepResult expected = twins[k].step(Together::push(static_cast<int>(k), t[k]));
      REQUIRE(together.buffer.obs(row) == obs[k].cast<float>());
      REQUIRE(together.buffer.next_obs(row) == expected.obs.cast<float>());
      REQUIRE(together.buffer.terminated(row) == expected.terminated);
      REQUIRE(together.buffer.step(row) == static_cast<std::uint32_t>(t[k]));
      obs[k] = expected.obs;
      ++t[k];
      if (!expected.terminated && !expected.truncated) continue;
      ended.push_back(static_cast<int>(k));
      const auto episode = together.collectors[static_cast<int>(k)].ended_episode();
      REQUIRE(episode.has_value());
      REQUIRE(episode->obs.cols() == t[k]);
      for (Index i = 1; i < episode->obs.cols(); ++i)
        REQUIRE(episode->obs.col(i) == episode->next_obs.col(i - 1));
      t[k] = -1;
    }
    REQUIRE(together.collectors.ended() == ended);
    ends += ended.size();
  }
  CHECK(ends > 20);
  CHECK(together.collectors.episodes() == static_cast<std::int64_t>(ends));
  CHECK(together.collectors.steps() == 200 * kEnvironments);
  CHECK(together.begun.size() == begun);
  const RunProgress progress = together.collectors.progress(100, 5);
  CHECK(progress.steps == 200 * kEnvironments);
  CHECK(progress.phase == RunPhase::kActing);
}

TEST_CASE("vector collector: the same on any number of threads, and when it is taken up again") {
  const auto state = [](const Together& t) {
    StateDict out;
    t.buffer.save(out, "buffer.");
    t.collectors.save(out, "");
    return out;
  };
  Together one(1), four(4);
  for (int round = 0; round < 90; ++round) {
    one.step();
    four.step();
  }
  CHECK(state(one).arrays == state(four).arrays);

  const StateDict saved = state(one);
  Together again(2);
  again.buffer.load(saved, "buffer.");
  again.collectors.load(saved, "", "test");
  CHECK(again.collectors.steps() == one.collectors.steps());
  for (int round = 0; round < 90; ++round) {
    one.step();
    again.step();
  }
  CHECK(state(one).arrays == state(again).arrays);

  std::vector<AnyEnvironment> two = Together::make();
  two.pop_back();
  ThreadPool pool(1);
  TransitionBuffer buffer(4, 1, 100, 2);
  VectorCollector fewer(two, buffer, 7, pool);
  CHECK_THROWS_WITH(fewer.load(saved, "", "test"), Catch::Contains("more environments than 2"));
  StateDict of_two;
  fewer.begin_where_ended([](int) {});
  fewer.save(of_two, "");
  CHECK_THROWS_WITH(again.collectors.load(of_two, "", "test"), Catch::Contains("2 environments, expected 3"));
  TransitionBuffer narrow(4, 1, 100);
  CHECK_THROWS_WITH(VectorCollector(two, narrow, 7, pool), Catch::Contains("lanes"));
}

TEST_CASE("vector collector: steps beyond the budget go on where episodes are under way alone") {
  Together together(1);
  together.step();
  while (together.collectors.running()) {
    const std::int64_t before = together.collectors.steps();
    int under_way = 0;
    for (int k = 0; k < kEnvironments; ++k) under_way += together.collectors[k].running() ? 1 : 0;
    std::int64_t expected = before;
    const int stored =
        together.collectors.step([&](const Collector<AnyEnvironment>& c, int k, std::int64_t step) {
          CHECK(step == expected++);
          return Together::push(k, c.t());
        });
    CHECK(stored == under_way);
    CHECK(together.collectors.steps() == before + under_way);
  }
  CHECK(together.collectors.episodes() == kEnvironments);
}

}  // namespace mbrl
