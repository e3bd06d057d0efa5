// Targets of ensembles against loops in double precision over all their combinations, and what models that disagree
// count for.
#include "mbrl/rollout/stochastic_expansion.hpp"

#include <cmath>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "learning/replay_batches.hpp"
#include "mbrl/core/error.hpp"
#include "rollout/expansion_cases.hpp"

namespace mbrl {
namespace {

constexpr double kGamma = 0.9;

std::vector<const nn::Network*> targets_of(const Td3& td3) {
  std::vector<const nn::Network*> all;
  for (int l = 0; l < td3.settings().critics; ++l) all.push_back(&td3.critic_target(l));
  return all;
}

// The task's model with a step of each member's own, as large as `spread` says, where the observation is above 0:
// wrong there, and right elsewhere.
MlpEnsemble half_wrong(int members, float spread) {
  MlpEnsemble model = MlpEnsemble::create(
      {.members = members, .hidden = {3}, .activation = Activation::kRelu, .gaussian = false},
      ObsEncoding::identity(1), 1, 1);
  for (int m = 0; m < members; ++m) {
    auto& layers = model.members[static_cast<std::size_t>(m)];
    // Units s, -s and a + 10, which is never negative; s' - s = -0.1 s + 0.5 a + own * max(s, 0).
    layers[0].weight = {1, -1, 0, 0, 0, 1};
    layers[0].bias = {0, 0, 10};
    const float own = spread * (static_cast<float>(m) - 0.5f * static_cast<float>(members - 1));
    layers[1].weight = {-0.1f + own, 0.1f, 0.5f};
    layers[1].bias = {-5};
  }
  return model;
}

}  // namespace

TEST_CASE("stochastic expansion: weights are the inverse variances, scaled to 1") {
  const std::vector<double> variance = {0.5, 2.0, 1e-3, 40.0};
  std::vector<double> weight(4);
  inverse_variance_weights(variance, weight);
  const double sum = 1 / 0.5 + 1 / 2.0 + 1 / 1e-3 + 1 / 40.0;
  for (std::size_t h = 0; h < 4; ++h) CHECK(weight[h] == Approx(1 / variance[h] / sum).epsilon(1e-4));
  CHECK(weight[0] + weight[1] + weight[2] + weight[3] == Approx(1).epsilon(1e-14));
  // None where all agree on one horizon, and alike where they agree on all.
  inverse_variance_weights(std::vector<double>{0, 1, 1}, std::span(weight).first(3));
  CHECK(weight[0] == Approx(1).epsilon(1e-7));
  inverse_variance_weights(std::vector<double>{0, 0, 0}, std::span(weight).first(3));
  CHECK(weight[2] == Approx(1.0 / 3));
}

TEST_CASE("stochastic expansion: without a horizon the target is the critics' mean") {
  ThreadPool pool(2);
  const Td3 td3 = testing::random_td3(pool, 3);
  Transitions batch = testing::linear_quadratic(0, 150);
  batch.terminated[7] = 1;
  StochasticExpansion expansion(testing::linear_model(4, 0, 0, 1), testing::quadratic_reward(), {}, 0, kGamma,
                                pool, 1);
  expansion.run(batch, td3.policy_target(), targets_of(td3), 0);
  for (Index i = 0; i < 150; ++i) {
    double mean = 0;
    for (int l = 0; l < 3; ++l)
      mean += testing::target_value(td3, l, static_cast<double>(batch.next_obs(0, i))) / 3;
    const double y = static_cast<double>(batch.reward(i)) + (i == 7 ? 0 : kGamma * mean);
    CHECK(static_cast<double>(expansion.target()(i)) == Approx(y).epsilon(1e-5).margin(1e-5));
  }
  CHECK(expansion.model_weight() == 0);
}

TEST_CASE("stochastic expansion: targets of all combinations, in loops and in double precision") {
  constexpr int kHorizon = 3, kMembers = 3, kCritics = 2;
  ThreadPool pool(2);
  const Td3 td3 = testing::random_td3(pool, kCritics);
  const TerminationFunction<float> beyond_one = [](ConstBatchRef<float> next, VecRef<float> out) {
    for (Index j = 0; j < next.cols(); ++j) out(j) = next(0, j) > 1 ? 1.0f : 0.0f;
  };
  for (const bool learned : {false, true}) {
    CAPTURE(learned);
    // Members of their own slope and, where rewards are learned, of their own reward c s + d a.
    MlpEnsembleSettings shape{
        .members = kMembers, .hidden = {}, .gaussian = false, .learned_reward = learned};
    MlpEnsemble model = MlpEnsemble::create(shape, ObsEncoding::identity(1), 1, 1);
    const auto slope = [](int m) { return -0.1 + 0.2 * m; };
    const auto learned_reward = [](int n, double s, double a) { return (1 + 0.5 * n) * s - 0.25 * n * a; };
    for (int m = 0; m < kMembers; ++m) {
      DenseLayer& layer = model.members[static_cast<std::size_t>(m)][0];
      const auto w = static_cast<float>(slope(m)), c = 1 + 0.5f * static_cast<float>(m);
      layer.weight = learned ? std::vector<float>{w, c, 0.5f, -0.25f * static_cast<float>(m)}
                             : std::vector<float>{w, 0.5f};
      layer.bias.assign(learned ? 2 : 1, 0.0f);
    }
    model.elites = {2, 0, 1};
    Transitions batch = testing::linear_quadratic(1, 70);
    batch.terminated[3] = 1;
    batch.discount = Vecf::LinSpaced(70, 0.5f, 0.9f);
    StochasticExpansion expansion(model, learned ? RewardFunction<float>{} : testing::quadratic_reward(),
                                  beyond_one, kHorizon, kGamma, pool, 1);
    expansion.run(batch, td3.policy_target(), targets_of(td3), 0);
    int ended_early = 0;
    for (Index i = 0; i < 70; ++i) {
      CAPTURE(i);
      if (i == 3) {
        CHECK(expansion.target()(i) == batch.reward(i));
        continue;
      }
      std::vector<double> mean, variance;
      for (int h = 0; h <= kHorizon; ++h) {
        std::vector<double> t;
        for (int m = 0; m < kMembers; ++m)
          for (int n = 0; n < (learned ? kMembers : 1); ++n)
            for (int l = 0; l < kCritics; ++l) {
              double s = static_cast<double>(batch.next_obs(0, i)), scale = 1, sum = 0;
              for (int k = 0; k < h && scale > 0; ++k) {
                const double a = testing::action_of(td3.policy_target(), s);
                sum += scale * (learned ? learned_reward(n, s, a) : -(s * s + 0.1 * a * a));
                s += slope(m) * s + 0.5 * a;
                scale = s > 1 ? 0 : scale * kGamma;
              }
              ended_early += scale == 0;
              t.push_back(static_cast<double>(batch.reward(i)) +
                          static_cast<double>(batch.discount(i)) *
                              (sum + scale * testing::target_value(td3, l, s)));
            }
        double sum = 0, squares = 0;
        for (const double x : t) sum += x / static_cast<double>(t.size());
        for (const double x : t) squares += (x - sum) * (x - sum) / static_cast<double>(t.size());
        mean.push_back(sum);
        variance.push_back(squares);
        CHECK(expansion.mean()(h, i) == Approx(sum).margin(1e-4));
        CHECK(expansion.variance()(h, i) == Approx(squares).epsilon(1e-2).margin(1e-6));
      }
      std::vector<double> weight(mean.size());
      // From its own variances: what is left is the sum.
      for (std::size_t h = 0; h < mean.size(); ++h)
        variance[h] = expansion.variance()(static_cast<Index>(h), i);
      inverse_variance_weights(variance, weight);
      double y = 0;
      for (std::size_t h = 0; h < mean.size(); ++h) y += weight[h] * mean[h];
      CHECK(static_cast<double>(expansion.target()(i)) == Approx(y).margin(1e-4));
    }
    CHECK(ended_early > 100);
  }
}

TEST_CASE("stochastic expansion: a model counts where its members agree, and not where they do not") {
  ThreadPool pool(1);
  const Td3 td3 = testing::random_td3(pool, 4);
  Transitions batch = testing::linear_quadratic(2, 200);
  // Starts that stay on their side for the horizon: the policy's actions are small.
  for (Index i = 0; i < 200; ++i)
    batch.next_obs(0, i) = (i < 100 ? -1.0f : 1.0f) * (1 + 0.005f * static_cast<float>(i % 100));
  double before = 1;
  for (const float spread : {0.0f, 0.1f, 1.0f, 30.0f}) {
    CAPTURE(spread);
    StochasticExpansion expansion(half_wrong(4, spread), testing::quadratic_reward(), {}, 3, kGamma, pool, 1);
    expansion.run(batch, td3.policy_target(), targets_of(td3), 0);
    const double right = 1 - expansion.weight().row(0).head(100).mean();
    const double wrong = 1 - expansion.weight().row(0).tail(100).mean();
    CHECK(right > 0.7);  // three horizons of four, and the further, the less is left of the critics' variance
    CHECK(wrong < before);
    before = wrong;
    if (spread == 0) CHECK(wrong > 0.7);
    CHECK(expansion.model_weight() == Approx(0.5 * (right + wrong)));
  }
  CHECK(before < 0.01);
}

TEST_CASE("stochastic expansion: a horizon that left the numbers counts nothing") {
  ThreadPool pool(1);
  const Td3 td3 = testing::random_td3(pool, 2);
  Transitions batch = testing::empty(1, 1, 2);
  batch.next_obs << 1e37f, 1.0f;
  const auto one = [](ConstBatchRef<float>, ConstBatchRef<float>, ConstBatchRef<float>, int,
                      VecRef<float> out) { out.setOnes(); };
  StochasticExpansion expansion(testing::linear_model(2, 9, 0, 0), one, {}, 3, kGamma, pool, 1);
  expansion.run(batch, td3.policy_target(), targets_of(td3), 0);
  CHECK(expansion.weight()(2, 0) == 0);
  CHECK(expansion.weight()(3, 0) == 0);
  CHECK(expansion.weight()(0, 0) + expansion.weight()(1, 0) == Approx(1));
  CHECK(expansion.weight().col(1).minCoeff() > 0);
  CHECK(std::isfinite(expansion.target()(0)));

  const MlpEnsemble model = testing::linear_model(2, 0, 0, 0);
  CHECK(
      contains(error_of([&] { StochasticExpansion(model, one, {}, -1, kGamma, pool, 1); }), "horizon is -1"));
  CHECK(contains(error_of([&] { StochasticExpansion(model, {}, {}, 2, kGamma, pool, 1); }), "reward"));
  CHECK(contains(error_of([&] { expansion.run(batch, td3.policy_target(), {}, 0); }), "no critic"));
}

}  // namespace mbrl
