// Diagnostics against closed forms, on ensembles without hidden layers: members are affine maps with constant
// variance.
#include "mbrl/models/neural/diagnostics.hpp"

#include <cmath>

#include "catch.hpp"
#include "mbrl/core/random.hpp"

namespace {

using namespace mbrl;

// Member m predicts the change drift[m] + gain * obs with standard deviation sigma; one observation, one
// action.
MlpEnsemble affine(const std::vector<float>& drift, float gain, float sigma) {
  MlpEnsemble model = MlpEnsemble::create({.members = static_cast<int>(drift.size()), .hidden = {}},
                                          ObsEncoding::identity(1), 1, 1);
  model.max_logvar = {20.0f};
  model.min_logvar = {-20.0f};
  for (std::size_t m = 0; m < drift.size(); ++m) {
    DenseLayer& layer = model.members[m][0];
    layer.weight_matrix().setZero();
    layer.weight_matrix()(0, 0) = gain;
    layer.bias = {drift[m], 2 * std::log(sigma)};
  }
  return model;
}

Batchf normals(Index n, float sigma) {
  const RandomStream random(7, Stream::kUser);
  Batchf out(1, n);
  for (Index i = 0; i < n; ++i)
    out(0, i) = sigma * static_cast<float>(random.normal(static_cast<std::uint32_t>(i)));
  return out;
}

}  // namespace

TEST_CASE("diagnostics: a correct Gaussian model has the entropy as NLL and is calibrated") {
  ThreadPool pool(2);
  const Index n = 20000;
  const float sigma = 0.3f;
  const Batchf obs = normals(n, 1.0f), action = Batchf::Zero(1, n);
  const RandomStream noise(8, Stream::kUser);
  Batchf next = obs;
  for (Index i = 0; i < n; ++i)
    next(0, i) += 0.5f + sigma * static_cast<float>(noise.normal(static_cast<std::uint32_t>(i)));
  const Vecf scale = Vecf::Constant(1, 2.0f);
  const auto report =
      evaluate_predictions(PackedEnsemble(affine({0.5f}, 0, sigma)), obs, action, next, scale, pool);
  const double entropy = 0.5 * std::log(2 * std::numbers::pi * std::numbers::e * 0.09);
  CHECK(report.nll == Approx(entropy).margin(0.03));
  CHECK(report.rmse == Approx(0.3 / 2.0).epsilon(0.02));
  CHECK(report.calibration_50 == Approx(0.50).margin(0.015));
  CHECK(report.calibration_90 == Approx(0.90).margin(0.01));
  CHECK(report.calibration_95 == Approx(0.95).margin(0.01));
  CHECK(report.calibration_error < 0.01);

  // Too narrow by a factor of two: the central 90 % interval holds P(|z| < 1.645 / 2) = 0.589.
  const auto narrow =
      evaluate_predictions(PackedEnsemble(affine({0.5f}, 0, sigma / 2)), obs, action, next, scale, pool);
  CHECK(narrow.calibration_90 == Approx(0.589).margin(0.015));
  CHECK(narrow.nll > report.nll + 0.5);
}

TEST_CASE("diagnostics: the mixture's likelihood and variance are those of the formula") {
  ThreadPool pool(1);
  const PackedEnsemble model(affine({-1.0f, 1.0f}, 0, 0.5f));
  const Batchf obs = Batchf::Zero(1, 1), action = Batchf::Zero(1, 1), next = Batchf::Constant(1, 1, 0.25f);
  const auto report = evaluate_predictions(model, obs, action, next, Vecf::Ones(1), pool);
  const auto density = [](double y, double mu) {
    return std::exp(-0.5 * std::pow((y - mu) / 0.5, 2)) / (0.5 * std::sqrt(2 * std::numbers::pi));
  };
  CHECK(report.nll == Approx(-std::log(0.5 * density(0.25, -1) + 0.5 * density(0.25, 1))).epsilon(1e-4));
  CHECK(report.rmse == Approx(0.25).epsilon(1e-4));
  const VarianceParts parts = decompose_variance(model, obs, action, pool);
  CHECK(parts.aleatoric(0, 0) == Approx(0.25).epsilon(1e-4));
  CHECK(parts.epistemic(0, 0) == Approx(1.0).epsilon(1e-4));
}

TEST_CASE("diagnostics: open-loop errors compound as the linear system says") {
  ThreadPool pool(1);
  const PackedEnsemble model(affine({0.0f}, 0.1f, 1.0f));  // next = 1.1 obs, the truth is obs
  const Batchf first = Batchf::Constant(1, 3, 2.0f);
  const std::vector<Batchf> actions(4, Batchf::Zero(1, 3)), truth(4, first);
  const auto rmse = open_loop_rmse(model, first, actions, truth, Vecf::Constant(1, 0.5f), pool);
  for (int k = 1; k <= 4; ++k)
    CHECK(rmse[static_cast<std::size_t>(k - 1)] == Approx(2 * (std::pow(1.1, k) - 1) / 0.5).epsilon(1e-4));
}

TEST_CASE("diagnostics: wrong shapes are refused") {
  ThreadPool pool(1);
  const PackedEnsemble model(affine({0.0f}, 0, 1));
  const Batchf one = Batchf::Zero(1, 2), two = Batchf::Zero(2, 2), none(1, 0);
  CHECK_THROWS_AS(evaluate_predictions(model, two, one, two, Vecf::Ones(2), pool), Error);
  CHECK_THROWS_AS(evaluate_predictions(model, one, one, Batchf::Zero(1, 1), Vecf::Ones(1), pool), Error);
  CHECK_THROWS_AS(evaluate_predictions(model, one, one, one, Vecf::Zero(1), pool), Error);
  CHECK_THROWS_AS(evaluate_predictions(model, none, none, none, Vecf::Ones(1), pool), Error);
  CHECK_THROWS_AS(open_loop_rmse(model, one, {one}, {two}, Vecf::Ones(1), pool), Error);
}
