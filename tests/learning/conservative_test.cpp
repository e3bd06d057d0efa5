// The conservative penalty against finite differences, and what it is for: values of actions that data do not hold.
#include <cmath>
#include <string>
#include <vector>

#include "catch.hpp"
#include "learning/replay_batches.hpp"
#include "mbrl/learning/sac.hpp"

namespace mbrl {
namespace {

using testing::linear_quadratic;

}  // namespace

TEST_CASE("conservative penalty: its gradient is that of finite differences") {
  constexpr int kSamples = 5;
  constexpr Index kBatch = 7;
  const ActionBounds bounds = ActionBounds::uniform(2, -3, 1);
  nn::NetworkSettings shape;
  shape.hidden = {6};
  shape.activation = Activation::kTanh;
  Critics critics(3, bounds, 2, shape, {}, 4);
  Transitions batch = testing::empty(3, 2, kBatch);
  testing::fill_uniform(batch.obs, -1, 1, 0, 0);
  testing::fill_uniform(batch.action, -3, 1, 0, 1);
  const BatchRange range{2, 4};
  critics.make_chunks({range}, 1);
  Critics::Chunk& c = critics.chunk(0);
  c.penalty_action.resize(2, kSamples * range.count);
  testing::fill_uniform(c.penalty_action, -3, 1, 0, 2);
  Batchf log_density(1, kSamples * range.count);
  testing::fill_uniform(log_density, -2, 0.5, 0, 3);
  c.penalty_log_density = log_density.row(0).transpose();

  // sum_j log mean_k exp(Q(s_j, a_k) - log p_k) - Q(s_j, a_j), by its definition.
  const auto penalty = [&](const nn::Network& network) {
    const auto q = [&](Index j, const Vecf& action) {
      Batchf input(5, 1), out(1, 1);
      input.col(0) << batch.obs.col(j), (action.array() + 1.0f) / 2.0f;
      network.evaluate(input, out);
      return static_cast<double>(out(0, 0));
    };
    double sum = 0;
    for (Index j = 0; j < range.count; ++j) {
      double mean = 0;
      for (int k = 0; k < kSamples; ++k) {
        const Index at = k * range.count + j;
        mean += std::exp(q(range.first + j, c.penalty_action.col(at)) -
                         static_cast<double>(c.penalty_log_density(at))) /
                kSamples;
      }
      sum += std::log(mean) - q(range.first + j, batch.action.col(range.first + j));
    }
    return sum;
  };
  critics.learn(c, batch, range, Vecf::Zero(range.count), 0.0f);  // no gradient of its own
  critics.conserve(c, batch, range, 1.0f);
  double total = 0;
  for (int i = 0; i < 2; ++i) {
    nn::Network network = critics.network(i);
    total += penalty(network);
    for (std::size_t p = 0; p < network.parameters().size(); ++p) {
      float& parameter = network.parameters()[p];
      const float at = parameter;
      constexpr float kStep = 1e-2f;
      parameter = at + kStep;
      const double above = penalty(network);
      parameter = at - kStep;
      const double below = penalty(network);
      parameter = at;
      CHECK(static_cast<double>(c.gradients[static_cast<std::size_t>(i)][p]) ==
            Approx((above - below) / (2 * static_cast<double>(kStep))).margin(2e-3));
    }
  }
  CHECK(c.penalty == Approx(total).epsilon(1e-4));
}

TEST_CASE("conservative penalty: values of actions that data do not hold are not believed") {
  // Actions of at most 0.3 of 3 were tried; beyond 0.5 each step costs 10 more, which nobody has seen.
  constexpr Index kRows = 128;
  constexpr double kDiscount = 0.95;
  Transitions data = linear_quadratic(0, kRows);
  data.action *= 0.1f;
  data.next_obs = 0.9f * data.obs + 0.5f * data.action;
  data.reward = -(data.obs.array().square() + 0.1f * data.action.array().square()).matrix().transpose();

  struct Outcome {
    double promised = 0, earned = 0, largest_action = 0, penalty = 0;
    bool operator==(const Outcome&) const = default;
  };
  const auto learn = [&](double conservatism, int threads, int updates) {
    ThreadPool pool(threads);
    SacSettings s;
    s.policy.hidden = s.critic.hidden = {32, 32};
    s.adam.learning_rate = 1e-3;
    s.discount = kDiscount;
    s.tau = 0.02;
    s.conservatism = conservatism;
    s.penalty_actions = 3;
    s.tune_temperature = false;
    s.temperature = 0.01;
    Sac sac(1, ActionBounds::uniform(1, -3, 3), s, 2, pool);
    Outcome out;
    for (int update = 0; update < updates; ++update) out.penalty = sac.update(data).penalty;

    Batchf x = data.obs, action(1, kRows), memory(0, kRows);
    MlpPolicy::Workspace workspace;
    sac.policy().mode(x, memory, action, workspace);
    Vecf q(kRows);
    sac.values(x, action, q);
    out.promised = static_cast<double>(q.mean());
    double factor = 1;
    for (int t = 0; t < 200; ++t, factor *= kDiscount) {
      sac.policy().mode(x, memory, action, workspace);
      const auto cost = x.array().square() + 0.1f * action.array().square() +
                        10.0f * (action.array().abs() > 0.5f).cast<float>();
      out.earned -= factor * static_cast<double>(cost.mean());
      if (t == 0) out.largest_action = static_cast<double>(action.cwiseAbs().mean());
      x = 0.9f * x + 0.5f * action;
    }
    return out;
  };
  const Outcome naive = learn(0, 1, 1500), conservative = learn(1, 1, 1500);
  INFO("promised " << naive.promised << ", " << conservative.promised << "; earned " << naive.earned << ", "
                   << conservative.earned << "; actions " << naive.largest_action << ", "
                   << conservative.largest_action);
  CHECK(naive.largest_action > 0.6);
  CHECK(naive.promised > 0.5 * naive.earned);  // values are negative: twice as good as it is
  CHECK(naive.penalty == 0);
  CHECK(conservative.largest_action < 0.3);
  CHECK(conservative.promised < conservative.earned);
  CHECK(conservative.earned > 0.5 * naive.earned);
  CHECK(conservative.penalty < 0);
  CHECK(learn(1, 2, 10) == learn(1, 1, 10));  // whatever the number of threads
}

TEST_CASE("conservative penalty: mistakes are named") {
  ThreadPool pool(1);
  const auto refuses = [&](SacSettings s) { Sac(1, ActionBounds::uniform(1, -3, 3), s, 2, pool); };
  CHECK_THROWS_WITH(refuses({.conservatism = -1}), Catch::Contains("conservatism is -1"));
  CHECK_THROWS_WITH(refuses({.conservatism = 1, .penalty_actions = 0}),
                    Catch::Contains("penalty_actions is 0"));
}

}  // namespace mbrl
