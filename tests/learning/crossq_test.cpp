// CrossQ: critics without targets, which see what follows together with what was done, in the moments of both.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "allocation_counter.hpp"
#include "catch.hpp"
#include "learning/replay_batches.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/learning/sac.hpp"

namespace mbrl {
namespace {

using testing::equal;
using testing::linear_quadratic;
using testing::state_of;

SacSettings small_crossq(std::vector<int> hidden) {
  SacSettings s;
  s.policy.hidden = s.critic.hidden = std::move(hidden);
  s.adam.learning_rate = 1e-3;
  s.adam.beta1 = 0.5;
  s.batch_norm.on = true;
  return s;
}

}  // namespace

TEST_CASE("crossq: an update of the critics is that of the equations") {
  constexpr Index kBatch = 150;
  const ActionBounds bounds = ActionBounds::uniform(1, -3, 3);
  SacSettings settings = small_crossq({12, 9});
  settings.policy_delay = 3;
  settings.discount = 0.9;
  settings.temperature = 0.3;
  settings.batch_norm.warm_up = 1;  // so that the second update is renormalised
  ThreadPool pool(2);
  Sac sac(1, bounds, settings, 4, pool);
  std::vector<nn::Network> critics = {sac.critic(0), sac.critic(1)};
  std::vector<nn::Adam> adams = {{critics[0], settings.adam}, {critics[1], settings.adam}};
  std::vector<nn::Pass> passes;
  passes.reserve(2);  // what they point to stays
  for (const nn::Network& critic : critics) passes.emplace_back(critic, 2 * kBatch);
  std::vector<std::uint32_t> ids(kBatch);
  std::iota(ids.begin(), ids.end(), 0u);
  for (std::uint32_t round = 0; round < 2; ++round) {
    const Transitions t = linear_quadratic(round, kBatch);
    Batchf next(1, kBatch), joint(2, 2 * kBatch);
    Vecf log_prob(kBatch);
    MlpPolicy::Workspace workspace;
    sac.policy().sample(t.next_obs, {RandomStream(4, Stream::kUpdate).key(), 2 * round, ids}, next, log_prob,
                        workspace);
    log_prob.array() += std::log(3.0f);
    joint << t.obs, t.next_obs, t.action / 3.0f, next / 3.0f;
    for (std::size_t i = 0; i < 2; ++i) {
      passes[i].set_input(joint);
      passes[i].forward_in_batch(critics[i], 2 * kBatch);
    }
    Vecf target(kBatch);
    for (Index j = 0; j < kBatch; ++j)
      target(j) =
          t.reward(j) + 0.9f * (std::min(passes[0].output()[kBatch + j], passes[1].output()[kBatch + j]) -
                                0.3f * log_prob(j));
    for (std::size_t i = 0; i < 2; ++i) {
      for (Index j = 0; j < kBatch; ++j) {
        passes[i].output_gradient()[j] = 2.0f / kBatch * (passes[i].output()[j] - target(j));
        passes[i].output_gradient()[kBatch + j] = 0;
      }
      AlignedFloats gradient;
      passes[i].backward(critics[i], 2 * kBatch, &gradient);
      adams[i].step(critics[i], gradient);
      critics[i].follow(passes[i]);
    }
    const SacReport report = sac.update(t);
    CHECK(report.target == Approx(target.mean()).epsilon(1e-4));
    for (int i = 0; i < 2; ++i) {
      const auto k = static_cast<std::size_t>(i);
      double apart = 0;
      for (std::size_t n = 0; n < critics[k].parameters().size(); ++n)
        apart = std::max(apart, std::abs(static_cast<double>(critics[k].parameters()[n]) -
                                         static_cast<double>(sac.critic(i).parameters()[n])));
      CHECK(apart < 2e-5);
      CHECK(sac.critic(i).followed() == round + 1);
      for (std::size_t n = 0; n < critics[k].moments().size(); ++n)
        CHECK(std::abs(critics[k].moments()[n] - sac.critic(i).moments()[n]) < 1e-5f);
    }
    CHECK(sac.policy().network().followed() == 0);  // the policy waits
  }
  const Transitions t = linear_quadratic(2, kBatch);
  sac.update(t);
  CHECK(sac.policy().network().followed() == 1);
  CHECK(sac.policy().network().moments()[0] == Approx(0.01f * t.obs.mean()).margin(1e-6));
}

TEST_CASE("crossq: a discounted linear-quadratic problem has its Riccati policy") {
  constexpr double gamma = 0.8, alpha = 0.02;
  const testing::LinearQuadraticAnswer answer(gamma);
  ThreadPool pool(1);
  SacSettings settings = small_crossq({64, 64});
  settings.discount = gamma;
  settings.temperature = alpha;
  settings.tune_temperature = false;
  // With the defaults, made for a million updates, these few end at the bounds for some seeds; which ones is decided by
  // how a processor rounds.
  settings.batch_norm.warm_up = 1000;
  settings.batch_norm.momentum = 0.9;
  settings.adam.beta1 = 0.9;
  settings.policy_delay = 3;
  std::vector<double> errors;
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    Sac sac(1, ActionBounds::uniform(1, -3, 3), settings, seed, pool);
    for (std::uint32_t round = 0; round < 3000; ++round) sac.update(linear_quadratic(round, 128));
    Batchf obs(1, 4), action(1, 4), memory(0, 4);
    obs << -1.0f, -0.5f, 0.5f, 1.0f;
    MlpPolicy::Workspace workspace;
    sac.policy().mode(obs, memory, action, workspace);
    errors.push_back((action.cast<double>() + answer.gain * obs.cast<double>()).cwiseAbs().maxCoeff());
  }
  std::sort(errors.begin(), errors.end());
  CAPTURE(errors);  // seen for eight seeds: 0.10 to 0.26, and 0.71; at the bounds 4
  CHECK(errors[1] < 0.4);
}

TEST_CASE("crossq: threads and a stop change no bit, there are no targets, nothing is allocated") {
  SacSettings settings = small_crossq({8});
  settings.batch_norm.warm_up = 10;
  settings.policy_delay = 2;
  const ActionBounds bounds = ActionBounds::uniform(1, -3, 3);
  ThreadPool one(1), three(3);
  Sac a(1, bounds, settings, 5, one), b(1, bounds, settings, 5, three);
  for (std::uint32_t round = 0; round < 21; ++round) {
    a.update(linear_quadratic(round, 200));
    b.update(linear_quadratic(round, 200));
  }
  CHECK(equal(a, b));
  Sac c(1, bounds, settings, 5, one);
  const StateDict state = state_of(a);
  c.load(state, "");
  a.update(linear_quadratic(21, 200));
  c.update(linear_quadratic(21, 200));
  CHECK(equal(a, c));
  CHECK(state.arrays.count("critic0.network.layers.0.weight") == 1);
  CHECK(state.arrays.count("critic0.target.layers.0.weight") == 0);

  const Transitions t = linear_quadratic(22, 200);
  for (int i = 0; i < 2; ++i) a.update(t);
  if (!test::can_count_allocations()) return;
  CHECK(test::allocations_during([&] {
          for (int i = 0; i < 4; ++i) a.update(t);
        }) == 0);
}

TEST_CASE("crossq: what it cannot be joined with is named") {
  ThreadPool pool(1);
  const auto error_of = [&](auto&& change) {
    SacSettings settings = small_crossq({8});
    change(settings);
    try {
      Sac(1, ActionBounds::uniform(1, -1, 1), settings, 1, pool);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("none");
  };
  CHECK_THAT(error_of([](SacSettings& s) { s.critic.dropout = 0.1; }),
             Catch::Contains("critic.dropout is 0.1"));
  CHECK_THAT(error_of([](SacSettings& s) { s.conservatism = 1; }), Catch::Contains("conservatism is 1"));
  CHECK_THAT(error_of([](SacSettings& s) { s.batch_norm.max_scale = 0.5; }),
             Catch::Contains("max_scale is 0.5"));
}

}  // namespace mbrl
