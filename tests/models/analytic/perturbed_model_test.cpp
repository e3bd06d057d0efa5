// ModelError against linear dynamics written out by hand, its Jacobians against differences, its noise
// against its moments; and what a plan is worth on the wrong model.
#include "mbrl/models/analytic/perturbed_model.hpp"

#include <cmath>
#include <numbers>

#include "catch.hpp"
#include "mbrl/models/analytic/analytic_model.hpp"
#include "mbrl/models/analytic/finite_differences.hpp"
#include "mbrl/models/analytic/systems.hpp"
#include "mbrl/models/linear/linear_model.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/trajectory/ilqr_planner.hpp"

namespace mbrl {
namespace {

using Pendulum = AnalyticModel<PendulumSystem>;
static_assert(DifferentiableModel<ModelError<Pendulum>>);
static_assert(DifferentiableModel<ModelError<ModelError<LinearModel>>>);

LinearModel linear() {
  return LinearModel((Batchd(2, 2) << 1.0, 0.1, -0.2, 0.9).finished(),
                     (Batchd(2, 2) << 0.0, 0.3, 0.5, -0.1).finished(), (Vecd(2) << 0.01, 0.02).finished());
}

TEST_CASE("model error: delay, scale and bias are those of the equation") {
  const LinearModel exact = linear();
  const Vecd scale = (Vecd(2) << 0.8, 1.1).finished(), bias = (Vecd(2) << 0.05, -0.1).finished();
  for (const int delay : {0, 1, 3}) {
    const ModelError wrong(exact, {.action_delay = delay, .action_scale = scale, .action_bias = bias});
    REQUIRE(wrong.obs_dim() == 2 + 2 * delay);
    ModelError<LinearModel>::Workspace workspace;
    Vecd x = (Vecd(2) << 1.0, -0.5).finished();
    Vecd state = wrong.delayed(x), next(wrong.obs_dim());
    Batchd actions(2, 10);
    for (int t = 0; t < 10; ++t) {
      actions.col(t) << std::sin(t), std::cos(2 * t);
      const Vecd late = t >= delay ? Vecd(actions.col(t - delay)) : Vecd(Vecd::Zero(2));
      x = exact.a() * x + exact.b() * (scale.cwiseProduct(late) + bias) + exact.c();
      wrong.step(state, actions.col(t), next, workspace);
      state = next;
      CHECK((state.head(2) - x).norm() < 1e-12);
    }
  }
}

TEST_CASE("model error: Jacobians are those of its steps") {
  const Pendulum pendulum(PendulumSystem{}, {0.05});
  for (const int delay : {0, 2}) {
    const ModelError wrong(pendulum, {.action_delay = delay,
                                      .action_scale = Vecd::Constant(1, 0.7),
                                      .action_bias = Vecd::Constant(1, 0.2)});
    const Index nz = wrong.obs_dim() + 1;
    Batchd obs(wrong.obs_dim(), 3), action(1, 3);
    for (Index i = 0; i < obs.size(); ++i) obs.data()[i] = std::sin(static_cast<double>(i));
    action << 0.3, -0.4, 1.0;
    Batchd exact(wrong.obs_dim(), 3 * nz), differences(wrong.obs_dim(), 3 * nz);
    ModelError<Pendulum>::Workspace workspace;
    wrong.linearize(obs, action, exact, workspace);
    const FiniteDifferenceModel oracle(wrong);
    FiniteDifferenceModel<ModelError<Pendulum>>::Workspace oracle_workspace;
    oracle.linearize(obs, action, differences, oracle_workspace);
    CHECK((exact - differences).cwiseAbs().maxCoeff() < 1e-8);
  }
}

TEST_CASE("model error: noise has its moments, repeats, and differs between runs, steps and columns") {
  constexpr int kCount = 4000;
  const Vecd sigma = (Vecd(2) << 0.3, 0.0).finished();
  const ModelError noisy(linear(), {.process_noise = sigma, .seed = 7});
  ModelError<LinearModel>::Workspace workspace, again, other;
  other.run = 1;
  const Batchd obs = Batchd::Zero(2, kCount), action = Batchd::Zero(2, kCount);
  Batchd first(2, kCount), second(2, kCount), repeated(2, kCount), third(2, kCount);
  noisy.step(obs, action, first, workspace);
  noisy.step(obs, action, second, workspace);
  noisy.step(obs, action, repeated, again);
  noisy.step(obs, action, third, other);
  CHECK(first == repeated);
  CHECK(first != second);
  CHECK(first != third);
  const Eigen::RowVectorXd noise = first.row(0).array() - 0.01;
  CHECK(std::abs(noise.mean()) < 5 * 0.3 / std::sqrt(kCount));
  CHECK(std::sqrt(noise.squaredNorm() / kCount) == Approx(0.3).epsilon(0.05));
  CHECK(std::abs(noise.head(kCount - 1).dot(noise.tail(kCount - 1))) / kCount < 0.01);
  CHECK((first.row(1).array() == 0.02).all());
}

TEST_CASE("model error: mistakes are named") {
  CHECK_THROWS_AS(ModelError(linear(), {.action_delay = -1}), Error);
  CHECK_THROWS_AS(ModelError(linear(), {.action_scale = Vecd::Ones(3)}), Error);
  CHECK_THROWS_AS(ModelError(linear(), {.action_bias = Vecd::Constant(2, NAN)}), Error);
  CHECK_THROWS_AS(ModelError(linear(), {.process_noise = Vecd::Constant(1, -0.1)}), Error);
  const ModelError wrong(linear(), {.action_delay = 1});
  ModelError<LinearModel>::Workspace workspace;
  Vecd next(4);
  CHECK_THROWS_AS(wrong.step(Vecd::Zero(2), Vecd::Zero(2), next, workspace), Error);
  CHECK_THROWS_AS(wrong.delayed(Vecd::Zero(4)), Error);
}

// Squared distance from upright over the last steps, planned with `model`, acted on `real`.
template <class Planned, class Real>
double closed_loop(const Planned& model, const Real& real, Index nx) {
  const Index n = model.obs_dim();
  Batchd q = Batchd::Zero(n, n);
  q.diagonal().head(2) << 5.0, 0.5;
  const QuadraticCost cost(q, Batchd::Constant(1, 1, 0.01), 10.0 * q, Vecd::Zero(n));
  IlqrSettings settings;
  settings.iterations = 15;
  Mpc mpc(IlqrPlanner(model, cost, 30, settings, ActionBounds::uniform(1, -6.0, 6.0)));
  typename Real::Workspace workspace;
  Vecd x = Vecd::Zero(real.obs_dim()), next(real.obs_dim());
  x(0) = 0.4;
  double sum = 0;
  for (int t = 0; t < 80; ++t) {
    real.step(x, mpc.act(x.head(nx)), next, workspace);
    x = next;
    if (t >= 50) sum += x.head(2).squaredNorm();
  }
  return sum;
}

TEST_CASE("model error: a delay that the planner knows does less harm than one that it does not") {
  const Pendulum model(PendulumSystem{}, {0.05});
  const ModelError late(model, {.action_delay = 3});
  const double exact = closed_loop(model, ModelError(model), 2);
  const double known = closed_loop(late, late, late.obs_dim()), unknown = closed_loop(model, late, 2);
  CHECK(exact < 1e-2);
  CHECK(known < 1e-2);
  CHECK(unknown > 10 * known);
  // A little noise is borne.
  const ModelError noisy(model, {.process_noise = Vecd::Constant(1, 0.01), .seed = 1});
  CHECK(closed_loop(model, noisy, 2) < 0.3);
}

}  // namespace
}  // namespace mbrl
