// The LibTorch trainer against the native one: two independent ways to the same numbers.
#include "mbrl/torch/ensemble_trainer.hpp"

#include <cmath>
#include <string>

#include "catch.hpp"
#include "devices.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/torch/device.hpp"

using namespace mbrl;

static_assert(EnsembleTrainer<mbrl::libtorch::EnsembleTrainer>);

namespace {

TransitionBatch some_transitions(int n) {
  const RandomStream random(17, Stream::kUser);
  TransitionBatch data{Batchf(4, n), Batchf(2, n), Batchf(4, n), Vecf(n)};
  for (int c = 0; c < n; ++c) {
    const auto column = static_cast<std::uint32_t>(c);
    for (int r = 0; r < 4; ++r)
      data.obs(r, c) = static_cast<float>(random.normal(column, static_cast<std::uint32_t>(r)));
    for (int r = 0; r < 2; ++r)
      data.action(r, c) =
          static_cast<float>(random.uniform(-1.0, 1.0, column, static_cast<std::uint32_t>(r), 1));
    for (int r = 0; r < 4; ++r)
      data.next_obs(r, c) =
          data.obs(r, c) + 0.3f * std::sin(data.obs((r + 1) % 4, c)) + 0.5f * data.action(r % 2, c) +
          0.1f * static_cast<float>(random.normal(column, static_cast<std::uint32_t>(r), 2));
    data.reward(c) = data.next_obs(0, c);
  }
  return data;
}

MlpEnsemble some_model(bool gaussian, Activation activation, bool learned_reward = false) {
  MlpEnsembleSettings s;
  s.members = 5;
  s.hidden = {40, 24, 17};
  s.activation = activation;
  s.gaussian = gaussian;
  s.learned_reward = learned_reward;
  ObsEncoding encoding = ObsEncoding::identity(4);
  encoding.features[1].kind = ObsFeature::Kind::kSin;
  encoding.features.push_back({ObsFeature::Kind::kCos, 1});
  encoding.targets[0] = TargetKind::kAbsolute;
  return MlpEnsemble::create(s, encoding, 2, 5);
}

double difference(const MlpEnsemble& a, const MlpEnsemble& b) {
  double worst = 0.0;
  const auto compare = [&](const std::vector<float>& x, const std::vector<float>& y) {
    REQUIRE(x.size() == y.size());
    for (std::size_t i = 0; i < x.size(); ++i)
      worst = std::max(worst, static_cast<double>(std::abs(x[i] - y[i])));
  };
  for (std::size_t m = 0; m < a.members.size(); ++m)
    for (std::size_t l = 0; l < a.members[m].size(); ++l) {
      compare(a.members[m][l].weight, b.members[m][l].weight);
      compare(a.members[m][l].bias, b.members[m][l].bias);
    }
  compare(a.max_logvar, b.max_logvar);
  compare(a.min_logvar, b.min_logvar);
  compare(a.input_mean, b.input_mean);
  compare(a.input_std, b.input_std);
  return worst;
}

void check_agreement(const MlpEnsemble& start, const EnsembleTrainingSettings& settings,
                     const std::string& on) {
  const TransitionBatch data = some_transitions(101);
  ThreadPool pool(2);
  NativeTrainer native(settings, pool, 3);
  mbrl::libtorch::EnsembleTrainer torch(settings, on, 3);
  MlpEnsemble by_native = start, by_torch = start;
  for (std::uint32_t round = 0; round < 2; ++round) {
    const TrainingReport a = native.train(data, by_native, round), b = torch.train(data, by_torch, round);
    CHECK(a.steps == b.steps);
    CHECK(a.epochs == b.epochs);
    REQUIRE(a.train_loss.size() == b.train_loss.size());
    REQUIRE(a.holdout_loss.size() == b.holdout_loss.size());
    for (std::size_t m = 0; m < a.train_loss.size(); ++m)
      CHECK(a.train_loss[m] == Approx(b.train_loss[m]).epsilon(1e-4).margin(1e-4));
    for (std::size_t m = 0; m < a.holdout_loss.size(); ++m)
      CHECK(a.holdout_loss[m] == Approx(b.holdout_loss[m]).epsilon(1e-4));
    CHECK(by_native.elites == by_torch.elites);
    CHECK(difference(by_native, by_torch) < 1e-4);
  }
  CHECK(difference(by_native, start) > 1e-3);  // something was learned at all
}

}  // namespace

TEST_CASE("torch trainer: agrees with the native trainer") {
  const std::string on = GENERATE(from_range(devices()));
  CAPTURE(on);
  EnsembleTrainingSettings settings;
  settings.epochs = 3;
  SECTION("Gaussian, silu") { check_agreement(some_model(true, Activation::kSilu), settings, on); }
  SECTION("Gaussian, relu") { check_agreement(some_model(true, Activation::kRelu), settings, on); }
  SECTION("Gaussian, likelihoods weighed by their variance") {
    settings.nll_beta = 0.5f;
    check_agreement(some_model(true, Activation::kSilu), settings, on);
  }
  SECTION("deterministic, elu") { check_agreement(some_model(false, Activation::kElu), settings, on); }
  SECTION("deterministic, tanh") { check_agreement(some_model(false, Activation::kTanh), settings, on); }
  SECTION("learned reward, large decay") {
    settings.weight_decay = {0.1f, 0.2f};
    check_agreement(some_model(true, Activation::kSilu, true), settings, on);
  }
  SECTION("holdout and elites") {
    settings.holdout_ratio = 0.2;
    settings.elites = 3;
    check_agreement(some_model(true, Activation::kSilu), settings, on);
  }
  SECTION("early stopping") {
    settings.holdout_ratio = 0.2;
    settings.patience = 1;
    settings.improvement = 0.2;
    settings.epochs = 8;
    check_agreement(some_model(false, Activation::kSilu), settings, on);
  }
}

TEST_CASE("torch trainer: continues what the native trainer began, and its own training bit for bit") {
  const std::string on = GENERATE(from_range(devices()));
  CAPTURE(on);
  const TransitionBatch data = some_transitions(90);
  EnsembleTrainingSettings settings;
  settings.epochs = 2;
  ThreadPool pool(1);
  NativeTrainer native(settings, pool, 3);
  MlpEnsemble a = some_model(true, Activation::kSilu);
  native.train(data, a, 0);
  StateDict state;
  native.save(state, "t.");
  MlpEnsemble b = a;
  mbrl::libtorch::EnsembleTrainer torch(settings, on, 3);
  torch.load(state, "t.");
  native.train(data, a, 1);
  torch.train(data, b, 1);
  CHECK(difference(a, b) < 1e-4);

  StateDict later;
  torch.save(later, "t.");
  mbrl::libtorch::EnsembleTrainer resumed(settings, on, 3);
  resumed.load(later, "t.");
  MlpEnsemble c = b;
  torch.train(data, b, 2);
  resumed.train(data, c, 2);
  CHECK(difference(b, c) == 0.0);
}

TEST_CASE("torch: devices and threads") {
  CHECK_THROWS_AS(mbrl::libtorch::EnsembleTrainer({}, "gpu", 1), Error);
  CHECK_THROWS_AS(mbrl::libtorch::check_device("cuda:x"), Error);
  CHECK_THROWS_AS(mbrl::libtorch::check_device("cuda:99"), Error);
  if (!mbrl::libtorch::cuda_available()) CHECK_THROWS_AS(mbrl::libtorch::check_device("cuda"), Error);
  CHECK_NOTHROW(mbrl::libtorch::check_device("cpu"));
  const int threads = mbrl::libtorch::use_threads();
  CHECK(threads >= 1);
  CHECK(mbrl::libtorch::use_threads(threads + 1) == threads);
  CHECK_THROWS_AS(mbrl::libtorch::use_threads(-1), Error);
}
