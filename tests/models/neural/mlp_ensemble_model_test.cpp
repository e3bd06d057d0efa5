// An MLP ensemble by its concept: ParticleRollout in plain Eigen gives what the vector kernels give.
#include "mbrl/models/neural/mlp_ensemble_model.hpp"

#include <cmath>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/models/model_view.hpp"
#include "mbrl/models/neural/diagnostics.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"
#include "mbrl/rollout/particle_rollout.hpp"
#include "models/neural/ensemble_oracle.hpp"

namespace mbrl {
namespace {

static_assert(EnsembleModel<ModelView<MlpEnsembleModel>> && DynamicsModel<ModelView<MlpEnsembleModel>>);
static_assert(!ProbabilisticModel<ModelView<MlpEnsembleModel>>);

void some_reward(ConstBatchRef<float> obs, ConstBatchRef<float> action, ConstBatchRef<float> next, int t,
                 VecRef<float> out) {
  out = next.row(0).transpose() - 0.5f * obs.row(3).transpose() +
        0.1f * static_cast<float>(t) * action.row(1).transpose();
}

TEST_CASE("ensemble by its concept: the readable rollout gives the kernels' particles") {
  ThreadPool pool(2);
  for (const bool gaussian : {true, false}) {
    MlpEnsemble model = testing::lively_model({20, 24}, Activation::kTanh, gaussian, 4);
    model.elites = {3, 0};
    model.encoding.targets[4] = TargetKind::kConstant;
    const MlpEnsembleModel by_concept(model);
    const Vecf start = testing::normals(5, 1, 8);
    constexpr int kHorizon = 4, kCandidates = 7, kParticles = 6;
    const Batchf actions = testing::normals(kHorizon * 2, kCandidates, 9);
    for (const Propagation how : {Propagation::kExpectation, Propagation::kDistributionSampling,
                                  Propagation::kMomentMatching, Propagation::kTS1, Propagation::kTSinf}) {
      CAPTURE(gaussian, how);
      EnsembleRollout fast(
          model, some_reward, {},
          {.horizon = kHorizon, .particles = kParticles, .propagation = how, .data_margin = 0.0f}, pool, 3);
      ParticleRollout plain(by_concept, RewardFunction<float>(some_reward), {},
                            {.horizon = kHorizon, .particles = kParticles, .propagation = how}, pool, 3);
      std::vector<std::uint32_t> ids;
      for (std::uint32_t k = 0; k < kCandidates; ++k) ids.push_back(k);
      Batchf a(kParticles, kCandidates), b(kParticles, kCandidates);
      fast.evaluate_particles(start, actions, ids.data(), {2, 1, 5}, 0, kParticles, a);
      plain.evaluate_particles(start, actions, ids.data(), {2, 1, 5}, 0, kParticles, b);
      CHECK((a - b).cwiseAbs().maxCoeff() < 2e-3f * (1.0f + b.cwiseAbs().maxCoeff()));
    }
  }
}

TEST_CASE("ensemble by its concept: a step is the mean of the members, seen through a view too") {
  MlpEnsemble model = testing::lively_model({20}, Activation::kSilu, true, 3);
  const MlpEnsembleModel by_concept(model);
  const ModelView view(by_concept);
  const Batchf obs = testing::normals(5, 6, 1), action = testing::normals(2, 6, 2);
  MlpEnsembleModel::Workspace w;
  Batchf next(5, 6), mean(5, 6), variance(5, 6), sum = Batchf::Zero(5, 6);
  view.step(obs, action, next, w);
  for (int m = 0; m < view.members(); ++m) {
    view.predict(m, obs, action, mean, variance, w);
    sum += mean / 3.0f;
  }
  CHECK((next - sum).cwiseAbs().maxCoeff() < 1e-5f);
  CHECK_THROWS_AS(view.predict(3, obs, action, mean, variance, w), Error);
  model.elites = {1};  // as a trainer might
  CHECK(view.members() == 1);
}

TEST_CASE("ensemble by its concept: the diagnostics of any model give the kernels' figures") {
  ThreadPool pool(2);
  for (const bool gaussian : {true, false}) {
    CAPTURE(gaussian);
    MlpEnsemble model = testing::lively_model({20}, Activation::kSilu, gaussian, 3);
    model.encoding.targets[4] = TargetKind::kConstant;
    const MlpEnsembleModel by_concept(model);
    const PackedEnsemble packed(model);
    const Batchf obs = testing::normals(5, 50, 1), action = testing::normals(2, 50, 2);
    Batchf next(5, 50);
    MlpEnsembleModel::Workspace w;
    by_concept.step(obs, action, next, w);
    next += 0.5f * testing::normals(5, 50, 3);
    Vecf scale(5);
    scale << 1.0f, 0.5f, 2.0f, 0.0f, 1.0f;
    const PredictionReport fast = evaluate_predictions(packed, obs, action, next, scale, pool);
    scale(4) = 0.0f;  // what a model takes for a constant, it does not say of itself
    const PredictionReport any = evaluate_predictions(by_concept, obs, action, next, scale);
    CHECK(any.rmse == Approx(fast.rmse).epsilon(1e-4));
    CHECK(std::isnan(any.nll) == !gaussian);
    if (gaussian) {
      CHECK(any.nll == Approx(fast.nll).epsilon(1e-3));
      CHECK(any.calibration_50 == Approx(fast.calibration_50).margin(0.02));
      CHECK(any.calibration_90 == Approx(fast.calibration_90).margin(0.02));
      CHECK(any.calibration_error == Approx(fast.calibration_error).margin(0.01));
    }
    const std::vector<Batchf> actions(3, action), truth(3, next);
    const std::vector<double> far = open_loop_rmse(packed, obs, actions, truth, scale, pool);
    const std::vector<double> same = open_loop_rmse(by_concept, obs, actions, truth, scale);
    for (std::size_t k = 0; k < 3; ++k) CHECK(same[k] == Approx(far[k]).epsilon(1e-3));

    const Batchf none(5, 0), no_action(2, 0);
    CHECK_THROWS_AS(evaluate_predictions(by_concept, none, no_action, none, scale), Error);
    CHECK_THROWS_AS(evaluate_predictions(by_concept, obs, action, next, Vecf::Zero(5)), Error);
    CHECK_THROWS_AS(evaluate_predictions(by_concept, obs, obs, next, scale), Error);
    CHECK_THROWS_AS(open_loop_rmse(by_concept, obs, {action}, {none}, scale), Error);
  }
}

}  // namespace
}  // namespace mbrl
