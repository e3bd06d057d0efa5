// Soft actor-critic against closed forms: a choice of one step, whose best policy is a Boltzmann
// distribution, and a discounted linear-quadratic problem.
#include "mbrl/learning/sac.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>

#include "allocation_counter.hpp"
#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "learning/replay_batches.hpp"
#include "learning/small_sac.hpp"
#include "mbrl/core/random.hpp"

namespace mbrl {
namespace {

using testing::empty;
using testing::equal;
using testing::linear_quadratic;
using testing::one_step;
using testing::small_sac;
using testing::state_of;

struct Moments {
  double mean = 0, std = 0;
};
// Of the policy's actions for one observation.
Moments moments(const MlpPolicy& policy, float obs) {
  constexpr Index kDraws = 4000;
  const Batchf x = Batchf::Constant(1, kDraws, obs);
  Batchf action(1, kDraws), memory(0, kDraws);
  MlpPolicy::Workspace workspace;
  policy.act(x, memory, {RandomStream(3, Stream::kUser).key(), 0, {}}, action, workspace);
  Moments m;
  m.mean = action.cast<double>().mean();
  m.std = std::sqrt((action.cast<double>().array() - m.mean).square().mean());
  return m;
}

}  // namespace

TEST_CASE("sac: the policy of a single step is the Boltzmann distribution of its reward") {
  // exp(r / alpha) is a Gaussian about 0.3 with variance alpha / 20.
  ThreadPool pool(1);
  SacSettings settings = small_sac({32, 32});
  settings.temperature = 0.2;
  settings.tune_temperature = false;
  Sac sac(1, ActionBounds::uniform(1, 0, 4), settings, 1, pool);
  SacReport report;
  for (std::uint32_t round = 0; round < 3000; ++round) report = sac.update(one_step(round, 128));
  const Moments m = moments(sac.policy(), 0);
  CHECK(m.mean == Approx(2 + 2 * 0.3).margin(0.06));
  CHECK(m.std == Approx(2 * std::sqrt(0.2 / 20)).epsilon(0.15));
  CHECK(report.entropy ==
        Approx(0.5 * std::log(2 * std::numbers::pi * std::numbers::e * 0.2 / 20)).margin(0.15));
  CHECK(report.critic_loss < 0.05);
  Vecf q(1);
  sac.values(Batchf::Zero(1, 1), Batchf::Constant(1, 1, 1.0f), q);
  CHECK(q(0) == Approx(-10 * 0.64).margin(0.5));
}

TEST_CASE("sac: the temperature finds the entropy it is told") {
  ThreadPool pool(1);
  SacSettings settings = small_sac({32, 32});
  settings.temperature = 1.0;
  settings.entropy_per_action =
      0.5 * std::log(2 * std::numbers::pi * std::numbers::e * 0.01);  // of deviation 0.1
  Sac sac(1, ActionBounds::uniform(1, 0, 4), settings, 2, pool);
  SacReport report;
  double entropy = 0, temperature = 0;
  constexpr int kRounds = 3000, kLast = 500;
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    report = sac.update(one_step(round, 128));
    if (round < kRounds - kLast) continue;
    entropy += report.entropy / kLast;
    temperature += report.temperature / kLast;
  }
  CHECK(entropy == Approx(settings.entropy_per_action).margin(0.05));
  CHECK(temperature == Approx(0.2).epsilon(0.25));
}

TEST_CASE("sac: a discounted linear-quadratic problem has its Riccati policy") {
  // s' = 0.9 s + 0.5 a, r = -(s^2 + 0.1 a^2), gamma 0.8. V = -p s^2 + const, the policy's mean is -K s and
  // its variance alpha / (2 (0.1 + gamma 0.25 p)): maximum entropy adds a constant to the value and nothing
  // to p.
  constexpr double gamma = 0.8, alpha = 0.02;
  const testing::LinearQuadraticAnswer answer(gamma);

  ThreadPool pool(1);
  SacSettings settings = small_sac({64, 64});
  settings.critic.activation = settings.policy.activation = Activation::kSilu;
  settings.adam.learning_rate = 1e-3;
  settings.discount = gamma;
  settings.tau = 0.02;
  settings.temperature = alpha;
  settings.tune_temperature = false;
  Sac sac(1, ActionBounds::uniform(1, -3, 3), settings, 1, pool);
  for (std::uint32_t round = 0; round < 4000; ++round) {
    sac.update(linear_quadratic(round, 128));
  }
  for (const float s : {-1.0f, -0.5f, 0.5f, 1.0f}) {
    const Moments got = moments(sac.policy(), s);
    CHECK(got.mean == Approx(-answer.gain * s).margin(0.12));
    CHECK(got.std == Approx(std::sqrt(alpha / (2 * answer.curvature))).epsilon(0.35));
  }
}

TEST_CASE("sac: a terminated step is worth its reward, a truncated one what follows too") {
  ThreadPool pool(1);
  Transitions t = empty(2, 1, 16);
  t.reward.setLinSpaced(16, 0, 15);
  t.terminated.assign(16, 1);
  Sac ended(2, ActionBounds::uniform(1, -1, 1), small_sac({16}), 1, pool);
  CHECK(ended.update(t).target == Approx(7.5));
  t.terminated.assign(16, 0);
  t.truncated.assign(16, 1);
  Sac cut(2, ActionBounds::uniform(1, -1, 1), small_sac({16}), 1, pool);
  CHECK(std::abs(cut.update(t).target - 7.5) > 0.1);
}

TEST_CASE("sac: the number of threads changes no bit, nor does a stop, whatever the critics") {
  enum class Kind { kSac, kRedq, kDroq };
  for (const Kind kind : {Kind::kSac, Kind::kRedq, Kind::kDroq}) {
    SacSettings settings = small_sac({32, 32});
    if (kind != Kind::kSac) {
      settings.critics = 5;
      settings.objective = PolicyObjective::kMean;
      settings.critic.layer_norm = true;
    }
    if (kind == Kind::kDroq) {
      settings.critic.dropout = 0.1;
      settings.policy_delay = 2;
    }
    ThreadPool one(1), two(2), three(3);
    const ActionBounds bounds = ActionBounds::uniform(1, 0, 4);
    Sac a(1, bounds, settings, 4, one), b(1, bounds, settings, 4, two), c(1, bounds, settings, 5, three);
    for (std::uint32_t round = 0; round < 6; ++round) {
      const Transitions batch = one_step(round, 300);
      const SacReport x = a.update(batch), y = b.update(batch);
      CHECK(x.critic_loss == y.critic_loss);
      CHECK(x.policy_loss == y.policy_loss);
    }
    CHECK(equal(a, b));
    CHECK_FALSE(equal(a, c));
    c.update(one_step(0, 100));
    Sac loaded(1, bounds, settings, 4, three);
    loaded.load(state_of(a), "");
    for (std::uint32_t round = 6; round < 9; ++round) {
      a.update(one_step(round, 300));
      loaded.update(one_step(round, 300));
    }
    CHECK(equal(a, loaded));
  }
}

TEST_CASE("sac: critics of the target are drawn, each as often") {
  // With one critic of three in the target, and the targets 0, 100 and 200 apart, y tells which was drawn.
  ThreadPool pool(1);
  SacSettings settings = small_sac({16});
  settings.critics = 3;
  settings.target_critics = 1;
  settings.tau = 1e-12;
  Sac sac(1, ActionBounds::uniform(1, 0, 4), settings, 1, pool);
  StateDict state = state_of(sac);
  for (int i = 0; i < 3; ++i)
    state.put_matrix("critic" + std::to_string(i) + ".target.layers.1.bias",
                     Batchf::Constant(1, 1, 100.0f * static_cast<float>(i)));
  sac.load(state, "");
  Transitions t = one_step(0, 8);
  t.terminated.assign(8, 0);
  t.reward.setZero();
  std::array<int, 3> drawn{};
  for (int i = 0; i < 300; ++i)
    ++drawn.at(static_cast<std::size_t>(std::clamp(sac.update(t).target / 99 + 0.5, 0.0, 2.5)));
  for (const int count : drawn) CHECK(std::abs(count - 100) < 30);  // 3.7 standard deviations
}

TEST_CASE("sac: critics leave units out while they learn, and none where they are asked") {
  ThreadPool pool(1);
  const ActionBounds bounds = ActionBounds::uniform(1, 0, 4);
  SacSettings settings = small_sac({32});
  const Transitions t = one_step(0, 200);
  const auto values = [&](const Sac& sac) {
    Vecf out(200);
    sac.values(t.obs, t.action, out);
    return out;
  };
  Sac plain(1, bounds, settings, 1, pool);
  settings.critic.dropout = 0.5;
  Sac dropping(1, bounds, settings, 1, pool), again(1, bounds, settings, 1, pool);
  CHECK(values(plain) == values(dropping));
  // The weights are the same, so what half of the units say differs from what all do: noise of the same mean.
  const SacReport all = plain.update(t), half = dropping.update(t), same = again.update(t);
  CHECK(half.critic_loss == same.critic_loss);
  CHECK(half.value != all.value);
  CHECK(half.value == Approx(all.value).margin(0.1));
  CHECK(values(dropping) == values(again));
  // Each update leaves out others: at a rate of next to nothing learned, the loss still moves.
  settings.adam.learning_rate = 1e-12;
  Sac still(1, bounds, settings, 1, pool);
  const double first = still.update(t).critic_loss, second = still.update(t).critic_loss;
  CHECK(std::abs(first - second) > 1e-4);
}

TEST_CASE("sac: policy and temperature wait for the critics") {
  ThreadPool pool(1);
  SacSettings settings = small_sac({16});
  settings.policy_delay = 3;
  Sac sac(1, ActionBounds::uniform(1, 0, 4), settings, 1, pool);
  const auto policy = [&] { return Batchf(sac.policy().network().layer(1).weight); };
  const auto critic = [&] { return Batchf(sac.critic(0).layer(0).weight); };
  for (int update = 1; update <= 6; ++update) {
    const Batchf policy_before = policy(), critic_before = critic();
    const double temperature = sac.temperature();
    const SacReport report = sac.update(one_step(static_cast<std::uint32_t>(update), 64));
    const bool moves = update % 3 == 0;
    CHECK((policy() != policy_before) == moves);
    CHECK((sac.temperature() != temperature) == moves);
    CHECK(critic() != critic_before);
    CHECK((report.policy_loss != 0) == moves);
    CHECK(report.entropy == Approx(0.7).margin(0.5));  // of a policy that has hardly learned, in every update
  }
}

TEST_CASE("sac: numbers that are not finite are said and change no network") {
  ThreadPool pool(1);
  Sac sac(1, ActionBounds::uniform(1, 0, 4), small_sac({16}), 1, pool);
  Transitions t = one_step(0, 32);
  t.reward(3) = std::numeric_limits<float>::quiet_NaN();
  const auto critic = sac.critic(0).layer(0).weight;
  CHECK_FALSE(sac.update(t).finite());
  CHECK(sac.critic(0).layer(0).weight == critic);
}

TEST_CASE("sac: nothing is allocated in the steady state") {
  ThreadPool pool(2);
  Sac sac(1, ActionBounds::uniform(1, 0, 4), small_sac({32, 32}), 1, pool);
  const Transitions t = one_step(0, 256);
  for (int i = 0; i < 3; ++i) sac.update(t);
  if (!test::can_count_allocations()) return;
  CHECK(test::allocations_during([&] {
          for (int i = 0; i < 3; ++i) sac.update(t);
        }) == 0);
}

TEST_CASE("sac: mistakes are named") {
  ThreadPool pool(1);
  const ActionBounds bounds = ActionBounds::uniform(1, 0, 4);
  const auto refused = [&](auto change) {
    SacSettings settings = small_sac({8});
    change(settings);
    return error_of([&] { Sac(1, bounds, settings, 1, pool); });
  };
  CHECK(contains(refused([](SacSettings& s) { s.discount = 1.5; }), "discount is 1.5"));
  CHECK(contains(refused([](SacSettings& s) { s.target_critics = 3; }),
                 "target_critics is 3, expected 1 to critics, 2"));
  CHECK(contains(refused([](SacSettings& s) { s.temperature = 0; }), "temperature is 0"));
  CHECK(contains(refused([](SacSettings& s) { s.policy_delay = 0; }), "policy_delay is 0"));
  CHECK(contains(refused([](SacSettings& s) { s.policy.dropout = 0.1; }), "policy.dropout is 0.1"));
  CHECK(contains(refused([](SacSettings& s) { s.critic.dropout = -0.1; }), "dropout is -0.1"));
  Sac sac(1, bounds, small_sac({8}), 1, pool);
  CHECK(contains(error_of([&] { sac.update(empty(2, 1, 4)); }), "obs"));
  CHECK(contains(error_of([&] { sac.update(empty(1, 1, 0)); }), "no column"));
}

}  // namespace mbrl
