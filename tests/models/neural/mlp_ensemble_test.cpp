// The ensemble's parameters: creation, checks, checkpoint, and the Eigen forward pass against a
// double-precision oracle.
#include "mbrl/models/neural/mlp_ensemble.hpp"

#include <cmath>
#include <limits>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "models/neural/ensemble_oracle.hpp"

namespace mbrl {
namespace {

MlpEnsemble small_model(bool learned_reward = false) {
  MlpEnsembleSettings settings;
  settings.members = 3;
  settings.hidden = {20, 30};
  settings.learned_reward = learned_reward;
  return MlpEnsemble::create(settings, ObsEncoding::identity(4), 2, 7);
}

TEST_CASE("ensemble: weights follow the truncated normal of the paper") {
  MlpEnsembleSettings settings;
  const MlpEnsemble model = MlpEnsemble::create(settings, ObsEncoding::identity(18), 6, 1);
  REQUIRE(model.members.size() == 5);
  for (const auto& layers : model.members) {
    REQUIRE(layers.size() == 5);
    for (const DenseLayer& layer : layers) {
      const double sigma = 0.5 / std::sqrt(static_cast<double>(layer.in));
      double sum = 0, square = 0;
      for (const float w : layer.weight) {
        CHECK(std::abs(w) <= 2.0 * sigma * 1.000001);
        sum += w;
        square += static_cast<double>(w) * w;
      }
      const auto n = static_cast<double>(layer.weight.size());
      // A standard normal cut at 2 has variance 1 - 4 phi(2) / (2 Phi(2) - 1) = 0.7737.
      const double variance = 0.773741 * sigma * sigma;
      CHECK(std::abs(sum / n) < 5.0 * std::sqrt(variance / n));
      CHECK(square / n == Approx(variance).epsilon(5.0 * std::sqrt(2.0 / n)));
      for (const float b : layer.bias) CHECK(b == 0.0f);
    }
  }
  CHECK(model.elites == std::vector<int>{0, 1, 2, 3, 4});
  CHECK(model.members[0][1].weight != model.members[1][1].weight);
  CHECK(model.members[0][1].weight != model.members[0][2].weight);
  const MlpEnsemble again = MlpEnsemble::create(settings, ObsEncoding::identity(18), 6, 1);
  CHECK(again.members[4][3].weight == model.members[4][3].weight);
}

TEST_CASE("ensemble: a checkpoint restores it exactly") {
  MlpEnsemble model = small_model(true);
  model.encoding.features = {{ObsFeature::Kind::kSin, 1},
                             {ObsFeature::Kind::kCos, 1},
                             {ObsFeature::Kind::kIdentity, 3},
                             {ObsFeature::Kind::kIdentity, 0}};
  model.encoding.targets[0] = TargetKind::kAbsolute;
  model.elites = {2, 0};
  model.input_mean[1] = 0.25f;
  model.target_std[1] = 0.5f;
  model.target_mean[4] = -2.0f;  // of the reward
  model.encoding.targets[3] = TargetKind::kConstant;
  model.obs_low = {-1, 0, 1, -2};
  model.obs_high = {1, 0, 3, 5};
  model.members[1][1].bias[3] = 0.125f;
  StateDict dict;
  model.save(dict, "model.");
  MlpEnsemble loaded;
  loaded.load(dict, "model.");
  CHECK(loaded.encoding == model.encoding);
  CHECK(loaded.settings.hidden == model.settings.hidden);
  CHECK(loaded.settings.learned_reward);
  CHECK(loaded.elites == model.elites);
  CHECK(loaded.input_mean == model.input_mean);
  CHECK(loaded.target_mean == model.target_mean);
  CHECK(loaded.target_std == model.target_std);
  CHECK(loaded.obs_low == model.obs_low);
  CHECK(loaded.obs_high == model.obs_high);
  CHECK(loaded.members[1][1].bias == model.members[1][1].bias);
  CHECK(loaded.members[2][0].weight == model.members[2][0].weight);
  StateDict twice;
  loaded.save(twice, "model.");
  CHECK(twice.arrays.size() == dict.arrays.size());
  for (const auto& [name, array] : dict.arrays) {
    CHECK(twice.arrays.at(name).bytes == array.bytes);
    CHECK(twice.arrays.at(name).shape == array.shape);
  }

  SECTION("a termination that is learned, and one from before there was such a thing") {
    MlpEnsemble with_end = MlpEnsemble::create({.members = 1, .hidden = {3}, .learned_termination = true},
                                               ObsEncoding::identity(2), 1, 1);
    CHECK(with_end.target_dim() == 3);
    CHECK(with_end.termination_row() == 2);
    StateDict end;
    with_end.save(end, "model.");
    loaded.load(end, "model.");
    CHECK(loaded.settings.learned_termination);
    std::vector<std::int64_t> shape = dict.get<std::int64_t>("model.shape");
    shape.pop_back();
    dict.put("model.shape", shape);
    loaded.load(dict, "model.");
    CHECK_FALSE(loaded.settings.learned_termination);
    CHECK(loaded.members[2][0].weight == model.members[2][0].weight);
  }
  SECTION("one from before targets were standardised predicts in the targets' own units") {
    for (const char* name : {"target_mean", "target_std"}) dict.arrays.erase(std::string("model.") + name);
    loaded.load(dict, "model.");
    CHECK(loaded.target_mean == std::vector<float>(5, 0.0f));
    CHECK(loaded.target_std == std::vector<float>(5, 1.0f));
  }
  SECTION("an incomplete one is refused and leaves the model as it was") {
    dict.arrays.erase("model.members.1.layers.1.bias");
    MlpEnsemble other = small_model();
    CHECK_THROWS_AS(other.load(dict, "model."), Error);
    CHECK(other.members[0][0].weight == small_model().members[0][0].weight);
  }
  SECTION("a weight that is not finite is refused") {
    model.members[0][0].weight[3] = std::numeric_limits<float>::quiet_NaN();
    model.save(dict, "model.");
    CHECK_THROWS_AS(loaded.load(dict, "model."), Error);
  }
  SECTION("a foreign prefix is refused") { CHECK_THROWS_AS(loaded.load(dict, "other."), Error); }
}

TEST_CASE("ensemble: mistakes are named") {
  MlpEnsembleSettings settings;
  settings.members = 0;
  CHECK_THROWS_AS(MlpEnsemble::create(settings, ObsEncoding::identity(2), 1, 0), Error);
  settings.members = 2;
  settings.hidden = {10, 0};
  CHECK_THROWS_AS(MlpEnsemble::create(settings, ObsEncoding::identity(2), 1, 0), Error);

  const auto broken = [](auto&& damage) {
    MlpEnsemble model = small_model();
    damage(model);
    CHECK_THROWS_AS(model.validate(), Error);
  };
  CHECK_NOTHROW(small_model().validate());
  broken([](MlpEnsemble& m) { m.members.pop_back(); });
  broken([](MlpEnsemble& m) { m.members[1].pop_back(); });
  broken([](MlpEnsemble& m) { m.members[1][1].weight.pop_back(); });
  broken([](MlpEnsemble& m) { m.members[1][1].out = 31; });
  broken([](MlpEnsemble& m) { m.input_std[0] = 0.0f; });
  broken([](MlpEnsemble& m) { m.input_mean.push_back(0.0f); });
  broken([](MlpEnsemble& m) { m.max_logvar[0] = std::numeric_limits<float>::infinity(); });
  broken([](MlpEnsemble& m) { m.elites = {3}; });
  broken([](MlpEnsemble& m) { m.elites.clear(); });
  broken([](MlpEnsemble& m) { m.target_std[2] = 0.0f; });
  broken([](MlpEnsemble& m) { m.target_mean.pop_back(); });
  broken([](MlpEnsemble& m) { m.obs_low.pop_back(); });
  broken([](MlpEnsemble& m) { m.obs_low[1] = 1.0f, m.obs_high[1] = 0.0f; });
  broken([](MlpEnsemble& m) { m.obs_high[1] = std::numeric_limits<float>::quiet_NaN(); });
  broken([](MlpEnsemble& m) { m.encoding.features[0].obs_index = 4; });

  const MlpEnsemble model = small_model();
  Batchf mean(4, 3), logvar(4, 3);
  CHECK_THROWS_AS(predict_member(model, 3, Batchf::Zero(4, 3), Batchf::Zero(2, 3), mean, logvar), Error);
  CHECK_THROWS_AS(predict_member(model, 0, Batchf::Zero(5, 3), Batchf::Zero(2, 3), mean, logvar), Error);
  CHECK_THROWS_AS(predict_member(model, 0, Batchf::Zero(4, 3), Batchf::Zero(2, 2), mean, logvar), Error);
}

TEST_CASE("ensemble: the Eigen forward pass agrees with double precision") {
  for (const Activation activation :
       {Activation::kSilu, Activation::kRelu, Activation::kTanh, Activation::kElu}) {
    const MlpEnsemble model = testing::lively_model({17, 40, 9}, activation, true, 3);
    const Batchf obs = 2.0f * testing::normals(5, 33, 1), action = testing::normals(2, 33, 2);
    Batchf mean(5, 33), logvar(5, 33);
    predict_member(model, 1, obs, action, mean, logvar);
    const testing::Prediction oracle = testing::predict_in_double(model, 1, obs, action);
    CHECK(testing::relative_error(mean, oracle.mean) < 1e-5);
    CHECK(testing::relative_error(logvar, oracle.logvar) < 1e-5);
  }
}

TEST_CASE("ensemble: without hidden layers a member is one linear map") {
  MlpEnsembleSettings settings;
  settings.hidden = {};
  settings.gaussian = false;
  const MlpEnsemble model = MlpEnsemble::create(settings, ObsEncoding::identity(3), 1, 5);
  const Batchf obs = testing::normals(3, 4, 1), action = testing::normals(1, 4, 2);
  Batchf mean(3, 4), none(0, 0);
  predict_member(model, 2, obs, action, mean, none);
  const auto w = model.members[2][0].weight_matrix();
  CHECK((mean - w.leftCols(3) * obs - w.rightCols(1) * action).norm() < 1e-6f);
}

}  // namespace
}  // namespace mbrl
