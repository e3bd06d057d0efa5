// The multi-step loss against the plain forward pass and its gradient against differences; and what training by it is for:
// predictions far ahead, from noisy data.
#include "mbrl/models/neural/multi_step_trainer.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#include "mbrl/models/diagnostics.hpp"
#include "mbrl/models/neural/ensemble_training.hpp"
#include "mbrl/models/neural/member_network.hpp"
#include "mbrl/models/neural/mlp_ensemble_model.hpp"

using namespace mbrl;

namespace {

// Every kind of feature and target.
ObsEncoding some_encoding() {
  using Kind = ObsFeature::Kind;
  return {
      {{Kind::kSin, 0}, {Kind::kCos, 0}, {Kind::kIdentity, 1}, {Kind::kIdentity, 2}, {Kind::kIdentity, 3}},
      {TargetKind::kDelta, TargetKind::kAbsolute, TargetKind::kDelta, TargetKind::kConstant}};
}

// Episodes of `length` steps of something smooth in 4 entries, the last constant, under 2 actions.
TransitionBuffer some_trajectories(int rows, int length) {
  const RandomStream random(4, Stream::kUser);
  TransitionBuffer data(4, 2, static_cast<std::size_t>(rows));
  Vecd obs(4), next(4), action(2);
  for (int t = 0; t < rows; ++t) {
    const auto id = static_cast<std::uint32_t>(t);
    if (t % length == 0)
      for (int i = 0; i < 4; ++i) obs(i) = random.normal(id, static_cast<std::uint32_t>(i), 1);
    for (int i = 0; i < 2; ++i) action(i) = random.uniform(-1.0, 1.0, id, static_cast<std::uint32_t>(i), 2);
    next << obs(0) + 0.3 * obs(2), 0.8 * obs(1) + 0.5 * action(0), obs(2) + std::sin(obs(0)) - action(1),
        obs(3);
    data.add(obs, action, next, next(0) - action(0), false, t % length == length - 1);
    obs = next;
  }
  return data;
}

MlpEnsemble model_of(const TransitionBuffer& data, int members = 1) {
  MlpEnsemble model = MlpEnsemble::create({.members = members,
                                           .hidden = {12, 9},
                                           .activation = Activation::kTanh,
                                           .gaussian = false,
                                           .learned_reward = true},
                                          some_encoding(), 2, 3);
  fit_scaling(data.batch(), model);
  return model;
}

}  // namespace

TEST_CASE("unroll: the loss is that of predictions fed back into themselves") {
  const TransitionBuffer data = some_trajectories(60, 10);
  const MlpEnsemble model = model_of(data);
  constexpr int kSteps = 3;
  const std::vector<std::uint32_t> starts = data.window_starts(kSteps);
  const Windows windows = windows_at(data, kSteps, starts);
  const Index n = windows.count();
  Eigen::Map<const Vecf> scale(model.target_std.data(), 5);
  Batchf x = windows.obs[0], y(5, n), none(5, 0), truth(5, n), next(4, n);
  double squared = 0, norm = 0;
  for (std::size_t i = 0; i < kSteps; ++i) {
    predict_member(model, 0, x, windows.action[i], y, none);
    model.encoding.decode<float>(x, y.topRows(4), next);
    truth =
        regression_targets(model, {windows.obs[i], windows.action[i], windows.obs[i + 1], windows.reward[i]});
    Batchf error = ((y - truth).array().colwise() / scale.array()).matrix();
    norm += static_cast<double>(error.colwise().norm().sum());
    error.topRows(4) = ((next - windows.obs[i + 1]).array().colwise() / scale.head(4).array()).matrix();
    squared += static_cast<double>(error.squaredNorm()) / 5;
    x = next;
  }
  const nn::Network network = network_of(model, 0);
  Unroll unroll(network, kSteps, static_cast<int>(n));
  const double count = static_cast<double>(n) * kSteps;
  CHECK(unroll.run(model, network, windows, 0, n, MultiStepLoss::kSquared) ==
        Approx(squared / count).epsilon(1e-5));
  CHECK(unroll.run(model, network, windows, 0, n, MultiStepLoss::kNorm) ==
        Approx(norm / count).epsilon(1e-5));
}

TEST_CASE("unroll: its gradient is that of differences, and parts add up") {
  const TransitionBuffer data = some_trajectories(40, 10);
  const MlpEnsemble model = model_of(data);
  const std::vector<std::uint32_t> starts = data.window_starts(5);
  for (const int steps : {1, 2, 5})
    for (const MultiStepLoss loss : {MultiStepLoss::kSquared, MultiStepLoss::kNorm}) {
      CAPTURE(steps, loss);
      const Windows windows = windows_at(data, steps, starts);
      const Index n = windows.count();
      nn::Network network = network_of(model, 0);
      Unroll unroll(network, 5, static_cast<int>(n));
      const double value = unroll.run(model, network, windows, 0, n, loss);
      const AlignedFloats gradient = unroll.gradient(), parameters = network.parameters();
      const Eigen::Map<const Eigen::ArrayXf> g(gradient.data(), static_cast<Index>(gradient.size()));
      const double first = unroll.run(model, network, windows, 0, 7, loss);
      Eigen::ArrayXf sum = Eigen::Map<const Eigen::ArrayXf>(unroll.gradient().data(), g.size());
      CHECK(first + unroll.run(model, network, windows, 7, n - 7, loss) == Approx(value).epsilon(1e-5));
      sum += Eigen::Map<const Eigen::ArrayXf>(unroll.gradient().data(), g.size());
      CHECK((sum - g).abs().maxCoeff() < 1e-5f * g.abs().maxCoeff());

      // Along the gradient and along some of its entries in turn.
      const auto slope = [&](const Eigen::ArrayXf& direction) {
        double ends[2];
        for (const int side : {0, 1}) {
          const float step = side == 1 ? 4e-3f : -4e-3f;
          for (std::size_t i = 0; i < parameters.size(); ++i)
            network.parameters()[i] = parameters[i] + step * direction(static_cast<Index>(i));
          ends[side] = unroll.run(model, network, windows, 0, n, loss);
        }
        network.parameters() = parameters;
        return (ends[1] - ends[0]) / 8e-3;
      };
      for (Index every = 1; every <= 4; ++every) {
        Eigen::ArrayXf direction = g;
        for (Index i = 0; i < g.size(); ++i) direction(i) = i % every == 0 ? g(i) : 0.0f;
        direction /= direction.matrix().norm();
        const double expected = static_cast<double>((direction * g).sum());
        CHECK(slope(direction) == Approx(expected).epsilon(5e-3));
      }
    }
}

TEST_CASE("multi-step training: threads and a restart change no number") {
  const TransitionBuffer data = some_trajectories(100, 10);
  const MultiStepSettings settings{.curriculum = {1, 3}, .updates = 20, .batch_size = 100};
  const auto parameters = [](const MlpEnsemble& model) { return model.members[1][1].weight; };
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    MlpEnsemble model = model_of(data, 2);
    MultiStepTrainer trainer(model, settings, pool, 7);
    const TrainingReport report = trainer.train(data, model);
    CHECK(report.steps == 20);
    CHECK(report.train_loss.size() == 2);
    StateDict state;
    trainer.save(state, "x.");
    MultiStepTrainer loaded(model, settings, pool, 7);
    loaded.load(state, "x.");
    MlpEnsemble other = model;
    trainer.train(data, model);
    loaded.train(data, other);
    CHECK(parameters(model) == parameters(other));
    results.push_back(parameters(model));
  }
  CHECK(results[0] == results[1]);
}

TEST_CASE("multi-step training: what it cannot do is refused in words") {
  ThreadPool pool(1);
  const TransitionBuffer data = some_trajectories(20, 4);
  MlpEnsemble model = model_of(data), gaussian = model;
  gaussian.settings.gaussian = true;
  const auto error = [&](const MultiStepSettings& settings) {
    return error_of([&] { MultiStepTrainer(model, settings, pool, 1).train(data, model); });
  };
  CHECK(contains(error({.curriculum = {}}), "curriculum is empty"));
  CHECK(contains(error({.curriculum = {0}}), "curriculum holds 0"));
  CHECK(contains(error({.updates = 1}), "updates is 1"));
  CHECK(contains(error({.batch_size = 0}), "batch_size is 0"));
  CHECK(contains(error({.curriculum = {1, 5}}), "no episode has 5 steps"));
  CHECK(contains(error_of([&] { MultiStepTrainer(gaussian, {}, pool, 1); }), "deterministic"));
}

namespace {

// Pendulum-v1 under random torques, seen through noise.
TransitionBuffer pendulum_data(int episodes, double noise, std::uint64_t seed) {
  Pendulum env;
  const RandomStream random(seed, Stream::kUser);
  TransitionBuffer data(3, 1, static_cast<std::size_t>(episodes) * 200);
  std::uint32_t id = 0;
  const Vecd deviation = noise * Vecd{{0.7, 0.7, 3.0}};
  const auto seen = [&](const Vecd& obs) {
    Vecd out = obs;
    for (Index i = 0; i < 3; ++i)
      out(i) += deviation(i) * random.normal(id, static_cast<std::uint32_t>(i), 1);
    return out;
  };
  for (int e = 0; e < episodes; ++e) {
    Vecd obs = seen(env.reset(seed * 1000 + static_cast<std::uint64_t>(e)));
    for (bool over = false; !over; ++id) {
      const Vecd action = Vecd::Constant(1, random.uniform(-2.0, 2.0, id / 5));
      const StepResult result = env.step(action);
      const Vecd next = seen(result.obs);
      data.add(obs, action, next, result.reward, false, result.truncated);
      over = result.truncated;
      obs = next;
    }
  }
  return data;
}

double error_ahead(const MlpEnsemble& model, const TransitionBuffer& data, int steps) {
  const std::vector<std::uint32_t> starts = data.window_starts(steps);
  const Windows windows = windows_at(data, steps, starts);
  return open_loop_rmse(MlpEnsembleModel(model), windows.obs[0], windows.action,
                        std::vector<Batchf>(windows.obs.begin() + 1, windows.obs.end()),
                        Vecf{{0.7f, 0.7f, 3.0f}})
      .back();
}

}  // namespace

TEST_CASE("multi-step training: 20 steps ahead its error is below that of one-step training") {
  ThreadPool pool(1);
  const TransitionBuffer test = pendulum_data(5, 0.0, 77);
  const auto error_of = [&](std::vector<int> curriculum, MultiStepLoss loss, std::uint64_t seed) {
    const TransitionBuffer data = pendulum_data(10, 0.1, seed);
    MlpEnsemble model = MlpEnsemble::create(
        {.members = 1, .hidden = {32, 32}, .activation = Activation::kSilu, .gaussian = false},
        ObsEncoding::identity(3), 1, seed);
    MultiStepTrainer trainer(
        model, {.curriculum = std::move(curriculum), .updates = 2000, .batch_size = 64, .loss = loss}, pool,
        seed);
    trainer.train(data, model);
    return error_ahead(model, test, 20);
  };
  using enum MultiStepLoss;
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    CAPTURE(seed);
    CHECK(error_of({1, 2, 3, 5}, kSquared, seed) < 0.75 * error_of({1}, kSquared, seed));
    CHECK(error_of({2}, kNorm, seed) < 0.9 * error_of({1}, kNorm, seed));
  }
}
