// TD3 and DDPG against closed forms: a choice of one step, whose best action is known, and a discounted
// linear-quadratic problem; and what tells them apart.
#include "mbrl/learning/td3.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "allocation_counter.hpp"
#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "learning/replay_batches.hpp"

namespace mbrl {
namespace {

using testing::empty;
using testing::equal;
using testing::linear_quadratic;
using testing::one_step;
using testing::state_of;

Td3Settings small_td3(std::vector<int> hidden, bool ddpg = false) {
  Td3Settings s = ddpg ? ddpg_settings() : Td3Settings{};
  s.policy.hidden = s.critic.hidden = std::move(hidden);
  s.policy_adam.learning_rate = s.critic_adam.learning_rate = 3e-3;
  return s;
}

float acts(const Td3& td3, float obs) {
  Batchf action(1, 1), memory(0, 1);
  MlpPolicy::Workspace workspace;
  td3.policy().act(Batchf::Constant(1, 1, obs), memory, {}, action, workspace);
  return action(0, 0);
}

}  // namespace

TEST_CASE("td3: the policy of a single step is the best action, and so is ddpg's") {
  for (const bool ddpg : {false, true}) {
    CAPTURE(ddpg);
    ThreadPool pool(1);
    Td3 td3(1, ActionBounds::uniform(1, 0, 4), small_td3({32, 32}, ddpg), 1, pool);
    Td3Report report;
    for (std::uint32_t round = 0; round < 2000; ++round) report = td3.update(one_step(round, 128));
    CHECK(acts(td3, 0) == Approx(2 + 2 * 0.3).margin(0.06));
    CHECK(report.critic_loss < 0.05);
    CHECK(report.policy_loss == Approx(0).margin(0.2));
    Vecf q(1);
    td3.values(Batchf::Zero(1, 1), Batchf::Constant(1, 1, 1.0f), q);
    CHECK(q(0) == Approx(-10 * 0.64).margin(0.5));
  }
}

TEST_CASE("td3: a discounted linear-quadratic problem has its Riccati policy") {
  // s' = 0.9 s + 0.5 a, r = -(s^2 + 0.1 a^2), gamma 0.8: V = -p s^2, the best action is -K s.
  constexpr double gamma = 0.8;
  const testing::LinearQuadraticAnswer answer(gamma);
  for (const bool ddpg : {false, true}) {
    CAPTURE(ddpg);
    ThreadPool pool(1);
    Td3Settings settings = small_td3({64, 64}, ddpg);
    settings.critic.activation = settings.policy.activation = Activation::kSilu;
    settings.policy_adam.learning_rate = settings.critic_adam.learning_rate = 1e-3;
    settings.discount = gamma;
    settings.tau = 0.02;
    settings.target_noise = ddpg ? 0 : 0.02;
    Td3 td3(1, ActionBounds::uniform(1, -3, 3), settings, 1, pool);
    for (std::uint32_t round = 0; round < 4000; ++round) {
      td3.update(linear_quadratic(round, 128));
    }
    for (const float s : {-1.0f, -0.5f, 0.5f, 1.0f})
      CHECK(static_cast<double>(acts(td3, s)) == Approx(-answer.gain * static_cast<double>(s)).margin(0.15));
  }
}

TEST_CASE("td3: a terminated step is worth its reward, a truncated one what follows too") {
  ThreadPool pool(1);
  Transitions t = empty(2, 1, 16);
  t.reward.setLinSpaced(16, 0, 15);
  t.terminated.assign(16, 1);
  Td3 ended(2, ActionBounds::uniform(1, -1, 1), small_td3({16}), 1, pool);
  CHECK(ended.update(t).target == Approx(7.5));
  t.terminated.assign(16, 0);
  t.truncated.assign(16, 1);
  Td3 cut(2, ActionBounds::uniform(1, -1, 1), small_td3({16}), 1, pool);
  CHECK(std::abs(cut.update(t).target - 7.5) > 0.01);
}

TEST_CASE("td3: the target takes the smaller critic, at an action that was disturbed within bounds") {
  // Critics that are 5 and 3 everywhere; then one that is the scaled action.
  ThreadPool pool(1);
  Td3Settings settings = small_td3({});
  settings.tau = 1e-12;
  settings.discount = 1;
  Td3 td3(1, ActionBounds::uniform(1, 0, 4), settings, 1, pool);
  StateDict state = state_of(td3);
  const auto set_target = [&](int i, float of_action, float bias) {
    const std::string own = "critic" + std::to_string(i) + ".target.layers.0.";
    Batchf weight(1, 2);
    weight << 0.0f, of_action;
    state.put_matrix(own + "weight", weight);
    state.put_matrix(own + "bias", Batchf::Constant(1, 1, bias));
  };
  Transitions t = one_step(0, 256);
  t.terminated.assign(256, 0);
  t.reward.setZero();
  set_target(0, 0, 5);
  set_target(1, 0, 3);
  td3.load(state, "");
  CHECK(td3.update(t).target == Approx(3));

  // mu'(s) scaled is 1 at the upper bound: noise can only lower it, by half of |N(0, 0.2)| on average.
  set_target(0, 1, 0);
  set_target(1, 1, 0);
  state.put_matrix("policy_target.network.layers.0.weight", Batchf::Zero(1, 1));
  state.put_matrix("policy_target.network.layers.0.bias", Batchf::Constant(1, 1, 20.0f));
  td3.load(state, "");
  double mean = 0;
  for (int i = 0; i < 40; ++i) mean += td3.update(t).target / 40;
  CHECK(mean == Approx(1 - 0.5 * 0.2 * std::sqrt(2 / 3.14159265)).margin(0.004));
}

TEST_CASE("td3: policy and targets wait for the critics") {
  ThreadPool pool(1);
  Td3Settings settings = small_td3({16});
  settings.policy_delay = 3;
  Td3 td3(1, ActionBounds::uniform(1, 0, 4), settings, 1, pool);
  const std::string target = "critic0.target.layers.0.weight";
  auto policy = td3.policy().network().layer(0).bias;  // the observations are 0
  auto bytes = state_of(td3).arrays.at(target).bytes;
  for (int i = 1; i <= 6; ++i) {
    const Td3Report report = td3.update(one_step(static_cast<std::uint32_t>(i), 32));
    const bool moved = i % 3 == 0;
    CHECK(report.policy_moved == moved);
    CHECK((td3.policy().network().layer(0).bias != policy) == moved);
    CHECK((state_of(td3).arrays.at(target).bytes != bytes) == moved);
    policy = td3.policy().network().layer(0).bias;
    bytes = state_of(td3).arrays.at(target).bytes;
  }
}

TEST_CASE("td3: the number of threads changes no bit, nor does a stop") {
  for (const bool ddpg : {false, true}) {
    const Td3Settings settings = small_td3({32, 32}, ddpg);
    ThreadPool one(1), two(2), three(3);
    const ActionBounds bounds = ActionBounds::uniform(1, 0, 4);
    Td3 a(1, bounds, settings, 4, one), b(1, bounds, settings, 4, two), c(1, bounds, settings, 5, three);
    for (std::uint32_t round = 0; round < 5; ++round) {
      const Transitions batch = one_step(round, 300);
      const Td3Report x = a.update(batch), y = b.update(batch);
      CHECK(x.critic_loss == y.critic_loss);
      CHECK(x.policy_loss == y.policy_loss);
    }
    CHECK(equal(a, b));
    CHECK_FALSE(equal(a, c));
    Td3 loaded(1, bounds, settings, 4, three);
    loaded.load(state_of(a), "");
    for (std::uint32_t round = 5; round < 8; ++round) {
      a.update(one_step(round, 300));
      loaded.update(one_step(round, 300));
    }
    CHECK(equal(a, loaded));
  }
}

TEST_CASE("td3: numbers that are not finite are said and change no network") {
  ThreadPool pool(1);
  Td3 td3(1, ActionBounds::uniform(1, 0, 4), small_td3({16}), 1, pool);
  Transitions t = one_step(0, 32);
  t.reward(3) = std::numeric_limits<float>::quiet_NaN();
  const auto critic = td3.critic(0).layer(0).weight;
  CHECK_FALSE(td3.update(t).finite());
  CHECK(td3.critic(0).layer(0).weight == critic);
}

TEST_CASE("td3: targets that are given take the place of its own") {
  ThreadPool pool(1);
  const ActionBounds bounds = ActionBounds::uniform(1, 0, 4);
  Td3 own(1, bounds, small_td3({16}), 1, pool), given(1, bounds, small_td3({16}), 1, pool);
  for (std::uint32_t round = 0; round < 4; ++round) {
    const Transitions t = one_step(round, 150);  // terminated: y = r
    own.update(t);
    given.update(t, t.reward);
  }
  CHECK(equal(own, given));
  const Transitions t = one_step(0, 20);
  CHECK(given.update(t, Vecf::Constant(20, 3.0f)).target == Approx(3));
  CHECK(contains(error_of([&] { given.update(t, Vecf::Zero(19)); }), "targets"));
}

TEST_CASE("td3: the policy climbs at the first columns alone, and weight 0 is no column") {
  ThreadPool pool(1);
  const ActionBounds bounds = ActionBounds::uniform(1, 0, 4);
  const auto after = [&](float obs_behind, float reward_behind, float weight_behind, Index climbed) {
    Td3 td3(1, bounds, small_td3({16}, true), 1, pool);
    for (std::uint32_t round = 0; round < 3; ++round) {
      Transitions t = one_step(round, 300);
      t.weight = Vecf::Ones(300);
      t.weight.tail(160).setConstant(weight_behind);
      t.obs.rightCols(160).setConstant(obs_behind);
      t.reward.tail(160).setConstant(reward_behind);
      td3.update(t, climbed);
    }
    return state_of(td3);
  };
  const auto same = [](const StateDict& a, const StateDict& b) {
    return std::all_of(a.arrays.begin(), a.arrays.end(), [&](const auto& entry) {
      return b.arrays.at(entry.first).bytes == entry.second.bytes;
    });
  };
  CHECK(same(after(0, 1, 0, 140), after(2, 5, 0, 140)));
  CHECK_FALSE(same(after(0, 1, 0, 300), after(2, 5, 0, 300)));  // the policy sees them
  CHECK_FALSE(same(after(0, 1, 1, 140), after(0, 5, 1, 140)));  // the critic does
  Td3 td3(1, bounds, small_td3({16}), 1, pool);
  CHECK(contains(error_of([&] { td3.update(one_step(0, 8), Index{9}); }), "climbs at 9"));
  CHECK(contains(error_of([&] { td3.update(one_step(0, 8), Index{0}); }), "climbs at 0"));
}

TEST_CASE("td3: nothing is allocated in the steady state") {
  ThreadPool pool(2);
  Td3 td3(1, ActionBounds::uniform(1, 0, 4), small_td3({32, 32}), 1, pool);
  const Transitions t = one_step(0, 256);
  for (int i = 0; i < 4; ++i) td3.update(t);
  if (!test::can_count_allocations()) return;
  CHECK(test::allocations_during([&] {
          for (int i = 0; i < 4; ++i) td3.update(t);
        }) == 0);
}

TEST_CASE("td3: mistakes are named") {
  ThreadPool pool(1);
  const ActionBounds bounds = ActionBounds::uniform(1, 0, 4);
  const auto refused = [&](auto change) {
    Td3Settings settings = small_td3({8});
    change(settings);
    return error_of([&] { Td3(1, bounds, settings, 1, pool); });
  };
  CHECK(contains(refused([](Td3Settings& s) { s.discount = -1; }), "discount is -1"));
  CHECK(contains(refused([](Td3Settings& s) { s.policy_delay = 0; }), "policy_delay is 0"));
  CHECK(contains(refused([](Td3Settings& s) { s.target_noise = -0.1; }), "target_noise is -0.1"));
  Td3 td3(1, bounds, small_td3({8}), 1, pool);
  CHECK(contains(error_of([&] { td3.update(empty(2, 1, 4)); }), "obs"));
  CHECK(contains(error_of([&] { td3.update(empty(1, 1, 0)); }), "no column"));
}

}  // namespace mbrl
