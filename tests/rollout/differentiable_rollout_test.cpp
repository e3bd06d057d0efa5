// The gradient of imagined returns: against finite differences with the noise held, and in a linear system with a
// quadratic reward against the closed form.
#include "mbrl/rollout/differentiable_rollout.hpp"

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/math/dare.hpp"
#include "mbrl/nn/adam.hpp"
#include "mbrl/rollout/gradient_by_horizon.hpp"

namespace mbrl {
namespace {

Batchf random_columns(int rows, Index columns, std::uint64_t seed) {
  const RandomStream random(seed, Stream::kUser);
  return Batchf::NullaryExpr(rows, columns, [&](Index i, Index j) {
    return static_cast<float>(random.normal(static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j)));
  });
}

// A model with coordinates and scales that are not 1.
DifferentiableEnsemble model_of(int obs_dim, int action_dim, const nn::NetworkSettings& network,
                                int members) {
  DifferentiableEnsemble model(obs_dim, ActionBounds::uniform(action_dim, -2, 3),
                               {.members = members, .network = network}, 4);
  Transitions data;
  data.obs = 1.5f * random_columns(obs_dim, 50, 1);
  data.next_obs = data.obs + 0.4f * random_columns(obs_dim, 50, 2);
  data.reward = random_columns(50, 1, 3);
  model.set_statistics(data);
  model.log_deviation().setConstant(std::log(0.3f));
  return model;
}

// A loss of everything that paths hold, with weights that differ from entry to entry.
PathWeights weights_of(const DifferentiablePaths& paths) {
  const Index n = paths.count();
  return {.reward = random_columns(static_cast<int>(n), paths.horizon, 11),
          .log_prob = 0.1f * random_columns(static_cast<int>(n), paths.horizon + 1, 12),
          .last_obs = random_columns(static_cast<int>(paths.obs.rows()), n, 13),
          .last_action = random_columns(static_cast<int>(paths.action.rows()), n, 14)};
}

double loss_of(const DifferentiablePaths& paths, const PathWeights& w) {
  double loss = 0;
  for (Index j = 0; j < paths.count(); ++j) {
    for (int h = 0; h <= paths.horizon; ++h) {
      if (paths.alive(j, h) == 0) continue;
      loss += static_cast<double>(w.log_prob(j, h) * paths.log_prob(j, h));
      if (h < paths.horizon) loss += static_cast<double>(w.reward(j, h) * paths.reward(j, h));
    }
    if (paths.alive(j, paths.horizon) == 0) continue;
    loss += static_cast<double>(w.last_obs.col(j).dot(paths.obs_at(paths.horizon).col(j)));
    loss += static_cast<double>(w.last_action.col(j).dot(paths.action_at(paths.horizon).col(j)));
  }
  return loss;
}

// Along a direction, by central differences.
template <class F>
double slope(const F& loss, float step) {
  return (loss(step) - loss(-step)) / (2 * static_cast<double>(step));
}

// r = sum_i q_i s'_i^2 + a_0 s_0 - a_0^2: with all three gradients.
DifferentiableReward some_reward() {
  return {.value =
              [](ConstBatchRef<float> obs, ConstBatchRef<float> action, ConstBatchRef<float> next,
                 VecRef<float> reward) {
                reward = 0.3f * next.colwise().squaredNorm().transpose() +
                         (action.row(0).array() * (obs.row(0) - action.row(0)).array()).matrix().transpose();
              },
          .gradient =
              [](ConstBatchRef<float> obs, ConstBatchRef<float> action, ConstBatchRef<float> next,
                 ConstVecRef<float> weight, BatchRef<float> d_obs, BatchRef<float> d_action,
                 BatchRef<float> d_next) {
                const Batchf w = weight.transpose();
                d_obs.setZero();
                d_action.setZero();
                d_obs.row(0) = w.cwiseProduct(action.row(0));
                d_action.row(0) = w.cwiseProduct(obs.row(0) - 2.0f * action.row(0));
                d_next = 0.6f * next * weight.asDiagonal();
              }};
}

}  // namespace

TEST_CASE("differentiable rollout: the gradient is that of finite differences with the noise held") {
  const int obs_dim = 4, action_dim = 2;
  const DifferentiableEnsemble model = model_of(
      obs_dim, action_dim, {.hidden = {16, 16}, .activation = Activation::kSilu, .layer_norm = true}, 3);
  ThreadPool pool(2);
  const Batchf starts = random_columns(obs_dim, 150, 5);
  for (const bool given : {false, true})
    for (const bool stochastic : {true, false}) {
      CAPTURE(given, stochastic);
      MlpPolicy policy(obs_dim, ActionBounds::uniform(action_dim, -2, 3),
                       {.network = {.hidden = {16}, .activation = Activation::kTanh},
                        .output = stochastic ? PolicyOutput::kSquashedGaussian : PolicyOutput::kTanh},
                       2);
      // Ends where an observation far from what the policy changes is, so that differences do not cross it.
      const TerminationFunction<float> end = [](ConstBatchRef<float> next, VecRef<float> done) {
        for (Index j = 0; j < next.cols(); ++j) done(j) = next(0, j) > 2.5f ? 1.0f : 0.0f;
      };
      DifferentiableRollout<MlpPolicy> rollout(model, end, 4, true, pool, 8);
      if (given) rollout.set_reward(some_reward());
      const Batchf alive = rollout.run(policy, starts, 3).alive;
      CHECK(alive.minCoeff() == 0);
      CHECK(alive.col(4).mean() > 0.3f);
      const PathWeights weights = weights_of(rollout.paths());
      AlignedFloats gradient;
      Batchf start_gradient;
      rollout.backward(policy, weights, gradient, &start_gradient);

      const auto with = [&](const MlpPolicy& p, const Batchf& from) {
        const DifferentiablePaths& paths = rollout.run(p, from, 3);
        REQUIRE(paths.alive == alive);
        return loss_of(paths, weights);
      };
      const double gradient_norm = static_cast<double>(
          Eigen::Map<const Vecf>(gradient.data(), static_cast<Index>(gradient.size())).norm());
      // Along the gradient and along a direction that knows nothing of it.
      const RandomStream random(6, Stream::kUser);
      for (const bool along : {true, false}) {
        std::vector<float> direction(gradient.size());
        double norm = 0, expected = 0;
        for (std::size_t i = 0; i < direction.size(); ++i) {
          const bool parameter = policy.parameters()[i] != 0;  // not padding
          direction[i] = !parameter ? 0.0f
                         : along    ? gradient[i]
                                    : static_cast<float>(random.normal(static_cast<std::uint32_t>(i)));
          norm += static_cast<double>(direction[i] * direction[i]);
        }
        norm = std::sqrt(norm);
        for (std::size_t i = 0; i < direction.size(); ++i)
          expected += static_cast<double>(gradient[i] * direction[i]) / norm;
        const double found = slope(
            [&](float step) {
              MlpPolicy moved = policy;
              for (std::size_t i = 0; i < direction.size(); ++i)
                moved.parameters()[i] += step * direction[i] / static_cast<float>(norm);
              return with(moved, starts);
            },
            2e-3f);
        CHECK(found == Approx(expected).epsilon(2e-3).margin(2e-3 * gradient_norm));
      }
      const Batchf aside = random_columns(obs_dim, starts.cols(), 9).normalized();
      const Batchf unit = start_gradient.normalized();
      for (const Batchf& direction : {aside, unit})
        CHECK(slope([&](float step) { return with(policy, starts + step * direction); }, 1e-2f) ==
              Approx(static_cast<double>(direction.cwiseProduct(start_gradient).sum()))
                  .epsilon(2e-3)
                  .margin(2e-3 * static_cast<double>(start_gradient.norm())));
    }
}

namespace {

// x' = A x + B u exactly, in coordinates of its own, with the reward -(x'Qx + u'Ru).
struct LinearQuadratic {
  Batchd a{{1.0, 0.1}, {0.0, 1.0}}, b{{0.0}, {0.1}}, q{{1.0, 0.0}, {0.0, 0.1}}, r{{0.1}};
  static constexpr double kBound = 200;  // far beyond any action: nothing is clipped, and tanh is a line

  DifferentiableEnsemble model() const {
    DifferentiableEnsemble made(2, ActionBounds::uniform(1, -kBound, kBound),
                                {.members = 2, .network = {.hidden = {}}}, 1);
    for (int k = 0; k < 2; ++k) {
      nn::Network::Plain layer = made.network(k).layer(0);
      layer.weight.setZero();
      layer.bias.setZero();
      layer.weight.topLeftCorner(2, 2) = (a - Batchd::Identity(2, 2)).cast<float>();
      layer.weight.topRightCorner(2, 1) = (kBound * b).cast<float>();
      made.network(k).set_layer(0, layer);
    }
    made.log_deviation().setConstant(std::log(1e-6f));
    return made;
  }
  DifferentiableReward reward() const {
    const Batchf qf = q.cast<float>(), rf = r.cast<float>();
    return {.value =
                [=](ConstBatchRef<float> obs, ConstBatchRef<float> action, ConstBatchRef<float>,
                    VecRef<float> out) {
                  out = -(obs.cwiseProduct(qf * obs).colwise().sum() +
                          action.cwiseProduct(rf * action).colwise().sum())
                             .transpose();
                },
            .gradient =
                [=](ConstBatchRef<float> obs, ConstBatchRef<float> action, ConstBatchRef<float>,
                    ConstVecRef<float> weight, BatchRef<float> d_obs, BatchRef<float> d_action,
                    BatchRef<float> d_next) {
                  d_obs = -2.0f * qf * obs * weight.asDiagonal();
                  d_action = -2.0f * rf * action * weight.asDiagonal();
                  d_next.setZero();
                }};
  }
};

// -sum_h gamma^h r_h, mean over the columns.
PathWeights returns_of(Index columns, int horizon, double discount) {
  PathWeights w{.reward = Batchf(columns, horizon),
                .log_prob = Batchf::Zero(columns, horizon + 1),
                .last_obs = Batchf::Zero(2, columns),
                .last_action = Batchf::Zero(1, columns)};
  for (int h = 0; h < horizon; ++h)
    w.reward.col(h).setConstant(static_cast<float>(-std::pow(discount, h) / static_cast<double>(columns)));
  return w;
}

}  // namespace

TEST_CASE(
    "differentiable rollout: in a linear system with a quadratic reward the gradient is the closed form") {
  const LinearQuadratic task;
  const DifferentiableEnsemble model = task.model();
  ThreadPool pool(1);
  const int horizon = 20;
  const double discount = 0.97;
  DifferentiableRollout<LinearPolicy> rollout(model, {}, horizon, true, pool, 3);
  rollout.set_reward(task.reward());
  const Batchd gain{{-1.2, -0.7}};
  LinearPolicy policy(2, ActionBounds::uniform(1, -task.kBound, task.kBound));
  policy.set(gain, Vecd::Zero(1));
  const Batchf starts = random_columns(2, 40, 21);
  rollout.run(policy, starts, 0, false);
  AlignedFloats gradient;
  rollout.backward(policy, returns_of(40, horizon, discount), gradient);

  // With M = A + B K, P_H = 0 and P_h = Q + K'RK + gamma M'P_{h+1} M:
  //   dJ/dK = 2 sum_h gamma^h (R K + gamma B'P_{h+1} M) x_h x_h', mean over the starts.
  const Batchd m = task.a + task.b * gain;
  std::vector<Batchd> value(horizon + 1, Batchd::Zero(2, 2));
  for (int h = horizon - 1; h >= 0; --h) {
    const auto k = static_cast<std::size_t>(h);
    value[k] = task.q + gain.transpose() * task.r * gain + discount * m.transpose() * value[k + 1] * m;
  }
  Batchd expected = Batchd::Zero(1, 2), x = starts.cast<double>();
  for (int h = 0; h < horizon; ++h) {
    const Batchd inner =
        task.r * gain + discount * task.b.transpose() * value[static_cast<std::size_t>(h) + 1] * m;
    expected += 2 * std::pow(discount, h) / 40 * inner * x * x.transpose();
    x = (m * x).eval();
  }
  CHECK(static_cast<double>(gradient[0]) == Approx(expected(0)).epsilon(1e-4));
  CHECK(static_cast<double>(gradient[1]) == Approx(expected(1)).epsilon(1e-4));
}

TEST_CASE("differentiable rollout: climbing it through time ends at the regulator's gain") {
  const LinearQuadratic task;
  const DifferentiableEnsemble model = task.model();
  ThreadPool pool(1);
  const int horizon = 80;
  MlpPolicy policy(2, ActionBounds::uniform(1, -task.kBound, task.kBound),
                   {.network = {.hidden = {}}, .output = PolicyOutput::kTanh}, 1);
  nn::Network::Plain layer = policy.network().layer(0);
  layer.weight.setZero();
  layer.bias.setZero();
  policy.network().set_layer(0, layer);
  DifferentiableRollout<MlpPolicy> rollout(model, {}, horizon, true, pool, 3);
  rollout.set_reward(task.reward());
  const PathWeights weights = returns_of(16, horizon, 1.0);
  AlignedFloats gradient;
  // Entries of the network are those of the gain by the bounds.
  for (const double rate : {5e-4, 5e-5}) {
    nn::Adam adam(policy.network(), {.learning_rate = rate, .max_gradient = 1e3});
    for (int i = 0; i < 150; ++i) {
      rollout.run(policy, random_columns(2, 16, 100 + static_cast<std::uint64_t>(i)), 0, false);
      rollout.backward(policy, weights, gradient);
      adam.step(policy.network(), gradient);
    }
  }
  const Batchd gain = task.kBound * policy.network().layer(0).weight.cast<double>();
  const Batchd best = infinite_lqr(task.a, task.b, task.q, task.r).gain;
  CHECK(gain(0) == Approx(best(0)).epsilon(0.01));
  CHECK(gain(1) == Approx(best(1)).epsilon(0.01));
}

TEST_CASE("differentiable rollout: its gradient grows with the horizon as the loop's eigenvalue says") {
  // x' = (m - 1/2) x + u / 2 = m x under u = x, with r = x: J = sum_h (discount m)^h x_0.
  for (const float m : {0.9f, 1.2f}) {
    DifferentiableEnsemble model(1, ActionBounds::uniform(1, -1, 1),
                                 {.members = 1, .network = {.hidden = {}}}, 1);
    nn::Network::Plain layer = model.network(0).layer(0);
    layer.weight = Batchf{{m - 1.5f, 0.5f}, {1.0f, 0.0f}};
    layer.bias.setZero();
    model.network(0).set_layer(0, layer);
    model.log_deviation().setConstant(std::log(1e-6f));
    LinearPolicy policy(1, ActionBounds::uniform(1, -1, 1));
    policy.set(Batchd{{1.0}}, Vecd::Zero(1));
    ThreadPool pool(1);
    const std::vector<int> horizons = {1, 5, 20};
    const auto found =
        gradient_by_horizon(policy, model, {}, Batchf{{0.01f, -0.02f}}, horizons, 0.95, pool, 1);
    REQUIRE(found.size() == 3);
    for (const HorizonGradient& at : found) {
      const double ratio = 0.95 * static_cast<double>(m),
                   sum = (1 - std::pow(ratio, at.horizon)) / (1 - ratio);
      CHECK(at.of_starts == Approx(sum).epsilon(1e-3));
      CHECK(at.expected == Approx(-0.005 * sum).epsilon(1e-3));
    }
    CHECK(found[0].of_policy == 0);  // the first reward is that of the start
    CHECK(found[2].of_policy > found[1].of_policy);
  }
}

TEST_CASE("differentiable rollout: threads change no bit, and what is not finite is left out") {
  const DifferentiableEnsemble model = model_of(3, 1, {.hidden = {8}}, 4);
  const MlpPolicy policy(3, ActionBounds::uniform(1, -2, 3), {.network = {.hidden = {8}}}, 2);
  Batchf starts = random_columns(3, 300, 5);
  starts.col(7).setConstant(std::numeric_limits<float>::max());  // the first step overflows
  const auto run = [&](int threads) {
    ThreadPool pool(threads);
    DifferentiableRollout<MlpPolicy> rollout(model, {}, 3, true, pool, 8);
    const DifferentiablePaths& paths = rollout.run(policy, starts, 1);
    CHECK(paths.alive.row(7).sum() == 0);
    CHECK(paths.alive.sum() == 4 * 299);
    AlignedFloats gradient;
    rollout.backward(policy, weights_of(paths), gradient);
    return std::pair(paths.obs, std::vector<float>(gradient.begin(), gradient.end()));
  };
  CHECK(run(1) == run(3));
}

}  // namespace mbrl
