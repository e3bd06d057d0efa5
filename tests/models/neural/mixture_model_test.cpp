// Mixture density models: both modes where a single Gaussian predicts the mean, and one distribution whether it is
// asked for moments, densities or draws.
#include "mbrl/models/neural/mixture_model.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/models/diagnostics.hpp"
#include "mbrl/rollout/particle_rollout.hpp"

namespace mbrl {
namespace {

static_assert(Checkpointable<MixtureModel>);

constexpr double kNoise = 0.05;

// A fork in the road: with probability 0.7 the first entry goes up by 1 + x / 2, else down by 1; the second always
// follows the action.
TransitionBatch fork(int n, std::uint32_t id = 0) {
  const RandomStream random(5, Stream::kUser);
  TransitionBatch data{Batchf(2, n), Batchf(1, n), Batchf(2, n), {}};
  for (int i = 0; i < n; ++i) {
    const auto at = static_cast<std::uint32_t>(i);
    const auto noise = [&](std::uint32_t k) { return static_cast<float>(kNoise * random.normal(id, at, k)); };
    const auto x = static_cast<float>(random.uniform(-1.0, 1.0, id, at, 0)),
               u = static_cast<float>(random.uniform(-1.0, 1.0, id, at, 1));
    data.obs.col(i) << x, 0.0f;
    data.action(0, i) = u;
    const float change = random.uniform(id, at, 2) < 0.7 ? 1.0f + 0.5f * x : -1.0f;
    data.next_obs.col(i) << x + change + noise(3), 0.5f * u + noise(4);
  }
  return data;
}

MixtureModel learned_mixture(int components, double temperature = 1.0) {
  MixtureModel model(2, 1,
                     {.components = components,
                      .network = {.hidden = {32}, .activation = Activation::kTanh},
                      .temperature = temperature},
                     3);
  MixtureTrainer({.run = {.epochs = 40, .batch_size = 32, .learning_rate = 5e-3, .holdout_ratio = 0.1}}, 3)
      .train(fork(2000), model, 0);
  return model;
}

double mean_log_prob(const MixtureModel& model, const TransitionBatch& data) {
  MixtureModel::Workspace w;
  Vecd out(data.obs.cols());
  model.log_prob(data.obs, data.action, data.next_obs, out, w);
  return out.mean();
}

TEST_CASE("mixture: both ways of a fork are found, where a Gaussian predicts the mean, which is neither") {
  const MixtureModel mixture = learned_mixture(5), gaussian = learned_mixture(1);
  MixtureModel::Workspace w;
  const Batchf obs{{-0.5f, 0.0f, 0.5f}, {0.0f, 0.0f, 0.0f}}, action{{0.4f, 0.4f, 0.4f}};
  Batchf mean(2, 3), variance(2, 3);
  gaussian.predict(obs, action, mean, variance, w);
  mixture.components(obs, action, w);
  for (Index j = 0; j < 3; ++j) {
    const float x = obs(0, j), up = x + 1.0f + 0.5f * x, down = x - 1.0f, middle = 0.7f * up + 0.3f * down;
    CAPTURE(x);
    CHECK(mean(0, j) == Approx(middle).margin(0.15));
    CHECK(std::sqrt(variance(0, j)) ==
          Approx(std::sqrt(0.21) * static_cast<double>(up - down)).epsilon(0.15));
    float share_up = 0, share_down = 0;
    for (std::size_t k = 0; k < 5; ++k) {
      const float at = w.components.mean[k](0, j), weight = w.components.weight(static_cast<Index>(k), j);
      if (std::abs(at - up) < 0.12f) share_up += weight;
      if (std::abs(at - down) < 0.12f) share_down += weight;
      if (weight > 0.1f) CHECK(w.components.mean[k](1, j) == Approx(0.2f).margin(0.06));
    }
    CHECK(share_up == Approx(0.7).margin(0.08));
    CHECK(share_down == Approx(0.3).margin(0.08));
  }
  const TransitionBatch fresh = fork(2000, 1);
  // Of the truth: both entries' noise and the choice.
  const double best =
      -2 * std::log(kNoise * std::sqrt(2 * M_PI * M_E)) + 0.7 * std::log(0.7) + 0.3 * std::log(0.3);
  CHECK(mean_log_prob(mixture, fresh) == Approx(best).margin(0.15));
  CHECK(mean_log_prob(gaussian, fresh) < best - 1.5);
  // What is drawn from the mixture happens; what the Gaussian expects does not.
  Batchf drawn(2, fresh.obs.cols()), expected(2, fresh.obs.cols());
  mixture.draw(fresh.obs, fresh.action, RandomStream(1, Stream::kModelNoise), 0, 0, drawn, w);
  gaussian.step(fresh.obs, fresh.action, expected, w);
  const auto happens = [&](const Batchf& next) {
    int near = 0;
    for (Index j = 0; j < next.cols(); ++j) {
      const float x = fresh.obs(0, j), change = next(0, j) - x;
      near += std::min(std::abs(change - 1.0f - 0.5f * x), std::abs(change + 1.0f)) < 0.2f;
    }
    return static_cast<double>(near) / static_cast<double>(next.cols());
  };
  CHECK(happens(drawn) > 0.95);
  CHECK(happens(expected) < 0.05);
}

TEST_CASE("mixture: moments, densities and draws are of one distribution, at any temperature") {
  const double temperature = GENERATE(1.0, 1.7);
  const MixtureModel model = learned_mixture(3, temperature);
  MixtureModel::Workspace w;
  constexpr Index kDraws = 20000;
  const Batchf obs = Vecf{{0.3f, 0.0f}}.replicate(1, kDraws), action = Batchf::Constant(1, kDraws, -0.2f);
  Batchf drawn(2, kDraws), mean(2, kDraws), variance(2, kDraws);
  model.draw(obs, action, RandomStream(2, Stream::kModelNoise), 1, 2, drawn, w);
  model.predict(obs, action, mean, variance, w);
  for (Index r = 0; r < 2; ++r) {
    const double m = drawn.row(r).cast<double>().mean();
    const double v = (drawn.row(r).cast<double>().array() - m).square().mean();
    CHECK(m == Approx(mean(r, 0)).margin(4 * std::sqrt(v / kDraws)));
    CHECK(v == Approx(variance(r, 0)).epsilon(0.05));
  }
  // The density sums up to 1 over a grid, and the integral of its square is its mean over draws.
  constexpr int kGrid = 300;
  const double low0 = -2, step0 = 5.0 / kGrid, low1 = -1, step1 = 2.0 / kGrid;
  Batchf grid(2, kGrid * kGrid);
  for (int i = 0; i < kGrid * kGrid; ++i)
    grid.col(i) << static_cast<float>(low0 + step0 * (i / kGrid + 0.5)),
        static_cast<float>(low1 + step1 * (i % kGrid + 0.5));
  Vecd log_prob(grid.cols()), of_drawn(kDraws);
  const Batchf at = obs.col(0).replicate(1, grid.cols()), with = action.col(0).replicate(1, grid.cols());
  model.log_prob(at, with, grid, log_prob, w);
  const Vecd density = log_prob.array().exp();
  CHECK(density.sum() * step0 * step1 == Approx(1.0).epsilon(0.01));
  model.log_prob(obs, action, drawn, of_drawn, w);
  CHECK(of_drawn.array().exp().mean() == Approx(density.squaredNorm() * step0 * step1).epsilon(0.05));
}

TEST_CASE("mixture: temperature divides logits and multiplies variances") {
  const MixtureModelSettings warm{.components = 3, .network = {.hidden = {8}}};
  MixtureModelSettings hot = warm, cold = warm;
  hot.temperature = 2.5;
  cold.temperature = 1e-3;
  MixtureModel::Workspace w, v;
  const Batchf obs = Batchf::Random(2, 40), action = Batchf::Random(1, 40);
  const MixtureModel model(2, 1, warm, 7);
  model.components(obs, action, w);
  MixtureModel(2, 1, hot, 7).components(obs, action, v);
  for (Index j = 0; j < 40; ++j) {
    const Eigen::ArrayXd power = w.components.weight.col(j).cast<double>().array().pow(1 / 2.5);
    for (Index k = 0; k < 3; ++k) {
      const auto i = static_cast<std::size_t>(k);
      CHECK(v.components.weight(k, j) == Approx(power[k] / power.sum()).epsilon(1e-4));
      CHECK(v.components.variance[i](1, j) == Approx(2.5f * w.components.variance[i](1, j)).epsilon(1e-5));
      CHECK(v.components.mean[i](1, j) == w.components.mean[i](1, j));
    }
  }
  Batchf drawn(2, 40);
  MixtureModel(2, 1, cold, 7).draw(obs, action, RandomStream(1, Stream::kModelNoise), 0, 0, drawn, v);
  for (Index j = 0; j < 40; ++j) {
    Index likely = 0;
    w.components.weight.col(j).maxCoeff(&likely);
    CHECK((drawn.col(j) - w.components.mean[static_cast<std::size_t>(likely)].col(j)).norm() < 0.15f);
  }
}

TEST_CASE("mixture: a draw depends on its counters alone, and training on data, seed and round") {
  const MixtureModel model = learned_mixture(3);
  MixtureModel::Workspace w;
  const TransitionBatch data = fork(300);
  const RandomStream random(4, Stream::kModelNoise);
  Batchf all(2, 300), few(2, 20), other(2, 300);
  model.draw(data.obs, data.action, random, 3, 0, all, w);
  model.draw(data.obs.leftCols(20), data.action.leftCols(20), random, 3, 0, few, w);
  model.draw(data.obs, data.action, random, 4, 0, other, w);
  CHECK(all.leftCols(20) == few);
  CHECK(all != other);

  const auto trained = [&](std::uint64_t seed, std::uint32_t round) {
    MixtureModel m(2, 1, {.components = 2, .network = {.hidden = {8}, .dropout = 0.1}}, 1);
    MixtureTrainer({.run = {.epochs = 2}}, seed).train(data, m, round);
    Batchf next(2, 300);
    m.step(data.obs, data.action, next, w);
    return next;
  };
  CHECK(trained(1, 0) == trained(1, 0));
  CHECK(trained(1, 0) != trained(2, 0));
  CHECK(trained(1, 0) != trained(1, 1));
}

TEST_CASE("mixture: saved, loaded, and planned in") {
  const MixtureModel model = learned_mixture(3);
  StateDict dict;
  model.save(dict, "m.");
  MixtureModel again(2, 1, model.settings(), 99);
  again.load(dict, "m.");
  const TransitionBatch fresh = fork(300, 2);
  MixtureModel::Workspace w;
  Batchf a(2, 300), b(2, 300), va(2, 300), vb(2, 300);
  model.predict(fresh.obs, fresh.action, a, va, w);
  again.predict(fresh.obs, fresh.action, b, vb, w);
  CHECK(a == b);
  CHECK(va == vb);
  MixtureModelSettings two = model.settings();
  two.components = 2;
  MixtureModel other(2, 1, two), wider(3, 1, model.settings());
  CHECK_THROWS_AS(other.load(dict, "m."), Error);
  CHECK_THROWS_AS(wider.load(dict, "m."), Error);

  const PredictionReport report =
      evaluate_predictions(model, fresh.obs, fresh.action, fresh.next_obs, Vecf::Ones(2));
  CHECK(report.calibration_95 > 0.9);
  ThreadPool pool(2);
  ParticleRollout rollout(
      again,
      RewardFunction<float>([](ConstBatchRef<float>, ConstBatchRef<float>, ConstBatchRef<float> next, int,
                               VecRef<float> out) { out = next.row(1).transpose(); }),
      {}, {.horizon = 1, .particles = 1, .propagation = Propagation::kExpectation}, pool, 1);
  Vecf returns(1);
  rollout.evaluate(fresh.obs.col(0), fresh.action.leftCols(1), {}, returns);
  CHECK(returns[0] == Approx(a(1, 0)));
}

TEST_CASE("mixture: data that say little, and data that cannot be") {
  MixtureTrainer trainer({.run = {.epochs = 20, .learning_rate = 1e-2}}, 1);
  MixtureModel::Workspace w;
  const auto predicts = [&](const TransitionBatch& data, float first, float second) {  // within these margins
    MixtureModel model(2, 1, {.components = 3, .network = {.hidden = {8}}}, 1);
    const TrainingReport report = trainer.train(data, model, 0);
    CHECK(std::isfinite(report.train_loss.at(0)));
    Batchf mean(2, data.obs.cols()), variance(2, data.obs.cols());
    model.predict(data.obs, data.action, mean, variance, w);
    CHECK((variance.array() > 0).all());
    const Vecf error = (mean - data.next_obs).cwiseAbs().rowwise().maxCoeff();
    CHECK(error[0] < first);
    CHECK(error[1] < second);
  };
  SECTION("one row, or one row many times") {
    const TransitionBatch one{Vecf{{1.0f, 2.0f}}, Vecf{{0.5f}}, Vecf{{1.5f, 2.0f}}, {}};
    predicts(one, 1.5f, 1.5f);
    predicts({one.obs.replicate(1, 200), one.action.replicate(1, 200), one.next_obs.replicate(1, 200), {}},
             0.5f, 0.5f);
  }
  SECTION("nothing ever changes") {
    TransitionBatch data = fork(300);
    data.next_obs = data.obs;
    predicts(data, 1e-3f, 0.2f);  // the second entry never varies, so nothing says what is little
  }
  SECTION("a constant of the episode has no variance, and no density") {
    ObsEncoding encoding = ObsEncoding::identity(2);
    encoding.hold_constant(1, 1);
    MixtureModel model(encoding, 1, {.components = 2, .network = {.hidden = {8}}}, 1);
    TransitionBatch data = fork(300);
    data.next_obs.row(1) = data.obs.row(1);
    trainer.train(data, model, 0);
    Batchf mean(2, 300), variance(2, 300);
    model.predict(data.obs, data.action, mean, variance, w);
    CHECK(mean.row(1) == data.obs.row(1));
    CHECK((variance.row(1).array() == 0).all());
    CHECK(std::isfinite(mean_log_prob(model, data)));
  }
  SECTION("not a number") {
    const MixtureModel model(2, 1, {.network = {.hidden = {8}}});
    Batchf obs = Batchf::Zero(2, 2), mean(2, 2), variance(2, 2);
    const Batchf action = Batchf::Zero(1, 2);
    obs(0, 1) = std::numeric_limits<float>::quiet_NaN();
    model.predict(obs, action, mean, variance, w);
    CHECK(mean.col(0).allFinite());
    CHECK(mean.col(1).array().isNaN().all());
    CHECK(variance.col(1).array().isNaN().all());
    TransitionBatch data = fork(20);
    data.next_obs(1, 3) = std::numeric_limits<float>::quiet_NaN();
    MixtureModel learner(2, 1, {.network = {.hidden = {8}}});
    CHECK_THROWS_AS(trainer.train(data, learner, 0), Error);
    CHECK_THROWS_AS(model.step(Batchf::Zero(3, 2), action, mean, w), Error);
  }
  SECTION("settings") {
    CHECK_THROWS_AS(MixtureModel(2, 0), Error);
    CHECK_THROWS_AS(MixtureModel(2, 1, {.components = 0}), Error);
    CHECK_THROWS_AS(MixtureModel(2, 1, {.temperature = 0.0}), Error);
    CHECK_THROWS_AS(MixtureModel(2, 1, {.min_logvar = 1.0}), Error);
    CHECK_THROWS_AS(MixtureTrainer({.run = {.epochs = 0}}, 1), Error);
    CHECK_THROWS_AS(MixtureTrainer({.run = {.patience = 2}}, 1), Error);
    CHECK_THROWS_AS(MixtureTrainer({.weight_decay = -1.0}, 1), Error);
  }
}

}  // namespace
}  // namespace mbrl
