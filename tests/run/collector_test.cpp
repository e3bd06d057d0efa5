// The collector: what an episode leaves in the buffer, where it ends, and that it can be taken up again.
#include "mbrl/run/collector.hpp"

#include <cstdint>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/env/classic/cartpole.hpp"
#include "mbrl/env/classic/pendulum.hpp"

namespace mbrl {
namespace {

// Its simulation breaks down in the fifth step of an episode.
struct Fragile : Pendulum {
  StepResult step(ConstVecRef<double> action) {
    StepResult result = Pendulum::step(action);
    if (Pendulum::state().back() == 5) {
      result.fault = "worn out";
      result.terminated = true;
      result.reward = 0;
    }
    return result;
  }
};

// Without a time limit.
struct Endless : Pendulum {
  Endless() { spec_.max_steps = 0; }
  const EnvSpec& spec() const { return spec_; }
  StepResult step(ConstVecRef<double> action) {
    StepResult result = Pendulum::step(action);
    result.truncated = false;
    return result;
  }

 private:
  EnvSpec spec_ = Pendulum().spec();
};

const Vecd kPush = Vecd::Constant(1, 0.5);

template <class Env>
TransitionBuffer buffer_for(const Env& env) {
  return {env.spec().obs_dim, env.spec().action_dim(), 1000};
}

TEST_CASE("collector: an episode is in the buffer as the environment gives it") {
  Pendulum env, twin;
  TransitionBuffer buffer = buffer_for(env);
  Collector collector(env, buffer, 3, 12);
  CHECK(collector.limit() == 12);
  for (std::uint32_t episode = 0; episode < 2; ++episode) {
    Vecd obs = twin.reset(episode_seed(3, episode));
    CHECK(collector.begin(episode) == obs);
    double total = 0;
    for (int t = 0; t < 12; ++t) {
      REQUIRE(collector.running());
      CHECK(collector.step(kPush));
      const StepResult expected = twin.step(kPush);
      const std::size_t row = buffer.size() - 1;
      CHECK(buffer.obs(row) == obs.cast<float>());
      CHECK(buffer.next_obs(row) == expected.obs.cast<float>());
      CHECK(buffer.reward(row) == static_cast<float>(expected.reward));
      CHECK(buffer.truncated(row) == (t == 11));
      CHECK_FALSE(buffer.terminated(row));
      CHECK(collector.reward() == expected.reward);
      obs = expected.obs;
      total += expected.reward;
    }
    CHECK_FALSE(collector.running());
    CHECK(collector.total() == total);
    CHECK_THROWS_AS(collector.step(kPush), Error);
  }
  CHECK(collector.steps() == 24);
  CHECK(buffer.episodes() == std::vector<EpisodeRange>{{0, 12}, {12, 12}});
}

TEST_CASE("collector: the earlier of two limits ends an episode, or the caller one without any") {
  Pendulum pendulum;
  Endless endless;
  TransitionBuffer buffer = buffer_for(pendulum);
  CHECK(Collector(pendulum, buffer, 1).limit() == 200);
  CHECK(Collector(pendulum, buffer, 1, 300).limit() == 200);
  CHECK(Collector(endless, buffer, 1, 30).limit() == 30);
  Collector collector(endless, buffer, 1);
  CHECK(collector.limit() == 0);
  collector.begin(0);
  for (int t = 0; t < 150; ++t) collector.step(kPush);
  CHECK(collector.running());
  collector.step(kPush, true);
  CHECK_FALSE(collector.running());
  CHECK(buffer.truncated(buffer.size() - 1));
  CHECK_FALSE(collector.position().terminated);
}

TEST_CASE(
    "collector: a failed simulation ends the episode and is not learned from, nor is what is not kept") {
  Fragile env;
  TransitionBuffer buffer = buffer_for(env);
  Collector collector(env, buffer, 1);
  collector.begin(0);
  for (int t = 0; t < 4; ++t) CHECK(collector.step(kPush));
  CHECK_FALSE(collector.step(kPush));
  CHECK(collector.fault() == "worn out");
  CHECK(collector.position().terminated);
  CHECK(buffer.size() == 4);
  collector.begin(1);
  CHECK(collector.fault().empty());
  CHECK_FALSE(collector.step(kPush, false, false));
  CHECK(collector.step(kPush));
  CHECK(buffer.size() == 5);
  CHECK(buffer.episodes() == std::vector<EpisodeRange>{{0, 4}, {4, 1}});
  CHECK(collector.steps() == 7);
}

TEST_CASE("collector: of a choice the nearest is executed and remembered") {
  CartPole env;
  TransitionBuffer buffer = buffer_for(env);
  Collector collector(env, buffer, 1);
  collector.begin(0);
  collector.step(Vecd::Constant(1, 0.8));
  CHECK(buffer.action(0)(0) == 1.0f);
  int right = 0;
  for (std::uint32_t episode = 1; episode < 20; ++episode) {
    collector.begin(episode);
    while (collector.running()) {
      collector.random_step(episode, static_cast<std::uint32_t>(collector.t()));
      const float action = buffer.action(buffer.size() - 1)(0);
      REQUIRE((action == 0.0f || action == 1.0f));
      right += action == 1.0f ? 1 : 0;
    }
  }
  const auto n = static_cast<int>(buffer.size());
  CHECK(right > n / 3);
  CHECK(right < 2 * n / 3);
}

TEST_CASE("collector: an episode taken up again goes on as if it had not been left") {
  Pendulum whole_env, first_env, second_env;
  TransitionBuffer whole = buffer_for(whole_env), part = whole, rest = whole;
  Collector uninterrupted(whole_env, whole, 7), first(first_env, part, 7), second(second_env, rest, 7);
  uninterrupted.begin(4);
  first.begin(4);
  for (std::uint32_t t = 0; t < 20; ++t) {
    uninterrupted.random_step(4, t);
    if (t < 9) first.random_step(4, t);
  }
  StateDict dict;
  first.save(dict, "c.");
  second.load(dict, "c.", first.steps(), first.position());
  CHECK(second.t() == 9);
  for (std::uint32_t t = 9; t < 20; ++t) second.random_step(4, t);
  CHECK(second.obs() == uninterrupted.obs());
  CHECK(second.total() == uninterrupted.total());
  CHECK(second.steps() == 20);

  dict.put("c.obs", std::vector<double>(7));
  CHECK_THROWS_AS(second.load(dict, "c.", 0, {}), Error);
}

}  // namespace
}  // namespace mbrl
