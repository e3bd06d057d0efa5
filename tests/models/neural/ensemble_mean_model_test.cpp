// The ensemble's mean as a differentiable model: against a second statement of the networks, its Jacobian
// against differences, and planners that run on it.
#include "mbrl/models/neural/ensemble_mean_model.hpp"

#include <cmath>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/models/analytic/finite_differences.hpp"
#include "mbrl/models/differentiable_model.hpp"
#include "mbrl/planning/trajectory/gradient_planner.hpp"
#include "mbrl/planning/trajectory/ilqr.hpp"
#include "models/neural/ensemble_oracle.hpp"

namespace mbrl {
namespace {

static_assert(DifferentiableModel<EnsembleMeanModel>);

MlpEnsemble some_elites(Activation activation, bool gaussian) {
  MlpEnsemble model = testing::lively_model({24, 17}, activation, gaussian, 4);
  model.elites = {2, 0, 3};
  return model;
}

TEST_CASE("the ensemble's mean model averages its elites, and its jacobian is theirs") {
  for (const Activation activation :
       {Activation::kSilu, Activation::kTanh, Activation::kRelu, Activation::kElu})
    for (const bool gaussian : {true, false}) {
      const MlpEnsemble ensemble = some_elites(activation, gaussian);
      const EnsembleMeanModel model(ensemble);
      EnsembleMeanModel::Workspace workspace;
      const Batchf obs = testing::normals(5, 9, 1), action = testing::normals(2, 9, 2);
      Batchd mean = Batchd::Zero(5, 9), next(5, 9);
      for (const int elite : ensemble.elites)
        mean += testing::predict_in_double(ensemble, elite, obs, action).mean / 3.0;
      for (Index i = 0; i < 5; ++i)
        if (i != 1) mean.row(i) += obs.cast<double>().row(i);  // entry 1 is predicted as it is
      model.step(obs.cast<double>(), action.cast<double>(), next, workspace);
      CHECK((next - mean).cwiseAbs().maxCoeff() < 1e-12);

      const Batchd x = obs.cast<double>(), u = action.cast<double>();
      Batchd jacobian(5, 9 * 7), plus(5, 1), minus(5, 1);
      model.linearize(x, u, jacobian, workspace);
      double worst = 0;
      for (Index t = 0; t < 9; ++t)
        for (Index j = 0; j < 7; ++j) {
          constexpr double kStep = 1e-6;
          Vecd z(7);
          z << x.col(t), u.col(t);
          z(j) += kStep;
          model.step(z.head(5), z.tail(2), plus, workspace);
          z(j) -= 2 * kStep;
          model.step(z.head(5), z.tail(2), minus, workspace);
          worst =
              std::max(worst, (jacobian.col(t * 7 + j) - (plus - minus) / (2 * kStep)).cwiseAbs().maxCoeff());
        }
      CHECK(worst < 1e-7);
    }
  MlpEnsemble broken = some_elites(Activation::kSilu, true);
  broken.elites = {7};
  CHECK_THROWS_AS(EnsembleMeanModel(broken), Error);
  const EnsembleMeanModel model(some_elites(Activation::kSilu, true));
  EnsembleMeanModel::Workspace workspace;
  Batchd out(5, 3);
  CHECK_THROWS_AS(model.step(Batchd::Zero(4, 3), Batchd::Zero(2, 3), out, workspace), Error);
  CHECK_THROWS_AS(model.step(Batchd::Zero(5, 3), Batchd::Zero(1, 3), out, workspace), Error);
  CHECK_THROWS_AS(model.linearize(Batchd::Zero(5, 3), Batchd::Zero(2, 3), out, workspace), Error);
}

TEST_CASE("gradient planner and ilqr plan through the ensemble, and agree") {
  // Small networks: steps of the state of moderate size.
  MlpEnsemble ensemble = some_elites(Activation::kSilu, true);
  for (auto& layers : ensemble.members)
    for (float& w : layers.back().weight) w *= 0.3f;
  const EnsembleMeanModel model(ensemble);
  constexpr int kHorizon = 8;
  const QuadraticCost cost(Batchd::Identity(5, 5), 0.5 * Batchd::Identity(2, 2), Batchd::Identity(5, 5),
                           Vecd::Constant(5, 0.5));
  const ActionBounds bounds = ActionBounds::uniform(2, -2, 2);
  const Vecd x0 = Vecd::LinSpaced(5, -0.5, 0.5);
  ThreadPool pool(2);
  GradientPlanner gradient(
      model, cost, bounds,
      {.horizon = kHorizon, .iterations = 1500, .learning_rate = 0.005, .starts = {.starts = 3}}, 1, pool);
  const auto plan = gradient.plan(x0, 0);
  Ilqr ilqr(model, cost, kHorizon, {}, bounds);
  const IlqrReport& report = ilqr.solve(x0, plan.actions);
  CHECK(report.status == IlqrStatus::kConverged);
  CHECK(report.cost <= -plan.predicted_return);
  CHECK(-plan.predicted_return == Approx(report.cost).epsilon(1e-4));
  Ilqr held(model, cost, kHorizon, {.iterations = 1}, bounds);
  held.solve(x0, Batchd::Ones(2, kHorizon));
  CHECK(report.cost < 0.99 * held.report().initial_cost);  // planning paid
}

}  // namespace
}  // namespace mbrl
