// What the native trainer learns, on toy problems with known answers, and when it stops.
#include <algorithm>
#include <cmath>
#include <vector>

#include "catch.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "models/neural/training_cases.hpp"
#include "models/neural/training_oracle.hpp"

using namespace mbrl;
using testing::some_model;
using testing::some_transitions;

TEST_CASE("native trainer: learns a heteroscedastic function, its noise, and what it does not know") {
  // y = sin(2 x) + s(x) noise with s(x) = 0.2 + 0.1 x, x in [-1, 1].
  const RandomStream random(4, Stream::kUser);
  const auto sd = [](double x) { return 0.2 + 0.1 * x; };
  const int n = 4000;
  TransitionBatch data;
  data.obs.resize(1, n);
  data.action.resize(0, n);
  data.next_obs.resize(1, n);
  for (int i = 0; i < n; ++i) {
    const auto c = static_cast<std::uint32_t>(i);
    const double x = random.uniform(-1.0, 1.0, c);
    data.obs(0, i) = static_cast<float>(x);
    data.next_obs(0, i) = static_cast<float>(std::sin(2.0 * x) + sd(x) * random.normal(c, 1));
  }
  ObsEncoding encoding = ObsEncoding::identity(1);
  encoding.targets[0] = TargetKind::kAbsolute;
  MlpEnsembleSettings shape;
  shape.members = 5;
  shape.hidden = {32, 32};
  MlpEnsemble model = MlpEnsemble::create(shape, encoding, 0, 3);
  EnsembleTrainingSettings settings;
  settings.epochs = 60;
  settings.weight_decay = {1e-5f};
  ThreadPool pool(2);
  NativeTrainer trainer(settings, pool, 3);
  const TrainingReport report = trainer.train(data, model, 0);
  CHECK(report.epochs == 60);

  const int points = 41;
  Batchf x(1, points), no_action(0, points), mean(1, points), logvar(1, points);
  x.row(0).setLinSpaced(points, -0.9f, 0.9f);
  Vecd total_mean = Vecd::Zero(points), total_variance = Vecd::Zero(points), square = Vecd::Zero(points);
  for (int m = 0; m < 5; ++m) {
    predict_member(model, m, x, no_action, mean, logvar);
    total_mean += mean.row(0).transpose().cast<double>() / 5.0;
    square += mean.row(0).transpose().cast<double>().cwiseAbs2() / 5.0;
    total_variance += logvar.row(0).transpose().cast<double>().array().exp().matrix() / 5.0;
  }
  double worst_sd = 0.0, worst_mean = 0.0, inside = 0.0;
  for (int i = 0; i < points; ++i) {
    const double at = static_cast<double>(x(0, i));
    worst_sd = std::max(worst_sd, std::abs(std::sqrt(total_variance(i)) / sd(at) - 1.0));
    worst_mean = std::max(worst_mean, std::abs(total_mean(i) - std::sin(2.0 * at)));
    inside += (square(i) - total_mean(i) * total_mean(i)) / points;
  }
  CHECK(worst_sd < 0.1);
  CHECK(worst_mean < 0.06);

  // Far outside: the bounds hold and members disagree.
  Batchf far(1, 2), far_mean(1, 2), far_logvar(1, 2), none(0, 2);
  far << -10.0f, 10.0f;
  double sum = 0.0, sum_square = 0.0;
  for (int m = 0; m < 5; ++m) {
    predict_member(model, m, far, none, far_mean, far_logvar);
    const float units = 2.0f * std::log(model.target_std[0]);  // the bounds are in standardised units
    CHECK(far_logvar.maxCoeff() <= model.max_logvar[0] + units + 1e-4f);
    CHECK(far_logvar.minCoeff() >= model.min_logvar[0] + units - 1e-4f);
    sum += static_cast<double>(far_mean(0, 1)) / 5.0;
    sum_square += static_cast<double>(far_mean(0, 1) * far_mean(0, 1)) / 5.0;
  }
  CHECK(model.max_logvar[0] < 0.5f);
  CHECK(model.min_logvar[0] > -10.0f);
  CHECK(sum_square - sum * sum > 100.0 * inside);
}

TEST_CASE(
    "native trainer: rare events are learned by likelihoods weighed by their variance, and called noise "
    "without") {
  // A body at rest moves only where a finger is near: in one row of ten, along the finger's velocity.
  const auto contacts = [](int n, std::uint64_t seed) {
    const RandomStream random(seed, Stream::kUser);
    TransitionBatch data{Batchf(3, n), Batchf(0, n), Batchf(3, n), Vecf::Zero(n)};
    for (int i = 0; i < n; ++i) {
      for (int r = 0; r < 3; ++r)
        data.obs(r, i) = static_cast<float>(
            random.uniform(-1.0, 1.0, static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(r)));
      data.next_obs.col(i) = data.obs.col(i);
      if (std::abs(data.obs(0, i) - 0.3f) < 0.1f) data.next_obs(2, i) += 0.1f * data.obs(1, i);
    }
    return data;
  };
  const TransitionBatch data = contacts(3000, 5), test = contacts(3000, 6);
  ThreadPool pool(2);
  const auto explained = [&](float nll_beta) {  // of the test's contacts, by the members' mean
    MlpEnsembleSettings shape{.members = 2, .hidden = {64, 64}};
    MlpEnsemble model = MlpEnsemble::create(shape, ObsEncoding::identity(3), 0, 3);
    EnsembleTrainingSettings settings;
    settings.epochs = 30;
    settings.nll_beta = nll_beta;
    NativeTrainer trainer(settings, pool, 3);
    trainer.train(data, model, 0);
    const Index n = test.obs.cols();
    Batchf mean(3, n), logvar(3, n), sum = Batchf::Zero(3, n);
    for (int m = 0; m < 2; ++m) {
      predict_member(model, m, test.obs, test.action, mean, logvar);
      sum += mean / 2.0f;
    }
    const Batchf moved = test.next_obs - test.obs;
    double missed = 0.0, all = 0.0;
    for (Index i = 0; i < n; ++i)
      if (moved(2, i) != 0.0f) {
        missed += std::pow(static_cast<double>(sum(2, i) - moved(2, i)), 2);
        all += std::pow(static_cast<double>(moved(2, i)), 2);
      }
    return 1.0 - missed / all;
  };
  const double plain = explained(0.0f), weighed = explained(0.5f);
  CAPTURE(plain, weighed);
  CHECK(plain < 0.2);
  CHECK(weighed > 0.6);
}

TEST_CASE("native trainer: the ensemble predicts better than its best member") {
  const TransitionBatch data = some_transitions(200, 31), test = some_transitions(1000, 32);
  MlpEnsemble model = some_model(true, Activation::kSilu, 5, {64, 64});
  EnsembleTrainingSettings settings;
  settings.epochs = 60;
  ThreadPool pool(2);
  NativeTrainer trainer(settings, pool, 3);
  trainer.train(data, model, 0);
  const Batchd target = (test.next_obs - test.obs).cast<double>();
  const Index n = target.cols();
  std::vector<double> single(5, 0.0);
  Batchd mixture = Batchd::Zero(1, n);
  for (int m = 0; m < 5; ++m) {
    Batchf mean(3, n), logvar(3, n);
    predict_member(model, m, test.obs, test.action, mean, logvar);
    const Batchd error = mean.cast<double>() - target, lv = logvar.cast<double>();
    const Eigen::RowVectorXd log_density =
        -0.5 * (error.array().square() * (-lv.array()).exp() + lv.array() + std::log(2.0 * 3.14159265358979))
                   .colwise()
                   .sum();
    single[static_cast<std::size_t>(m)] = -log_density.mean();
    mixture.array() += log_density.array().exp() / 5.0;
  }
  const double ensemble = -mixture.array().log().mean();
  CHECK(ensemble < *std::min_element(single.begin(), single.end()));
}

TEST_CASE("native trainer: predicting changes beats predicting states at small time steps") {
  // A pendulum at dt = 0.01: the state hardly changes in a step.
  const int n = 1500;
  const RandomStream random(8, Stream::kUser);
  const auto make = [&](std::uint32_t part) {
    TransitionBatch data;
    data.obs.resize(2, n);
    data.action.resize(1, n);
    data.next_obs.resize(2, n);
    for (int i = 0; i < n; ++i) {
      const auto c = static_cast<std::uint32_t>(i);
      const double angle = random.uniform(-3.0, 3.0, c, part, 0),
                   speed = random.uniform(-5.0, 5.0, c, part, 1);
      const double torque = random.uniform(-2.0, 2.0, c, part, 2), dt = 0.01;
      const double next_speed = speed + dt * (-9.81 * std::sin(angle) + 3.0 * torque);
      data.obs.col(i) << static_cast<float>(angle), static_cast<float>(speed);
      data.action(0, i) = static_cast<float>(torque);
      data.next_obs.col(i) << static_cast<float>(angle + dt * next_speed), static_cast<float>(next_speed);
    }
    return data;
  };
  const TransitionBatch data = make(0), test = make(1);
  ThreadPool pool(2);
  double rmse[2] = {};
  for (const TargetKind kind : {TargetKind::kDelta, TargetKind::kAbsolute}) {
    ObsEncoding encoding = ObsEncoding::identity(2);
    encoding.targets = {kind, kind};
    MlpEnsembleSettings shape;
    shape.members = 1;
    shape.hidden = {64, 64};
    shape.gaussian = false;
    MlpEnsemble model = MlpEnsemble::create(shape, encoding, 1, 1);
    EnsembleTrainingSettings settings;
    settings.epochs = 40;
    settings.weight_decay = {};
    NativeTrainer trainer(settings, pool, 1);
    trainer.train(data, model, 0);
    Batchf mean(2, n), next(2, n), unused(2, n);
    predict_member(model, 0, test.obs, test.action, mean, unused);
    encoding.decode<float>(test.obs, mean, next);
    rmse[static_cast<int>(kind)] = std::sqrt((next - test.next_obs).cast<double>().squaredNorm() / (2.0 * n));
  }
  CHECK(rmse[1] > 5.0 * rmse[0]);
}

TEST_CASE("native trainer: stops early, keeps the best weights, chooses elites") {
  const TransitionBatch data = some_transitions(60, 41);
  EnsembleTrainingSettings settings;
  settings.epochs = 400;
  settings.holdout_ratio = 0.3;
  settings.patience = 4;
  settings.elites = 2;
  ThreadPool pool(2);
  NativeTrainer trainer(settings, pool, 5);
  MlpEnsemble model = some_model(false, Activation::kSilu, 4, {64, 64});
  const TrainingReport report = trainer.train(data, model, 0);
  CHECK(report.epochs < 400);
  CHECK(report.epochs > 5);
  REQUIRE(report.holdout_loss.size() == 4);
  REQUIRE(model.elites.size() == 2);
  const auto loss = [&](int member) { return report.holdout_loss[static_cast<std::size_t>(member)]; };
  CHECK(loss(model.elites[0]) <= loss(model.elites[1]));
  for (int m = 0; m < 4; ++m)
    if (m != model.elites[0] && m != model.elites[1]) CHECK(loss(m) >= loss(model.elites[1]));

  // The reported losses are those of the model handed back, by a separate forward pass.
  MlpEnsemble again = some_model(false, Activation::kSilu, 4, {64, 64});
  const PreparedTraining prepared = prepare_training(data, settings, 5, 0, again);
  const oracle::Parameters p = oracle::parameters_of(model);
  for (std::size_t m = 0; m < 4; ++m)
    CHECK(report.holdout_loss[m] ==
          Approx(oracle::member_loss(model, p.members[m], {}, {}, prepared.holdout_inputs.cast<double>(),
                                     prepared.holdout_targets.cast<double>()))
              .epsilon(1e-4));

  // Running on to the same epoch without stopping ends with a holdout loss no better than the best kept.
  EnsembleTrainingSettings on = settings;
  on.patience = 0;
  on.epochs = report.epochs;
  NativeTrainer plain(on, pool, 5);
  MlpEnsemble last = some_model(false, Activation::kSilu, 4, {64, 64});
  const TrainingReport plain_report = plain.train(data, last, 0);
  for (std::size_t m = 0; m < 4; ++m) CHECK(report.holdout_loss[m] <= plain_report.holdout_loss[m] * 1.0101);
}

TEST_CASE("native trainer: the callback sees every epoch and can stop") {
  const TransitionBatch data = some_transitions(40, 51);
  EnsembleTrainingSettings settings;
  settings.epochs = 10;
  ThreadPool pool(1);
  NativeTrainer trainer(settings, pool, 5);
  MlpEnsemble model = some_model(true, Activation::kSilu);
  std::vector<int> seen;
  const TrainingReport report = trainer.train(data, model, 0, [&](int epoch, int epochs, double loss) {
    CHECK(epochs == 10);
    CHECK(std::isfinite(loss));
    seen.push_back(epoch);
    return epoch < 3;
  });
  CHECK(seen == std::vector<int>{0, 1, 2, 3});
  CHECK(report.epochs == 4);
}
