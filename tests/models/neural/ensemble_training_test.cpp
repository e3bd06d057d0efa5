// Preparation of training data against statistics worked out directly, and what trainers share besides.
#include "mbrl/models/neural/ensemble_training.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "catch.hpp"
#include "mbrl/core/error.hpp"

using namespace mbrl;

namespace {

ObsEncoding encoding_with_angle() {
  ObsEncoding encoding;
  encoding.features = {
      {ObsFeature::Kind::kIdentity, 0}, {ObsFeature::Kind::kSin, 1}, {ObsFeature::Kind::kCos, 1}};
  encoding.targets = {TargetKind::kAbsolute, TargetKind::kDelta};
  return encoding;
}

MlpEnsemble some_model(bool learned_reward = false, int members = 3) {
  MlpEnsembleSettings s;
  s.members = members;
  s.hidden = {4};
  s.learned_reward = learned_reward;
  return MlpEnsemble::create(s, encoding_with_angle(), 1, 1);
}

TransitionBatch some_data(int n) {
  const RandomStream random(6, Stream::kUser);
  TransitionBatch data{Batchf(2, n), Batchf(1, n), Batchf(2, n), Vecf(n)};
  for (int i = 0; i < n; ++i) {
    const auto c = static_cast<std::uint32_t>(i);
    data.obs.col(i) << static_cast<float>(5.0 + 2.0 * random.normal(c, 0)),
        static_cast<float>(random.normal(c, 1));
    data.action(0, i) = 0.1f;  // never varies
    data.next_obs.col(i) << static_cast<float>(random.normal(c, 2)),
        static_cast<float>(3.0 * random.normal(c, 3));
    data.reward(i) = static_cast<float>(random.normal(c, 4));
  }
  return data;
}

}  // namespace

TEST_CASE("prepare_training: inputs and targets are encoded and standardised") {
  const int n = 200;
  const TransitionBatch data = some_data(n);
  MlpEnsemble model = some_model(true);
  EnsembleTrainingSettings settings;
  const PreparedTraining prepared = prepare_training(data, settings, 3, 0, model);
  REQUIRE(prepared.inputs.rows() == 4);
  REQUIRE(prepared.rows() == n);
  CHECK(prepared.holdout_inputs.cols() == 0);

  Batchd raw(4, n);
  for (int i = 0; i < n; ++i)
    raw.col(i) << static_cast<double>(data.obs(0, i)), std::sin(static_cast<double>(data.obs(1, i))),
        std::cos(static_cast<double>(data.obs(1, i))), static_cast<double>(data.action(0, i));
  for (int r = 0; r < 4; ++r) {
    const auto i = static_cast<std::size_t>(r);
    const double mean = raw.row(r).mean();
    const double sd = std::sqrt((raw.row(r).array() - mean).square().mean());
    CHECK(model.input_mean[i] == Approx(mean).epsilon(1e-6));
    CHECK(model.input_std[i] ==
          Approx(r == 3 ? 1.0 : sd).epsilon(1e-6));  // a constant input is left as it is
    const Eigen::RowVectorXd expected = (raw.row(r).array() - mean) / (r == 3 ? 1.0 : sd);
    CHECK((prepared.inputs.row(r).cast<double>() - expected).cwiseAbs().maxCoeff() < 1e-5);
  }
  Batchd targets(3, n);
  targets << data.next_obs.row(0).cast<double>(), (data.next_obs.row(1) - data.obs.row(1)).cast<double>(),
      data.reward.transpose().cast<double>();
  for (int r = 0; r < 3; ++r) {
    const auto i = static_cast<std::size_t>(r);
    const double mean = targets.row(r).mean();
    const double sd = std::sqrt((targets.row(r).array() - mean).square().mean());
    CHECK(model.target_mean[i] == Approx(mean).epsilon(1e-5).margin(1e-6));
    CHECK(model.target_std[i] == Approx(sd).epsilon(1e-6));
    const Eigen::RowVectorXd expected = (targets.row(r).array() - mean) / sd;
    CHECK((prepared.targets.row(r).cast<double>() - expected).cwiseAbs().maxCoeff() < 1e-5);
  }
  settings.standardise_targets = false;  // and back to the targets' own units
  const PreparedTraining own = prepare_training(data, settings, 3, 0, model);
  CHECK(own.targets == targets.cast<float>());
  CHECK(model.target_std == std::vector<float>(3, 1.0f));
  const Batchf again = standardised_inputs(model, data.obs, data.action);
  CHECK((again - prepared.inputs).cwiseAbs().maxCoeff() == 0.0f);
}

TEST_CASE("prepare_training: rows are held out whole and never trained on") {
  const int n = 100;
  const TransitionBatch data = some_data(n);
  MlpEnsemble model = some_model(true);
  EnsembleTrainingSettings settings;
  settings.holdout_ratio = 0.3;
  settings.standardise_targets = false;  // the rewards below are compared as they are
  const PreparedTraining prepared = prepare_training(data, settings, 3, 1, model);
  CHECK(prepared.rows() == 70);
  REQUIRE(prepared.holdout_inputs.cols() == 30);
  REQUIRE(prepared.holdout_targets.cols() == 30);
  std::multiset<float> rewards, expected(data.reward.begin(), data.reward.end());
  for (Index i = 0; i < 70; ++i) rewards.insert(prepared.targets(2, i));
  for (Index i = 0; i < 30; ++i) rewards.insert(prepared.holdout_targets(2, i));
  CHECK(rewards == expected);
  // Statistics are those of the training rows: their standardised mean is 0 and variance 1.
  CHECK(std::abs(prepared.inputs.row(0).mean()) < 1e-5f);
  CHECK(prepared.inputs.row(0).squaredNorm() / 70.0f == Approx(1.0).epsilon(1e-4));
  settings.max_holdout = 7;
  CHECK(prepare_training(data, settings, 3, 1, model).holdout_inputs.cols() == 7);
}

TEST_CASE(
    "prepare_training: samples and orders depend on seed, round, member and epoch, and on nothing else") {
  const TransitionBatch data = some_data(64);
  MlpEnsemble model = some_model();
  EnsembleTrainingSettings settings;
  const PreparedTraining a = prepare_training(data, settings, 3, 0, model),
                         b = prepare_training(data, settings, 3, 0, model);
  const PreparedTraining later = prepare_training(data, settings, 3, 1, model),
                         other = prepare_training(data, settings, 4, 0, model);
  REQUIRE(a.samples.size() == 3);
  CHECK(a.samples == b.samples);
  CHECK(a.samples[0] != a.samples[1]);
  CHECK(a.samples[0] != later.samples[0]);
  CHECK(a.samples[0] != other.samples[0]);
  const std::set<std::uint32_t> distinct(a.samples[0].begin(), a.samples[0].end());
  CHECK(distinct.size() > 30);  // 1 - 1/e of 64 is 40
  CHECK(distinct.size() < 52);
  const auto sorted = [](std::vector<std::uint32_t> v) {
    std::sort(v.begin(), v.end());
    return v;
  };
  CHECK(a.epoch_order(1, 4) == b.epoch_order(1, 4));
  CHECK(sorted(a.epoch_order(1, 4)) == sorted(a.samples[1]));
  CHECK(a.epoch_order(1, 4) != a.epoch_order(1, 5));

  settings.bootstrap = false;
  const PreparedTraining plain = prepare_training(data, settings, 3, 0, model);
  std::vector<std::uint32_t> all(64);
  std::iota(all.begin(), all.end(), 0u);
  CHECK(plain.samples[2] == all);
  CHECK(plain.epoch_order(0, 0) != plain.epoch_order(1, 0));
  CHECK(sorted(plain.epoch_order(0, 0)) == all);
}

TEST_CASE("prepare_training: what fails leaves the model as it was") {
  MlpEnsemble model = some_model(true);
  const std::vector<float> mean = model.input_mean;
  TransitionBatch data = some_data(10);
  data.reward.resize(0);
  CHECK_THROWS_AS(prepare_training(data, {}, 1, 0, model), Error);
  data = some_data(10);
  data.reward(3) = NAN;
  CHECK_THROWS_AS(prepare_training(data, {}, 1, 0, model), Error);
  CHECK(model.input_mean == mean);
  MlpEnsemble no_reward = some_model(false);
  CHECK_NOTHROW(prepare_training(data, {}, 1, 0, no_reward));  // rewards are not looked at
  EnsembleTrainingSettings settings;
  settings.holdout_ratio = 0.05;  // of 10 rows: none
  settings.elites = 1;
  CHECK_THROWS_AS(prepare_training(data, settings, 1, 0, no_reward), Error);
}

TEST_CASE("training: a layer's decay") {
  EnsembleTrainingSettings settings;
  settings.weight_decay = {1.0f, 2.0f};
  CHECK(settings.layer_decay(0) == 1.0f);
  CHECK(settings.layer_decay(1) == 2.0f);
  CHECK(settings.layer_decay(7) == 2.0f);
  settings.weight_decay.clear();
  CHECK(settings.layer_decay(0) == 0.0f);
}

TEST_CASE("training: early stopping counts epochs in which no member improved enough") {
  EnsembleTrainingSettings settings;
  settings.patience = 2;
  settings.improvement = 0.1;
  EarlyStopping stopping(2, settings);
  CHECK(stopping.update({1.0, 2.0}) == std::vector<char>{1, 1});
  CHECK(stopping.update({0.95, 1.7}) == std::vector<char>{0, 1});  // 5 % is not enough, 15 % is
  CHECK_FALSE(stopping.stop());
  CHECK(stopping.update({0.95, 1.6}) == std::vector<char>{0, 0});
  CHECK_FALSE(stopping.stop());
  CHECK(stopping.update({0.89, 1.6}) == std::vector<char>{1, 0});  // measured from the best kept: 11 %
  CHECK_FALSE(stopping.stop());
  stopping.update({0.89, 1.6});
  CHECK_FALSE(stopping.stop());
  stopping.update({5.0, 5.0});
  CHECK(stopping.stop());
  CHECK(stopping.best() == std::vector<double>{0.89, 1.7});
}

TEST_CASE("training: elites are the best on the holdout, best first") {
  EnsembleTrainingSettings settings;
  CHECK(choose_elites({}, settings, 3) == std::vector<int>{0, 1, 2});
  CHECK(choose_elites({3.0, 1.0, 2.0}, settings, 3) == std::vector<int>{1, 2, 0});
  settings.elites = 2;
  CHECK(choose_elites({3.0, 1.0, 2.0}, settings, 3) == std::vector<int>{1, 2});
  CHECK(choose_elites({1.0, 1.0, 1.0}, settings, 3) == std::vector<int>{0, 1});
}

TEST_CASE("prepare_training: the range of the data is kept, and what never moved is predicted to stay") {
  // Two episodes, x = 0 1 2 3 2 and y = 10, then x = 7 8 and y = 20; then a row that continues nothing.
  const float x[] = {0, 1, 2, 3, 7, 5}, next_x[] = {1, 2, 3, 2, 8, 5.5f}, y[] = {10, 10, 10, 10, 20, 3};
  TransitionBatch data{Batchf(2, 6), Batchf::Zero(1, 6), Batchf(2, 6), {}};
  for (int i = 0; i < 6; ++i) {
    data.obs.col(i) << x[i], y[i];
    data.next_obs.col(i) << next_x[i], y[i];
  }
  MlpEnsemble model = MlpEnsemble::create({.members = 1, .hidden = {4}}, ObsEncoding::identity(2), 1, 1);
  prepare_training(data, {}, 1, 0, model);
  CHECK(model.obs_low == std::vector<float>{0, 3});
  CHECK(model.obs_high == std::vector<float>{8, 20});  // of obs and next_obs
  // y differs from episode to episode, but never changes: predicted to stay, with next to no noise.
  const double spread = std::sqrt((data.obs.row(1).array() - data.obs.row(1).mean()).square().mean());
  CHECK(model.target_std[1] == Approx(1e-4 * spread));
  CHECK(model.target_mean[1] == 0.0f);
}
