// Soft actor-critic over choices: one update against a computation in double precision, and a decision process of two
// states whose soft values are known.
#include "mbrl/learning/discrete_sac.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "allocation_counter.hpp"
#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "learning/replay_batches.hpp"
#include "learning/small_sac.hpp"
#include "mbrl/learning/critic_value.hpp"

namespace mbrl {
namespace {

using testing::empty;
using testing::equal;
using testing::fill_uniform;
using testing::small_sac;
using testing::state_of;

const ActionBounds kThree = ActionBounds::choice_of(3);

// Observations of `obs_dim` numbers, three choices in turn; every third step terminates, the others are cut off.
Transitions some_batch(int obs_dim, Index n) {
  Transitions t = empty(obs_dim, 1, n);
  fill_uniform(t.obs, -1, 1, 0, 0);
  fill_uniform(t.next_obs, -1, 1, 0, 1);
  Batchf reward(1, n);
  fill_uniform(reward, -2, 2, 0, 2);
  t.reward = reward.row(0).transpose();
  for (Index j = 0; j < n; ++j) {
    const auto k = static_cast<std::size_t>(j);
    t.action(0, j) = static_cast<float>(j % 3);
    t.terminated[k] = j / 3 % 3 == 0;
    t.truncated[k] = 1 - t.terminated[k];
  }
  return t;
}

// A network with tanh in double precision; entry p of its parameters, layer by layer.
struct Oracle {
  std::vector<Batchd> weight;
  std::vector<Vecd> bias;

  explicit Oracle(const nn::Network& network) {
    for (int l = 0; l < static_cast<int>(network.layers().size()); ++l) {
      weight.push_back(network.layer(l).weight.cast<double>());
      bias.push_back(network.layer(l).bias.cast<double>());
    }
  }
  Batchd operator()(const Batchf& obs) const {
    Batchd x = obs.cast<double>();
    for (std::size_t l = 0; l < weight.size(); ++l) {
      x = ((weight[l] * x).colwise() + bias[l]).eval();
      if (l + 1 < weight.size()) x = x.array().tanh().matrix().eval();
    }
    return x;
  }
  std::vector<double*> parameters() {
    std::vector<double*> all;
    for (std::size_t l = 0; l < weight.size(); ++l) {
      for (double& w : weight[l].reshaped()) all.push_back(&w);
      for (double& b : bias[l]) all.push_back(&b);
    }
    return all;
  }
};

Batchd log_softmax(const Batchd& logits) {
  Batchd out = logits;
  for (Index j = 0; j < out.cols(); ++j) out.col(j).array() -= std::log(logits.col(j).array().exp().sum());
  return out;
}

// The optimiser's epsilon makes its first step the gradient itself.
void check_step(const nn::Network& before, const nn::Network& after,
                const std::function<double(const Oracle&)>& loss) {
  Oracle net(before), stepped(after);
  const std::vector<double*> at = net.parameters(), now = stepped.parameters();
  double largest = 0;
  for (std::size_t p = 0; p < at.size(); ++p) {
    const double value = *at[p], h = 1e-5;
    *at[p] = value + h;
    const double more = loss(net);
    *at[p] = value - h;
    const double less = loss(net);
    *at[p] = value;
    const double gradient = (more - less) / (2 * h);
    CHECK(value - *now[p] == Approx(gradient).epsilon(1e-3).margin(3e-6));
    largest = std::max(largest, std::abs(gradient));
  }
  CHECK(largest > 1e-2);
}

// Two states as (1, 0) and (0, 1), three choices: to the first state, to the second, to the other one; the last ends
// the process in the second state. All other steps are cut off by a time limit, which says nothing of the value.
constexpr double kTwoStateGamma = 0.8, kReward[2][3] = {{0.5, -0.2, 0.1}, {1.0, 0.3, 1.4}};

Transitions two_states(Index repeats, bool one_step = false) {
  Transitions t = empty(2, 1, 6 * repeats);
  for (Index j = 0; j < t.obs.cols(); ++j) {
    const Index s = j % 2, a = j / 2 % 3, next = a == 2 ? 1 - s : a;
    t.obs(s, j) = t.next_obs(next, j) = 1;
    t.action(0, j) = static_cast<float>(a);
    t.reward(j) = static_cast<float>(kReward[s][a]);
    const auto k = static_cast<std::size_t>(j);
    t.terminated[k] = one_step || (s == 1 && a == 2);
    t.truncated[k] = 1 - t.terminated[k];
  }
  return t;
}

// The soft values Q(s, a), as 3 x 2, by repeated backups.
Batchd soft_values(double alpha) {
  Batchd q = Batchd::Zero(3, 2);
  for (int i = 0; i < 400; ++i) {
    Vecd v(2);
    for (Index s = 0; s < 2; ++s) v(s) = alpha * std::log((q.col(s).array() / alpha).exp().sum());
    for (Index s = 0; s < 2; ++s)
      for (Index a = 0; a < 3; ++a)
        q(a, s) = kReward[s][a] + (s == 1 && a == 2 ? 0.0 : kTwoStateGamma * v(a == 2 ? 1 - s : a));
  }
  return q;
}

}  // namespace

TEST_CASE("discrete sac: one update is what its equations say, in double precision") {
  for (const PolicyObjective objective : {PolicyObjective::kMin, PolicyObjective::kMean}) {
    ThreadPool pool(2);
    SacSettings settings = small_sac({5});
    settings.policy.activation = settings.critic.activation = Activation::kTanh;
    settings.adam.learning_rate = settings.adam.epsilon = 1e4;
    settings.temperature = 0.7;
    settings.entropy_share = 0.9;
    settings.tau = 0.25;
    settings.objective = objective;
    constexpr Index n = 150;  // two ranges
    DiscreteSac sac(4, kThree, settings, 1, pool);
    const DiscreteSac other(4, kThree, settings, 2, pool);
    StateDict state = state_of(sac);
    const StateDict targets = state_of(other);
    for (const auto& [name, array] : targets.arrays)
      if (name.find(".target.") != std::string::npos) state.arrays[name] = array;
    sac.load(state, "");

    Transitions batch = some_batch(4, n);
    Batchf random(2, n);
    fill_uniform(random, 0.2, 1, 0, 3);
    batch.weight = random.row(0).transpose();
    batch.discount = random.row(1).transpose();
    const CategoricalPolicy policy = sac.policy();
    const nn::Network critics[2] = {sac.critic(0), sac.critic(1)};
    const SacReport report = sac.update(batch);

    const Batchd next_log = log_softmax(Oracle(policy.network())(batch.next_obs));
    const Batchd next_q =
        Oracle(other.critic(0))(batch.next_obs).cwiseMin(Oracle(other.critic(1))(batch.next_obs));
    Vecd y(n), errors = Vecd::Zero(n);
    for (Index j = 0; j < n; ++j) {
      double value = 0;
      for (Index a = 0; a < 3; ++a) value += std::exp(next_log(a, j)) * (next_q(a, j) - 0.7 * next_log(a, j));
      y(j) = static_cast<double>(batch.reward(j));
      if (!batch.terminated[static_cast<std::size_t>(j)])
        y(j) += static_cast<double>(batch.discount(j)) * value;
    }
    CHECK(report.target == Approx(y.mean()).epsilon(1e-5));
    double plain = 0;
    for (int i = 0; i < 2; ++i) {
      const auto error = [&](const Oracle& net) {
        const Batchd q = net(batch.obs);
        Vecd e(n);
        for (Index j = 0; j < n; ++j) e(j) = q(j % 3, j) - y(j);
        return e;
      };
      check_step(critics[i], sac.critic(i), [&](const Oracle& net) {
        return (batch.weight.cast<double>().array() * error(net).array().square()).mean();
      });
      plain += 0.5 * error(Oracle(critics[i])).squaredNorm() / static_cast<double>(n);
      errors += 0.5 * error(Oracle(critics[i])).cwiseAbs();
    }
    CHECK(report.critic_loss == Approx(plain).epsilon(1e-5));
    CHECK((sac.errors().cast<double>() - errors).cwiseAbs().maxCoeff() < 1e-5);

    // The policy climbs critics that have just moved.
    const Batchd q0 = Oracle(sac.critic(0))(batch.obs), q1 = Oracle(sac.critic(1))(batch.obs);
    const Batchd q = objective == PolicyObjective::kMin ? Batchd(q0.cwiseMin(q1)) : Batchd(0.5 * (q0 + q1));
    const auto policy_loss = [&](const Oracle& net) {
      const Batchd log_pi = log_softmax(net(batch.obs));
      return (log_pi.array().exp() * (0.7 * log_pi - q).array()).sum() / static_cast<double>(n);
    };
    check_step(policy.network(), sac.policy().network(), policy_loss);
    CHECK(report.policy_loss == Approx(policy_loss(Oracle(policy.network()))).epsilon(1e-5));

    const Batchd log_pi = log_softmax(Oracle(policy.network())(batch.obs));
    const double entropy = -(log_pi.array().exp() * log_pi.array()).sum() / static_cast<double>(n);
    CHECK(report.entropy == Approx(entropy).epsilon(1e-5));
    CHECK(std::log(report.temperature) ==
          Approx(std::log(0.7) - (entropy - 0.9 * std::log(3.0))).margin(1e-5));
    const Batchf moved = state_of(sac).get_matrix<float>("critic1.target.layers.1.bias");
    const Vecf old = targets.get_matrix<float>("critic1.target.layers.1.bias"),
               own = sac.critic(1).layer(1).bias;
    CHECK((moved - (0.75f * old + 0.25f * own)).cwiseAbs().maxCoeff() < 1e-6f);
  }
}

TEST_CASE("discrete sac: two states have their soft values, and the policy is their softmax") {
  constexpr double alpha = 0.3;
  ThreadPool pool(1);
  SacSettings settings = small_sac({});
  settings.discount = kTwoStateGamma;
  settings.tau = 0.05;
  settings.temperature = alpha;
  settings.tune_temperature = false;
  DiscreteSac sac(2, kThree, settings, 1, pool);
  const Transitions batch = two_states(8);
  for (int i = 0; i < 4000; ++i) sac.update(batch);
  const Batchd expected = soft_values(alpha);
  const Transitions each = two_states(1);
  Vecf q(6), log_pi(6);
  sac.values(each.obs, each.action, q);
  CategoricalPolicy::Workspace workspace;
  Batchf memory(0, 6);
  sac.policy().log_probability(each.obs, memory, each.action, log_pi, workspace);
  for (Index j = 0; j < 6; ++j) {
    const Vecd of_state = expected.col(j % 2);
    const double v = alpha * std::log((of_state.array() / alpha).exp().sum());
    CHECK(static_cast<double>(q(j)) == Approx(of_state(j / 2)).margin(0.01));
    CHECK(std::exp(log_pi(j)) == Approx(std::exp((of_state(j / 2) - v) / alpha)).margin(0.005));
  }
  // A planner that ends in these states hears the value of the likeliest choice.
  Vecf value(2);
  critic_value(sac)(each.obs.leftCols(2), 0, value);
  for (Index s = 0; s < 2; ++s)
    CHECK(static_cast<double>(value(s)) == Approx(expected.col(s).maxCoeff()).margin(0.01));
}

TEST_CASE("discrete sac: the temperature finds the share of the entropy that it is told") {
  ThreadPool pool(1);
  SacSettings settings = small_sac({});
  settings.entropy_share = 0.6;
  DiscreteSac sac(2, kThree, settings, 1, pool);
  const Transitions batch = two_states(8, true);
  SacReport report;
  for (int i = 0; i < 4000; ++i) report = sac.update(batch);
  CHECK(report.entropy == Approx(0.6 * std::log(3.0)).margin(0.005));
  // The temperature at which the Boltzmann distributions of both states have this entropy on average.
  double low = 0.01, high = 10;
  for (int i = 0; i < 100; ++i) {
    const double alpha = std::sqrt(low * high);
    double entropy = 0;
    for (const auto& reward : kReward) {
      const Batchd log_pi = log_softmax(Eigen::Map<const Vecd>(reward, 3) / alpha);
      entropy -= 0.5 * (log_pi.array().exp() * log_pi.array()).sum();
    }
    (entropy > 0.6 * std::log(3.0) ? high : low) = alpha;
  }
  CHECK(report.temperature == Approx(low).epsilon(0.02));
}

TEST_CASE("discrete sac: a terminated step is worth its reward, a truncated one what follows too") {
  ThreadPool pool(1);
  Transitions t = some_batch(2, 16);
  t.reward.setLinSpaced(16, 0, 15);
  t.terminated.assign(16, 1);
  t.truncated.assign(16, 0);
  CHECK(DiscreteSac(2, kThree, small_sac({16}), 1, pool).update(t).target == Approx(7.5));
  t.terminated.assign(16, 0);
  t.truncated.assign(16, 1);
  // At temperature 1 a policy near chance earns about gamma log 3 besides.
  CHECK(DiscreteSac(2, kThree, small_sac({16}), 1, pool).update(t).target ==
        Approx(7.5 + 0.99 * std::log(3.0)).margin(0.6));
}

TEST_CASE("discrete sac: the number of threads changes no bit, nor does a stop, whatever the critics") {
  for (const bool redq : {false, true}) {
    SacSettings settings = small_sac({32, 32});
    if (redq) {
      settings.critics = 5;
      settings.objective = PolicyObjective::kMean;
      settings.critic.layer_norm = true;
    }
    ThreadPool one(1), two(2), three(3);
    DiscreteSac a(2, kThree, settings, 4, one), b(2, kThree, settings, 4, two),
        c(2, kThree, settings, 5, three);
    const Transitions batch = some_batch(2, 300);
    for (int i = 0; i < 6; ++i) {
      const SacReport x = a.update(batch), y = b.update(batch);
      CHECK(x.critic_loss == y.critic_loss);
      CHECK(x.policy_loss == y.policy_loss);
      CHECK(x.temperature == y.temperature);
    }
    CHECK(equal(a, b));
    CHECK_FALSE(equal(a, c));
    DiscreteSac loaded(2, kThree, settings, 4, three);
    loaded.update(some_batch(2, 100));
    loaded.load(state_of(a), "");
    for (int i = 0; i < 3; ++i) {
      a.update(batch);
      loaded.update(batch);
    }
    CHECK(equal(a, loaded));
  }
}

TEST_CASE("discrete sac: numbers that are not finite are said and change no network") {
  ThreadPool pool(1);
  DiscreteSac sac(2, kThree, small_sac({16}), 1, pool);
  Transitions t = some_batch(2, 32);
  t.reward(3) = std::numeric_limits<float>::quiet_NaN();
  const auto critic = sac.critic(0).layer(0).weight;
  CHECK_FALSE(sac.update(t).finite());
  CHECK(sac.critic(0).layer(0).weight == critic);
}

TEST_CASE("discrete sac: nothing is allocated in the steady state") {
  ThreadPool pool(2);
  DiscreteSac sac(2, kThree, small_sac({32, 32}), 1, pool);
  const Transitions t = some_batch(2, 256);
  for (int i = 0; i < 3; ++i) sac.update(t);
  if (!test::can_count_allocations()) return;
  CHECK(test::allocations_during([&] {
          for (int i = 0; i < 3; ++i) sac.update(t);
        }) == 0);
}

TEST_CASE("discrete sac: mistakes are named") {
  ThreadPool pool(1);
  const auto refused = [&](const ActionBounds& bounds, auto change) {
    SacSettings settings = small_sac({8});
    change(settings);
    return error_of([&] { DiscreteSac(2, bounds, settings, 1, pool); });
  };
  const auto nothing = [](SacSettings&) {};
  CHECK(contains(refused(ActionBounds::uniform(1, 0, 2), nothing), "expected one choice"));
  CHECK(contains(refused(ActionBounds::choice_of(3, 2), nothing), "2 choices, expected one choice"));
  CHECK(contains(refused(kThree, [](SacSettings& s) { s.conservatism = 5; }), "conservatism is 5"));
  CHECK(contains(refused(kThree, [](SacSettings& s) { s.entropy_share = 1; }), "entropy_share is 1"));
  DiscreteSac sac(2, kThree, small_sac({8}), 1, pool);
  Transitions t = some_batch(2, 4);
  for (const float none : {0.5f, 3.0f, -1.0f, std::numeric_limits<float>::quiet_NaN()}) {
    t.action(0, 2) = none;
    CHECK(contains(error_of([&] { sac.update(t); }), "expected a choice of 0 to 2"));
  }
  CHECK(contains(error_of([&] { sac.update(empty(3, 1, 4)); }), "obs"));
  CHECK(contains(error_of([&] { sac.update(empty(2, 1, 0)); }), "no column"));
}

}  // namespace mbrl
