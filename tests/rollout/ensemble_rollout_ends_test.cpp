// How a particle of EnsembleRollout ends and what it earns: poisoned ones, terminations and rewards, given and learned,
// steered by hand.
#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"
#include "models/neural/ensemble_oracle.hpp"
#include "rollout/small_rollouts.hpp"

namespace mbrl {
namespace {

using testing::ids;
using testing::kHorizon;
using testing::small;

// x' = x + action (one dimension of one), so that rollouts can be steered by hand. Member m multiplies by
// gains[m]. Learned: the reward 2 x + 1/2, and the end of what goes beyond 1.05.
MlpEnsemble steered(const std::vector<float>& gains, bool learned_reward = false, bool learned_end = false) {
  MlpEnsembleSettings settings;
  settings.members = static_cast<int>(gains.size());
  settings.hidden = {};
  settings.gaussian = false;
  settings.learned_reward = learned_reward;
  settings.learned_termination = learned_end;
  MlpEnsemble model = MlpEnsemble::create(settings, ObsEncoding::identity(1), 1, 0);
  for (std::size_t m = 0; m < gains.size(); ++m) {
    auto w = model.members[m][0].weight_matrix();
    w.setZero();
    w(0, 1) = gains[m];
    auto b = model.members[m][0].bias_vector();
    if (learned_reward) w(model.reward_row(), 0) = 2.0f, b(model.reward_row()) = 0.5f;
    if (!learned_end) continue;
    const int end = model.termination_row();  // 0 where x' = x + gain action is 1.05
    w(end, 0) = 1.0f, w(end, 1) = gains[m], b(end) = -1.05f;
  }
  model.obs_low = {-2.0f};
  model.obs_high = {3.0f};
  return model;
}
void count_steps(ConstBatchRef<float>, ConstBatchRef<float>, ConstBatchRef<float>, int, VecRef<float> out) {
  out.setOnes();
}

TEST_CASE("ensemble rollout: a particle that leaves the data is stopped, counted and never wins") {
  ThreadPool pool(2);
  // Member 1 exaggerates a hundredfold; the reward is the position, so that exploding would win.
  const RewardFunction<float> position = [](auto, auto, ConstBatchRef<float> next, int, VecRef<float> out) {
    out = next.row(0).transpose();
  };
  EnsembleRolloutSettings settings = small(Propagation::kTSinf, 2);
  settings.data_margin = 1.0f;  // from -7 to 8
  EnsembleRollout rollout(steered({1.0f, 100.0f}), position, {}, settings, pool, 1);
  Batchf actions(kHorizon, 4);
  actions.col(0).setConstant(0.5f);    // member 0 is sound: 0.5 + 1 + ... + 2.5 = 7.5; member 1 explodes
  actions.col(1).setConstant(0.001f);  // both sound
  actions.col(2).setConstant(10.0f);   // both explode
  actions.col(3).setConstant(-0.005f);
  Batchf particles(2, 4);
  rollout.evaluate_particles(Vecf::Zero(1), actions, ids(4).data(), {}, 0, 2, particles);
  CHECK(particles(0, 0) == Approx(7.5));
  CHECK(std::isnan(particles(1, 0)));
  CHECK(particles(1, 1) == Approx(0.1 * 15));
  CHECK(std::isnan(particles(0, 2)));
  CHECK(std::isnan(particles(1, 2)));
  CHECK(particles(1, 3) == Approx(-0.5 * 15));
  CHECK(rollout.counts().out_of_data == 3);
  CHECK(rollout.counts().not_finite == 0);
  Vecf returns(4);
  rollout.evaluate(Vecf::Zero(1), actions, {}, returns);
  CHECK(returns[0] == Approx((7.5 - 7.5) / 2));  // the poisoned particle counts as the worst usable one
  CHECK(returns[1] == Approx((0.015 + 1.5) / 2));
  CHECK(std::isnan(returns[2]));
  CHECK(returns[3] == Approx((-0.075 - 7.5) / 2));
  CHECK(rollout.counts().out_of_data == 6);

  const Batchf path = rollout.trajectories(Vecf::Zero(1), Batchf::Constant(1, kHorizon, 0.5f), {});
  CHECK(path.allFinite());
  CHECK(path(0, 2 * (kHorizon + 1) - 1) == 0.0f);  // the exploding particle stayed at its last sound state

  // From wherever a plan starts, it may move by the data's width.
  const Vecf far = Vecf::Constant(1, 1e4f);
  rollout.reset_counts();
  rollout.evaluate_particles(far, actions, ids(4).data(), {}, 0, 2, particles);
  CHECK(particles(0, 0) == Approx(7.5 + 1e4 * kHorizon));
  CHECK(std::isnan(particles(1, 0)));
  CHECK(rollout.counts().out_of_data == 3);
  CHECK(rollout.counts().held == 0);

  // Where every particle of every candidate is stopped, they are held at the limit.
  rollout.reset_counts();
  const Batchf wild =
      actions.col(2).replicate(1, 4) * Eigen::DiagonalMatrix<float, 4>(Eigen::Vector4f(1, -1, 2, -2));
  rollout.evaluate(Vecf::Zero(1), wild, {}, returns);
  for (int k = 0; k < 4; ++k) CHECK(returns[k] == Approx(kHorizon * (k % 2 == 0 ? 8 : -7)));
  CHECK(rollout.counts().out_of_data == 8);
  CHECK(rollout.counts().held == 8);
  CHECK(rollout.counts().particles == 8);

  settings.data_margin = 0.0f;
  EnsembleRollout unlimited(steered({1.0f, 100.0f}), position, {}, settings, pool, 1);
  unlimited.evaluate_particles(Vecf::Zero(1), actions, ids(4).data(), {}, 0, 2, particles);
  CHECK(particles(1, 2) == Approx(1000.0 * 15));
  unlimited.reset_counts();
  CHECK(unlimited.counts().rows == 0);
}

TEST_CASE("ensemble rollout: what has no width in the data is not bounded, constants are handed on") {
  ThreadPool pool(1);
  const RewardFunction<float> position = [](auto, auto, ConstBatchRef<float> next, int, VecRef<float> out) {
    out = next.row(0).transpose();
  };
  EnsembleRolloutSettings settings = small(Propagation::kTSinf, 1);
  MlpEnsemble model = steered({1.0f});
  const Batchf actions = Batchf::Constant(kHorizon, 1, 50.0f);
  Vecf returns(1);
  model.obs_low = model.obs_high = {2.0f};
  EnsembleRollout still(model, position, {}, settings, pool, 1);
  still.evaluate(Vecf::Zero(1), actions, {}, returns);
  CHECK(returns[0] == Approx(50.0 * 15));
  CHECK(still.counts().out_of_data == 0);

  model.obs_low = {-1.0f};
  model.obs_high = {1.0f};
  model.encoding.hold_constant(0, 1);
  model.settings.gaussian = false;
  EnsembleRollout constant(model, position, {}, settings, pool, 1);
  constant.evaluate(Vecf::Constant(1, 3.0f), actions, {}, returns);
  CHECK(returns[0] == 3.0f * kHorizon);
  CHECK(constant.counts().out_of_data == 0);
}

TEST_CASE("ensemble rollout: rewards are discounted") {
  ThreadPool pool(1);
  EnsembleRolloutSettings settings = small(Propagation::kTSinf, 1);
  settings.discount = 0.5;
  EnsembleRollout rollout(steered({1.0f}), count_steps, {}, settings, pool, 1);
  Vecf returns(1);
  rollout.evaluate(Vecf::Zero(1), Batchf::Zero(kHorizon, 1), {}, returns);
  CHECK(returns[0] == Approx(2.0 - std::pow(0.5, kHorizon - 1)));
  settings.discount = 0.0;
  CHECK_THROWS_AS(EnsembleRollout(steered({1.0f}), count_steps, {}, settings, pool, 1), Error);
}

TEST_CASE("ensemble rollout: numbers that are not finite are counted as such") {
  ThreadPool pool(1);
  EnsembleRolloutSettings settings = small(Propagation::kTSinf, 1);
  settings.data_margin = 0.0f;
  Batchf actions = Batchf::Constant(kHorizon, 3, 0.1f);
  Vecf returns(3);
  SECTION("an overflowing network") {
    actions.col(1).setConstant(10.0f);
    EnsembleRollout rollout(steered({1e38f}), count_steps, {}, settings, pool, 1);
    rollout.evaluate(Vecf::Zero(1), actions, {}, returns);
    CHECK(rollout.counts().not_finite == 1);
    CHECK(std::isnan(returns[1]));
    CHECK(returns[0] == kHorizon);
  }
  SECTION("a NaN action") {
    actions(3, 2) = std::numeric_limits<float>::quiet_NaN();
    EnsembleRollout rollout(steered({1.0f}), count_steps, {}, settings, pool, 1);
    rollout.evaluate(Vecf::Zero(1), actions, {}, returns);
    CHECK(rollout.counts().not_finite == 1);
    CHECK(std::isnan(returns[2]));
    CHECK(returns[0] == kHorizon);
  }
  SECTION("a reward that is NaN or infinite") {
    const RewardFunction<float> bad = [](auto, ConstBatchRef<float> action, auto, int t, VecRef<float> out) {
      for (Index j = 0; j < out.size(); ++j)
        out[j] = t < 2               ? 1.0f
                 : action(0, j) > 1  ? std::numeric_limits<float>::infinity()
                 : action(0, j) < -1 ? std::numeric_limits<float>::quiet_NaN()
                                     : 1.0f;
    };
    actions.col(0).setConstant(2.0f);
    actions.col(1).setConstant(-2.0f);
    EnsembleRollout rollout(steered({1.0f}), bad, {}, settings, pool, 1);
    rollout.evaluate(Vecf::Zero(1), actions, {}, returns);
    CHECK(rollout.counts().not_finite == 2);
    CHECK(std::isnan(returns[0]));
    CHECK(std::isnan(returns[1]));
    CHECK(returns[2] == kHorizon);
  }
}

TEST_CASE(
    "ensemble rollout: after a predicted termination, given or learned, a particle earns nothing more") {
  ThreadPool pool(1);
  EnsembleRolloutSettings settings = small(Propagation::kTSinf, 2);
  const TerminationFunction<float> beyond = [](ConstBatchRef<float> next, VecRef<float> done) {
    done = (next.row(0).transpose().array() > 1.05f).cast<float>();
  };
  const bool learned = GENERATE(false, true), reward_too = GENERATE(false, true);
  EnsembleRollout rollout(steered({1.0f, 2.0f}, reward_too, learned), count_steps,
                          learned ? TerminationFunction<float>{} : beyond, settings, pool, 1);
  Batchf actions(kHorizon, 3);
  actions.col(0).setConstant(0.4f);  // beyond at step 3; member 1: at step 2
  actions.col(1).setConstant(0.1f);  // never
  actions.col(2).setConstant(5.0f);  // at once; later the particle would leave the data, but it has ended
  Batchf particles(2, 3);
  rollout.evaluate_particles(Vecf::Zero(1), actions, ids(3).data(), {}, 0, 2, particles);
  CHECK(particles(0, 0) == 3.0f);
  CHECK(particles(1, 0) == 2.0f);
  CHECK(particles(0, 1) == kHorizon);
  CHECK(particles(0, 2) == 1.0f);
  CHECK(std::isnan(particles(1, 2)));  // this one leaves the data in the very first step
  CHECK(rollout.counts().out_of_data == 1);
}

TEST_CASE("ensemble rollout: the reward may be learned") {
  ThreadPool pool(1);
  EnsembleRollout rollout(steered({1.0f}, true), {}, {}, small(Propagation::kTSinf, 1), pool, 1);
  Vecf returns(1);
  rollout.evaluate(Vecf::Zero(1), Batchf::Constant(kHorizon, 1, 0.1f), {}, returns);
  // States before each step: 0, .1, ..., .4.
  CHECK(returns[0] == Approx(2.0 * (0.0 + 0.1 + 0.2 + 0.3 + 0.4) + 0.5 * kHorizon));
}

TEST_CASE("ensemble rollout: a new model replaces the old one, a misfit is refused") {
  ThreadPool pool(1);
  EnsembleRollout rollout(steered({1.0f, 1.0f}), count_steps, {}, small(Propagation::kTSinf, 2), pool, 1);
  Vecf returns(1);
  rollout.set_model(steered({9.0f, 9.0f}));  // 0.4 * 9 a step is further than the data moved
  rollout.evaluate(Vecf::Zero(1), Batchf::Constant(kHorizon, 1, 0.4f), {}, returns);
  CHECK(rollout.counts().out_of_data == 2);
  CHECK_THROWS_AS(rollout.set_model(testing::lively_model({4}, Activation::kSilu, true, 2)), Error);
  CHECK_NOTHROW(rollout.set_model(steered({1.0f, 1.0f, 1.0f})));  // fewer particles than elites
  rollout.evaluate(Vecf::Zero(1), Batchf::Constant(kHorizon, 1, 0.4f), {}, returns);
  CHECK(returns[0] == kHorizon);
}

}  // namespace
}  // namespace mbrl
