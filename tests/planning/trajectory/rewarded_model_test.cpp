// A reward along a model: its derivatives against closed forms, and plans against those of the cost that it is.
#include "mbrl/planning/trajectory/rewarded_model.hpp"

#include <Eigen/Cholesky>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/models/linear/linear_model.hpp"
#include "mbrl/planning/trajectory/gradient_planner.hpp"

using namespace mbrl;

namespace {

const Batchd kA{{1.0, 0.1}, {-0.2, 0.9}}, kB{{0.0}, {0.5}};
const LinearModel kLinear(kA, kB);

// -(x_0^2 + u^2 / 2 + 3 x'_1^2), twice that from control step 4 on.
void reward(ConstBatchRef<float> obs, ConstBatchRef<float> action, ConstBatchRef<float> next, int t,
            VecRef<float> out) {
  const float scale = t >= 4 ? -2.0f : -1.0f;
  out = scale * (obs.row(0).array().square() + 0.5f * action.row(0).array().square() +
                 3.0f * next.row(1).array().square())
                    .transpose();
}

}  // namespace

TEST_CASE("rewarded model: steps and derivatives are those of model and reward") {
  const RewardedModel<LinearModel> model(kLinear, reward);
  RewardedModel<LinearModel>::Workspace w;
  Batchd obs(4, 2), action(1, 2), next(4, 2), jacobian(4, 2 * 5);
  obs << model.state(Vecd{{0.7, -1.5}}, 2), model.state(Vecd{{20.0, 3.0}}, 4);
  action << 0.4, -2.0;
  model.step(obs, action, next, w);
  model.linearize(obs, action, jacobian, w);
  for (Index j = 0; j < 2; ++j) {
    CAPTURE(j);
    const Vecd x = obs.col(j).head(2), after = kA * x + kB * action.col(j);
    const double u = action(0, j), scale = j == 1 ? -2 : -1;
    CHECK((next.col(j).head(2) - after).norm() < 1e-12);
    CHECK(next(2, j) == Approx(scale * (x(0) * x(0) + u * u / 2 + 3 * after(1) * after(1))).epsilon(1e-5));
    CHECK(next(3, j) == obs(3, j) + 1);
    const auto own = jacobian.middleCols(5 * j, 5);
    CHECK(own.topLeftCorner(2, 2) == kA);
    CHECK(own.topRightCorner(2, 1) == kB);
    Vecd expected(5);
    expected << 2 * x(0) + 6 * after(1) * kA(1, 0), 6 * after(1) * kA(1, 1), 0, 0,
        u + 6 * after(1) * kB(1, 0);
    expected *= scale;
    CHECK((own.row(2).transpose() - expected).norm() < 2e-3 * (1 + expected.norm()));
    CHECK(own.row(3).transpose() == Vecd{{0, 0, 0, 1, 0}});
  }
  CHECK(contains(error_of([] { RewardedModel<LinearModel>(kLinear, {}); }), "the reward is empty"));
}

TEST_CASE("rewarded model: a gradient planner finds the plan of the quadratic cost that the reward is") {
  ThreadPool pool(1);
  constexpr int kHorizon = 6;
  const Vecd start{{1.0, -0.5}};
  const RewardedModel<LinearModel> model(kLinear, reward);
  GradientPlanner<RewardedModel<LinearModel>, EarnedCost> planner(
      model, EarnedCost(), ActionBounds::uniform(1, -5, 5),
      {.horizon = kHorizon, .iterations = 400, .learning_rate = 0.02}, 1, pool);
  const ActionPlan<double> plan = planner.plan(model.state(start, 0), 0);

  // The same by normal equations: rewards are a quadratic in the actions, measured exactly at its corners.
  const auto cost = [&](const Vecd& u) {
    Vecd x = start;
    double sum = 0;
    for (int t = 0; t < kHorizon; ++t) {
      const Vecd after = kA * x + kB * u(t);
      sum += (t >= 4 ? 2 : 1) * (x(0) * x(0) + u(t) * u(t) / 2 + 3 * after(1) * after(1));
      x = after;
    }
    return sum;
  };
  const auto unit = [](int i) { return Vecd(Vecd::Unit(kHorizon, i)); };
  const double base = cost(Vecd::Zero(kHorizon));
  Batchd hessian(kHorizon, kHorizon);
  Vecd gradient(kHorizon);
  for (int i = 0; i < kHorizon; ++i) {
    gradient(i) = (cost(unit(i)) - cost(-unit(i))) / 2;
    for (int j = 0; j < kHorizon; ++j)
      hessian(i, j) = cost(unit(i) + unit(j)) - cost(unit(i)) - cost(unit(j)) + base;
  }
  const Vecd best = -hessian.ldlt().solve(gradient);
  CHECK((plan.actions.row(0).transpose() - best).cwiseAbs().maxCoeff() < 0.02);
  CHECK(plan.predicted_return == Approx(-cost(best)).epsilon(1e-3));
}
