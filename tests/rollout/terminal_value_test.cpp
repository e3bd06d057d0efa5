// The terminal value in every evaluator: one task, x' = x + a, whose returns are computed by hand.
#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/models/per_sample_model.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"
#include "mbrl/rollout/model_rollout.hpp"
#include "mbrl/rollout/particle_rollout.hpp"
#include "mbrl/rollout/simulator_rollout.hpp"
#include "mbrl/task/per_sample_functions.hpp"

namespace mbrl {
namespace {

constexpr int kRolloutSteps = 3, kStart = 5;  // the horizon, and the control step at which rollouts begin
constexpr double kDiscount = 0.5, kEdge = 1.05;

const auto kOne = per_sample_reward([](const auto&, const auto&, const auto&) { return 1.0; });
const auto kBeyond = per_sample_termination([](const auto& next) { return next(0) > kEdge; });
template <class S>
void worth(ConstBatchRef<S> obs, int t, VecRef<S> out) {
  out = S(10) + S(100) * static_cast<S>(t) + obs.row(0).transpose().array();
}
template <class S>
void unknown(ConstBatchRef<S>, int, VecRef<S> out) {
  out.setConstant(std::numeric_limits<S>::quiet_NaN());
}

// Candidate 0 never ends, 1 ends in its last step, 2 in its first.
template <class Evaluator>
void check(Evaluator& rollout, const typename Evaluator::State& start) {
  using S = typename Evaluator::Scalar;
  Batch<S> actions(kRolloutSteps, 3);
  actions.col(0).setConstant(S(0.1));
  actions.col(1).setConstant(S(0.4));
  actions.col(2).setConstant(S(5));
  Vec<S> returns(3);
  rollout.evaluate(start, actions, {0, 0, kStart}, returns);
  CHECK(returns(0) == Approx(1.75));
  rollout.set_terminal_value(worth<S>);
  rollout.evaluate(start, actions, {0, 0, kStart}, returns);
  CHECK(returns(0) == Approx(1.75 + 0.125 * (10 + 100 * (kStart + kRolloutSteps) + 0.3)));
  CHECK(returns(1) == Approx(1.75));
  CHECK(returns(2) == Approx(1.0));
  rollout.set_terminal_value(unknown<S>);
  rollout.evaluate(start, actions, {0, 0, kStart}, returns);
  CHECK(std::isnan(returns(0)));
  CHECK(returns(1) == Approx(1.75));
  rollout.set_terminal_value({});
  rollout.evaluate(start, actions, {0, 0, kStart}, returns);
  CHECK(returns(0) == Approx(1.75));
}

TEST_CASE("terminal value: model rollout") {
  ThreadPool pool(2);
  const auto model = per_sample_model(1, 1, [](const auto& x, const auto& u, auto&& next) { next = x + u; });
  ModelRollout rollout(model, kOne, kBeyond, {.horizon = kRolloutSteps, .block = 2, .discount = kDiscount},
                       pool);
  check(rollout, Vecd::Zero(1));
}

struct Exact {
  using Scalar = float;
  struct Workspace {};
  int members() const { return 2; }
  int obs_dim() const { return 1; }
  int action_dim() const { return 1; }
  void predict(int, ConstBatchRef<float> obs, ConstBatchRef<float> action, BatchRef<float> mean,
               BatchRef<float> variance, Workspace&) const {
    mean = obs + action;
    variance.setZero();
  }
};

const auto kWays = {Propagation::kExpectation, Propagation::kDistributionSampling, Propagation::kTS1,
                    Propagation::kTSinf};

TEST_CASE("terminal value: particle rollout") {
  ThreadPool pool(2);
  for (const Propagation how : kWays) {
    ParticleRolloutSettings settings;
    settings.horizon = kRolloutSteps;
    settings.particles = 4;
    settings.propagation = how;
    settings.discount = kDiscount;
    ParticleRollout rollout(Exact{}, kOne, kBeyond, settings, pool, 1);
    check(rollout, Vecf::Zero(1));
  }
}

TEST_CASE("terminal value: ensemble rollout") {
  ThreadPool pool(2);
  MlpEnsembleSettings shape;
  shape.members = 2;
  shape.hidden = {};
  shape.gaussian = false;
  MlpEnsemble model = MlpEnsemble::create(shape, ObsEncoding::identity(1), 1, 0);
  for (auto& layers : model.members) layers[0].weight_matrix() << 0.0f, 1.0f;
  for (const Propagation how : kWays) {
    EnsembleRolloutSettings settings;
    settings.horizon = kRolloutSteps;
    settings.particles = 4;
    settings.propagation = how;
    settings.discount = kDiscount;
    EnsembleRollout rollout(model, kOne, kBeyond, settings, pool, 1);
    check(rollout, Vecf::Zero(1));
  }
}

struct Walker {
  double x = 0.0;
  int obs_dim() const { return 1; }
  int action_dim() const { return 1; }
  int state_dim() const { return 1; }
  void save_state(std::span<double> out) const { out[0] = x; }
  void load_state(std::span<const double> in) { x = in[0]; }
  SimulatorStep advance(ConstVecRef<double> action) {
    x += action(0);
    return {1.0, x > kEdge, false};
  }
  void observe(VecRef<double> obs) { obs(0) = x; }
};

TEST_CASE("terminal value: simulator rollout") {
  ThreadPool pool(2);
  SimulatorRollout<Walker> rollout([] { return Walker(); }, {.horizon = kRolloutSteps, .discount = kDiscount},
                                   pool);
  check(rollout, {0.0});
}

}  // namespace
}  // namespace mbrl
