// Bayesian networks know what they do not know: near the data they are as sure as the noise allows, far from it they are
// not, where a single network is as sure as ever.
#include "mbrl/models/neural/bayesian_network.hpp"

#include <cmath>
#include <limits>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/models/diagnostics.hpp"
#include "mbrl/models/neural/mlp_ensemble_model.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/rollout/particle_rollout.hpp"
#include "models/neural/uncertain_cases.hpp"

namespace mbrl {
namespace {

static_assert(Checkpointable<BayesianNetwork>);

BayesianNetwork learned_network(WeightPosterior posterior) {
  BayesianNetwork model(1, 1, {.posterior = posterior, .members = 40, .prior_deviation = 4.0}, 3);
  BayesianTrainer({.run = {.epochs = 800, .batch_size = 64, .learning_rate = 1e-2}}, 3)
      .train(cubic(200), model, 0);
  return model;
}

TEST_CASE(
    "bayesian network: on the cubic it is unsure beyond the data, as an ensemble is and a point is not") {
  SECTION("by variational inference") {
    const BayesianNetwork model = learned_network(WeightPosterior::kGaussian);
    const Predicted inside = predicted(model, 0.0), outside = predicted(model, 6.0);
    CAPTURE(inside.deviation, outside.deviation, outside.mean);
    CHECK(outside.deviation / inside.deviation > 5);
    CHECK(predicted(model, -6.0).deviation / inside.deviation > 5);
    CHECK(inside.deviation == Approx(kCubicNoise).epsilon(0.5));
    CHECK(inside.spread < 0.5 * inside.deviation);
    CHECK(inside.mean == Approx(0.0).margin(2.0));
    CHECK(predicted(model, 3.0).mean == Approx(30.0).margin(4.0));
    CHECK(std::abs(outside.mean - 222.0) < 4 * outside.deviation);
  }
  SECTION("an ensemble") {
    ThreadPool pool(2);
    MlpEnsemble model = MlpEnsemble::create(
        {.members = 10, .hidden = {64, 64}, .activation = Activation::kRelu}, ObsEncoding::identity(1), 1, 3);
    // Its disagreement is that of bootstrap samples, which many rows make alike.
    NativeTrainer({.epochs = 2000, .learning_rate = 3e-3f, .weight_decay = {}}, pool, 3)
        .train(cubic(40), model, 0);
    const MlpEnsembleModel members(model);
    CAPTURE(predicted(members, 0.0).deviation, predicted(members, 6.0).deviation);
    CHECK(predicted(members, 6.0).deviation / predicted(members, 0.0).deviation > 5);
  }
  SECTION("a point") {
    const BayesianNetwork model = learned_network(WeightPosterior::kPoint);
    CHECK(model.members() == 1);
    CHECK(predicted(model, 6.0).deviation / predicted(model, 0.0).deviation == Approx(1.0));
    CHECK(predicted(model, 0.0).deviation == Approx(kCubicNoise).epsilon(0.2));
    CHECK(predicted(model, 3.0).mean == Approx(30.0).margin(4.0));
  }
  SECTION("by dropout, less than the others") {
    const BayesianNetwork model = learned_network(WeightPosterior::kDropout);
    const double ratio = predicted(model, 6.0).deviation / predicted(model, 0.0).deviation;
    CAPTURE(ratio);
    CHECK(ratio > 1.5);
    CHECK(predicted(model, 3.0).mean == Approx(30.0).margin(6.0));
  }
}

TEST_CASE("bayesian network: dropout's members are passes of the network with a mask for all inputs") {
  BayesianNetwork model(2, 1,
                        {.posterior = WeightPosterior::kDropout,
                         .members = 400,
                         .network = {.hidden = {6, 5}, .activation = Activation::kSilu, .dropout = 0.3}},
                        1);
  // Over many members the first layer's biases are the whole network's on average.
  const nn::Network& whole = model.posterior().mean();
  double left = 0;
  Vecf first = Vecf::Zero(6);
  for (const nn::Network& function : model.sampled().functions) {
    const nn::Network::Plain thin = function.layer(0), full = whole.layer(0);
    CHECK(function.layer(2).weight == whole.layer(2).weight);
    for (Index u = 0; u < 6; ++u) {
      const bool zero = thin.weight.row(u).isZero(0) && thin.bias[u] == 0;
      if (!zero) CHECK((thin.weight.row(u) - full.weight.row(u) / 0.7f).norm() < 1e-6f);
      left += zero ? 0 : 1;
    }
    first += thin.bias / 400.0f;
  }
  CHECK(left / 2400 == Approx(0.7).margin(0.03));
  CHECK((first - whole.layer(0).bias).cwiseAbs().maxCoeff() < 0.1f);
}

TEST_CASE("bayesian network: noise is learned where weights are sure") {
  // With so many rows, a function that does not depend on its input, and noise of 0.5.
  constexpr int kRows = 4000;
  const RandomStream random(1, Stream::kUser);
  TransitionBatch data{Batchf::Random(1, kRows), Batchf::Zero(1, kRows), Batchf(1, kRows), {}};
  for (int i = 0; i < kRows; ++i)
    data.next_obs(0, i) =
        data.obs(0, i) + static_cast<float>(2 + 0.5 * random.normal(static_cast<std::uint32_t>(i)));
  BayesianNetwork model(1, 1, {.network = {.hidden = {16}}}, 1);
  const TrainingReport report =
      BayesianTrainer({.run = {.epochs = 10, .learning_rate = 1e-2, .holdout_ratio = 0.2}}, 1)
          .train(data, model, 0);
  CHECK(predicted(model, 0.0).mean == Approx(2.0).margin(0.1));
  CHECK(predicted(model, 0.0).deviation == Approx(0.5).epsilon(0.1));
  CHECK(report.holdout_loss.at(0) == Approx(1.0).margin(0.1));  // the noise, in variances of the targets
}

TEST_CASE("bayesian network: the same for the same seed and round, saved, loaded and planned in") {
  const TransitionBatch data = cubic(100);
  const auto posterior =
      GENERATE(WeightPosterior::kGaussian, WeightPosterior::kDropout, WeightPosterior::kPoint);
  const auto settings = [&](int units) -> BayesianNetworkSettings {
    return {.posterior = posterior, .members = 3, .network = {.hidden = {units}, .dropout = 0.2}};
  };
  const auto trained = [&](std::uint64_t seed, std::uint32_t round) {
    BayesianNetwork model(1, 1, settings(8), 1);
    BayesianTrainer({.run = {.epochs = 3, .batch_size = 32}}, seed).train(data, model, round);
    return model;
  };
  check_repeats(data, trained, BayesianTrainer({.run = {.epochs = 2}}, 1), settings(9));

  const BayesianNetwork model = trained(1, 0);
  CHECK(std::isfinite(evaluate_predictions(model, data.obs, data.action, data.next_obs, Vecf::Ones(1)).nll));
  ThreadPool pool(2);
  ParticleRollout rollout(
      model,
      RewardFunction<float>([](ConstBatchRef<float>, ConstBatchRef<float>, ConstBatchRef<float> next, int,
                               VecRef<float> out) { out = next.row(0).transpose(); }),
      {}, {.horizon = 1, .particles = 3, .propagation = Propagation::kExpectation}, pool, 1);
  Vecf returns(1);
  rollout.evaluate(data.obs.col(0), Batchf::Zero(1, 1), {}, returns);
  CHECK(returns[0] == Approx(step_of(model, data)(0, 0)).epsilon(1e-4));
}

TEST_CASE("bayesian network: data that say little, and data that cannot be") {
  const auto posterior =
      GENERATE(WeightPosterior::kGaussian, WeightPosterior::kDropout, WeightPosterior::kPoint);
  BayesianTrainer trainer({.run = {.epochs = 200, .learning_rate = 1e-2}}, 1);
  const BayesianNetworkSettings small{
      .posterior = posterior, .members = 5, .network = {.hidden = {8}, .dropout = 0.1}};
  BayesianNetwork model(1, 1, small, 1);
  BayesianNetwork::Workspace w;
  SECTION("one row, and one row many times") {
    const TransitionBatch one{Vecf{{1.0f}}, Vecf{{0.5f}}, Vecf{{1.5f}}, {}};
    const int times = GENERATE(1, 100);
    trainer.train(
        {one.obs.replicate(1, times), one.action.replicate(1, times), one.next_obs.replicate(1, times), {}},
        model, 0);
    Batchf mean(1, 1), variance(1, 1);
    model.predict(0, one.obs, one.action, mean, variance, w);
    CHECK(std::isfinite(mean(0, 0)));
    CHECK(variance(0, 0) > 0);
    if (times > 1) CHECK(mean(0, 0) == Approx(1.5f).margin(0.3));
  }
  SECTION("nothing ever changes") {
    TransitionBatch data = cubic(50);
    data.next_obs = data.obs;
    trainer.train(data, model, 0);
    Batchf next(1, 50);
    model.step(data.obs, data.action, next, w);
    CHECK((next - data.obs).cwiseAbs().maxCoeff() < 1e-3f);
  }
  SECTION("not a number, and mistakes") {
    Batchf obs = Batchf::Zero(1, 2), mean(1, 2), variance(1, 2);
    const Batchf action = Batchf::Zero(1, 2);
    obs(0, 1) = std::numeric_limits<float>::quiet_NaN();
    model.predict(0, obs, action, mean, variance, w);
    CHECK(std::isfinite(mean(0, 0)));
    CHECK(std::isnan(mean(0, 1)));
    CHECK(std::isnan(variance(0, 1)));
    CHECK_THROWS_AS(model.predict(model.members(), obs, action, mean, variance, w), Error);
    TransitionBatch data = cubic(20);
    data.obs(0, 3) = std::numeric_limits<float>::infinity();
    CHECK_THROWS_AS(trainer.train(data, model, 0), Error);
    BayesianNetworkSettings wrong = small;
    wrong.members = 0;
    CHECK_THROWS_AS(BayesianNetwork(1, 1, wrong), Error);
    wrong = small;
    wrong.network.layer_norm = true;
    CHECK_THROWS_AS(BayesianNetwork(1, 1, wrong), Error);
    wrong = small;
    wrong.initial_noise = 1e-4;
    CHECK_THROWS_AS(BayesianNetwork(1, 1, wrong), Error);
    CHECK_THROWS_AS(
        BayesianNetwork(1, 1, {.posterior = WeightPosterior::kDropout, .network = {.dropout = 0}}), Error);
    CHECK_THROWS_AS(BayesianTrainer({.kl_weight = -1}, 1), Error);
  }
}

}  // namespace
}  // namespace mbrl
