// Networks made from noise: alike where there are data, apart where there are none, and a discriminator keeps them so.
#include "mbrl/models/neural/hyper_gan.hpp"

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/models/neural/bayesian_network.hpp"
#include "models/neural/uncertain_cases.hpp"

namespace mbrl {
namespace {

static_assert(Checkpointable<HyperGan>);

HyperGan learned_gan(double adversarial) {
  HyperGan model(1, 1, {.members = 40}, 3);
  HyperGanTrainer({.run = {.epochs = 1000}, .adversarial = adversarial}, 3).train(cubic(40), model, 0);
  return model;
}

// Of the Gaussian with the mean and variance of all members, in nats.
double entropy(const Predicted& at) {
  return 0.5 * std::log(2 * std::numbers::pi * std::numbers::e) + std::log(at.deviation);
}

TEST_CASE(
    "hyper gan: on the cubic its networks differ, and beyond the data it is less sure than a point is") {
  const HyperGan model = learned_gan(1.0);
  BayesianNetwork point(1, 1, {.posterior = WeightPosterior::kPoint, .network = {.hidden = {32}}}, 3);
  BayesianTrainer({.run = {.epochs = 1000, .learning_rate = 1e-2}}, 3).train(cubic(40), point, 0);
  const Predicted inside = predicted(model, 0.0), outside = predicted(model, 6.0);
  CAPTURE(inside.deviation, outside.deviation, model.weight_distance());
  CHECK(model.weight_distance() > 0.15);
  CHECK(outside.deviation / inside.deviation > 4);
  CHECK(predicted(model, -6.0).deviation / inside.deviation > 4);
  CHECK(inside.spread < 2.0);
  CHECK(predicted(model, 3.0).mean == Approx(30.0).margin(4.0));
  for (const double x : {-6.0, 6.0, 8.0})
    CHECK(entropy(predicted(model, x)) > entropy(predicted(point, x)) + 1);

  // Without the adversary weights of all noises approach each other.
  CHECK(learned_gan(0.0).weight_distance() < 0.7 * model.weight_distance());
}

TEST_CASE("hyper gan: gradients go back through made weights as through a network's own") {
  HyperGan model(2, 1, {.members = 2, .network = {.hidden = {18}, .activation = Activation::kTanh}}, 1);
  const Batchf x = Batchf::Random(3, 6), targets = Batchf::Random(2, 6);
  std::vector<Vecf> made;
  for (const nn::Network& generator : model.generators()) made.push_back(Vecf::Random(generator.out()));
  nn::Network network = model.shape();
  const auto loss = [&] {
    model.fill(network, made);
    Batchf y(2, 6);
    network.evaluate(x, y);
    return 0.5 * static_cast<double>((y - targets).squaredNorm());
  };
  loss();
  nn::Pass pass(network, 6);
  pass.set_input(x);
  pass.forward(network, 6);
  pass.output_gradients(6) = pass.outputs(6) - targets;
  AlignedFloats block;
  pass.backward(network, 6, &block);
  std::vector<Vecf> gradient;
  model.to_generated(block, gradient);
  for (std::size_t l = 0; l < made.size(); ++l)
    for (Index i = 0; i < made[l].size(); i += 3) {
      constexpr float kStep = 1e-2f;
      const float before = made[l][i];
      made[l][i] = before + kStep;
      const double up = loss();
      made[l][i] = before - kStep;
      const double down = loss();
      made[l][i] = before;
      CHECK(gradient[l][i] == Approx((up - down) / (2 * static_cast<double>(kStep))).margin(2e-3));
    }
}

TEST_CASE("hyper gan: the same for the same seed and round, saved and loaded") {
  const TransitionBatch data = cubic(60);
  const auto settings = [](int code_dim) -> HyperGanSettings {
    return {.members = 3, .network = {.hidden = {8}}, .code_dim = code_dim, .inner = 16};
  };
  const auto trained = [&](std::uint64_t seed, std::uint32_t round) {
    HyperGan model(1, 1, settings(16), 1);
    HyperGanTrainer({.run = {.epochs = 3, .holdout_ratio = 0.2}, .networks = 2}, seed)
        .train(data, model, round);
    return model;
  };
  check_repeats(data, trained, HyperGanTrainer({.run = {.epochs = 2}}, 1), settings(17));
}

TEST_CASE("hyper gan: data that say little, and data that cannot be") {
  const HyperGanSettings small{.members = 3, .network = {.hidden = {8}}, .inner = 16};
  HyperGan model(1, 1, small, 1);
  HyperGanTrainer trainer({.run = {.epochs = 100, .learning_rate = 3e-3}}, 1);
  HyperGan::Workspace w;
  Batchf mean(1, 2), variance(1, 2), obs = Batchf::Zero(1, 2);
  const Batchf action = Batchf::Zero(1, 2);
  SECTION("one row, and one row many times") {
    const Index times = GENERATE(1, 100);
    trainer.train(
        {Batchf::Constant(1, times, 1.0f), Batchf::Zero(1, times), Batchf::Constant(1, times, 3.0f), {}},
        model, 0);
    obs.setOnes();
    model.predict(1, obs, action, mean, variance, w);
    CHECK(mean(0, 0) == Approx(3.0f).margin(0.5));
    CHECK(variance(0, 0) > 0);
  }
  SECTION("nothing ever changes") {
    TransitionBatch data = cubic(50);
    data.next_obs = data.obs;
    trainer.train(data, model, 0);
    model.predict(0, obs, action, mean, variance, w);
    CHECK(std::abs(mean(0, 0)) < 1e-3f);
  }
  SECTION("not a number, and mistakes") {
    obs(0, 1) = std::numeric_limits<float>::quiet_NaN();
    model.predict(0, obs, action, mean, variance, w);
    CHECK(std::isfinite(mean(0, 0)));
    CHECK(std::isnan(mean(0, 1)));
    TransitionBatch data = cubic(20);
    data.action(0, 3) = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_AS(trainer.train(data, model, 0), Error);
    CHECK_THROWS_AS(HyperGan(1, 1, {.members = 0}), Error);
    CHECK_THROWS_AS(HyperGan(1, 1, {.network = {.dropout = 0.5}}), Error);
    CHECK_THROWS_AS(HyperGanTrainer({.networks = 0}, 1), Error);
    CHECK_THROWS_AS(HyperGanTrainer({.adversarial = -1}, 1), Error);
  }
}

}  // namespace
}  // namespace mbrl
