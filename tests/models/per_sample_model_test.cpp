// Models, rewards and terminations from functions of one sample, against the same written for batches.
#include "mbrl/models/per_sample_model.hpp"

#include <cmath>

#include "catch.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/models/differentiable_model.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/sampling/cem.hpp"
#include "mbrl/rollout/model_rollout.hpp"
#include "mbrl/task/per_sample_functions.hpp"

using namespace mbrl;

namespace {

// One Euler step of 0.02 s of a pendulum (0: up), as a user writes it.
constexpr auto kPendulum = [](const auto& s, const auto& a, auto next) {
  using std::sin;
  next(0) = s(0) + 0.02 * s(1);
  next(1) = s(1) + 0.02 * (9.81 * sin(s(0)) + a(0));
};

}  // namespace

TEST_CASE("per-sample model: a function of one sample steps batches in float and double") {
  const auto model = per_sample_model(2, 1, kPendulum);
  const auto single = per_sample_model<float>(2, 1, [](const auto& s, const auto& a, auto next) {
    next(0) = s(0) + 0.02f * s(1);
    next(1) = s(1) + 0.02f * (9.81f * std::sin(s(0)) + a(0));
  });
  static_assert(DynamicsModel<decltype(model)> && DynamicsModel<decltype(single)>);
  static_assert(std::same_as<decltype(single)::Scalar, float>);
  const Batchd obs = Batchd::Random(2, 7), action = Batchd::Random(1, 7);
  Batchd next(2, 7);
  NoWorkspace none;
  model.step(obs, action, next, none);
  for (Index i = 0; i < 7; ++i) {
    CHECK(next(0, i) == Approx(obs(0, i) + 0.02 * obs(1, i)));
    CHECK(next(1, i) == Approx(obs(1, i) + 0.02 * (9.81 * std::sin(obs(0, i)) + action(0, i))));
  }
  Batchf next_single(2, 7);
  single.step(obs.cast<float>(), action.cast<float>(), next_single, none);
  CHECK(next_single.cast<double>().isApprox(next, 1e-6));

  CHECK_THROWS_WITH(model.step(Batchd::Zero(3, 7), action, next, none),
                    "per_sample_model: obs has dimension 3, expected 2");
  CHECK_THROWS_AS(per_sample_model(0, 1, kPendulum), Error);
  // An entry that was forgotten is not a number from an earlier call.
  const auto forgetful = per_sample_model(2, 1, [](const auto& s, const auto&, auto out) { out(0) = s(0); });
  forgetful.step(obs, action, next, none);
  CHECK(next.row(0) == obs.row(0));
  CHECK(next.row(1).array().isNaN().all());
}

TEST_CASE("per-sample model: with fixed dimensions derivatives are those of the equations") {
  const auto model = per_sample_model<2, 1>(kPendulum);
  static_assert(TwiceDifferentiableModel<decltype(model)> && kStaticObsDim<decltype(model)> == 2);
  const Batchd obs = Batchd::Random(2, 5), action = Batchd::Random(1, 5), weights = Batchd::Random(2, 5);
  NoWorkspace none;
  Batchd jacobian(2, 15), hessian(3, 15), next(2, 5);
  model.step(obs, action, next, none);
  model.linearize(obs, action, jacobian, none);
  model.weighted_hessian(obs, action, weights, hessian, none);
  for (Index i = 0; i < 5; ++i) {
    Batchd f(2, 3);
    f << 1, 0.02, 0, 0.02 * 9.81 * std::cos(obs(0, i)), 1, 0.02;
    CHECK(jacobian.middleCols(3 * i, 3).isApprox(f, 1e-14));
    Batchd h = Batchd::Zero(3, 3);
    h(0, 0) = -weights(1, i) * 0.02 * 9.81 * std::sin(obs(0, i));
    CHECK(hessian.middleCols(3 * i, 3).isApprox(h, 1e-12));
  }
}

TEST_CASE("per-sample model: vector expressions are differentiated too") {
  Eigen::Matrix2d a;
  a << 1, 0.1, 0, 0.9;
  const Eigen::Vector2d b(0, 0.1);
  const auto model = per_sample_model<2, 1>(
      [=](const auto& s, const auto& u, auto next) { next = a * s + b * u(0) + 0.5 * s * u(0); });
  const Batchd obs = Batchd::Random(2, 3), action = Batchd::Random(1, 3);
  NoWorkspace none;
  Batchd jacobian(2, 9), next(2, 3);
  model.step(obs, action, next, none);
  model.linearize(obs, action, jacobian, none);
  for (Index i = 0; i < 3; ++i) {
    Batchd f(2, 3);
    f << a + 0.5 * action(0, i) * Eigen::Matrix2d::Identity(), b + 0.5 * obs.col(i);
    CHECK(jacobian.middleCols(3 * i, 3).isApprox(f, 1e-14));
    CHECK(next.col(i).isApprox(a * obs.col(i) + b * action(0, i) + 0.5 * obs.col(i) * action(0, i), 1e-14));
  }
}

TEST_CASE("per-sample reward and termination serve planners in float and double") {
  const auto cost = per_sample_reward(
      [](const auto& s, const auto& a, const auto& next) { return s(0) - 0.1 * a.squaredNorm() - next(1); });
  const auto in_time =
      per_sample_reward([](const auto&, const auto&, const auto& next, int t) { return t * next(0); });
  const auto fallen = per_sample_termination([](const auto& next) { return next(0) > 0.5; });
  const RewardFunction<float> single = cost;
  const RewardFunction<double> twice = cost, timed = in_time;
  const TerminationFunction<float> ends = fallen;
  const Batchd obs = Batchd::Random(2, 9), action = Batchd::Random(3, 9), next = Batchd::Random(2, 9);
  Vecd reward(9), later(9);
  Vecf reward_single(9), done(9);
  twice(obs, action, next, 4, reward);
  timed(obs, action, next, 4, later);
  single(obs.cast<float>(), action.cast<float>(), next.cast<float>(), 4, reward_single);
  ends(obs.cast<float>(), action.cast<float>(), next.cast<float>(), 4, done);
  const TerminationFunction<float> crossed =
      per_sample_termination([](const auto& s, const auto&, const auto& to) { return s(0) * to(0) < 0; });
  const TerminationFunction<float> late =
      per_sample_termination([](const auto&, const auto&, const auto&, int t) { return t >= 4; });
  Vecf ended(9), over(9);
  crossed(obs.cast<float>(), action.cast<float>(), next.cast<float>(), 4, ended);
  late(obs.cast<float>(), action.cast<float>(), next.cast<float>(), 4, over);
  CHECK(over.isOnes());
  for (Index i = 0; i < 9; ++i) {
    CHECK(reward(i) == Approx(obs(0, i) - 0.1 * action.col(i).squaredNorm() - next(1, i)));
    CHECK(reward_single(i) == Approx(reward(i)).margin(1e-6));
    CHECK(later(i) == Approx(4 * next(0, i)));
    CHECK(done(i) == (next(0, i) > 0.5 ? 1.0f : 0.0f));
    CHECK(ended(i) == (obs(0, i) * next(0, i) < 0 ? 1.0f : 0.0f));
  }
}

TEST_CASE("per-sample model and reward: a planner brings the pendulum upright") {
  ThreadPool pool(1);
  const auto model = per_sample_model(2, 1, kPendulum);
  const auto reward = per_sample_reward([](const auto&, const auto&, const auto& next) {
    return -next(0) * next(0) - 0.1 * next(1) * next(1);
  });
  ModelRollout rollouts(model, reward, {.horizon = 25}, pool);
  Mpc mpc(Cem(rollouts, ActionBounds::uniform(1, -20, 20), {.population = 100, .elites = 10}, 1));
  Batchd s(2, 1), next(2, 1);
  s << 0.5, 0;
  NoWorkspace none;
  for (int t = 0; t < 100; ++t) {
    model.step(s, mpc.act(s.col(0)), next, none);
    s = next;
  }
  CHECK(std::abs(s(0)) < 0.05);
}
