// Ridge regression against the system that made the data, and against what a ridge must do.
#include "mbrl/models/linear/linear_gaussian_model.hpp"

#include <cmath>
#include <limits>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"

namespace mbrl {
namespace {

static_assert(ProbabilisticModel<LinearGaussianModel> && TwiceDifferentiableModel<LinearGaussianModel>);
static_assert(Checkpointable<LinearGaussianModel>);

const Batchd kA{{0.95, 0.10, 0.0}, {-0.2, 0.9, 0.15}, {0.05, 0.0, 0.8}};
const Batchd kB{{0.0, 0.1}, {0.3, 0.0}, {-0.1, 0.2}};
const Vecd kC{{0.02, -0.01, 0.3}};
// Of the noise: its factor, so that entries are correlated.
const Batchd kFactor{{0.02, 0.0, 0.0}, {0.01, 0.03, 0.0}, {0.0, -0.02, 0.01}};

TransitionBatch transitions(int n, double noise) {
  const RandomStream random(3, Stream::kUser);
  std::uint32_t i = 0;
  const auto draw = [&] { return random.normal(i++); };
  const Batchd x = Batchd::NullaryExpr(3, n, draw), u = Batchd::NullaryExpr(2, n, draw),
               e = Batchd::NullaryExpr(3, n, draw);
  const Batchd next = (kA * x + kB * u + noise * kFactor * e).colwise() + kC;
  return {x.cast<float>(), u.cast<float>(), next.cast<float>(), {}};
}

TEST_CASE("ridge: a linear system without noise is found again") {
  LinearGaussianModel model(3, 2);
  RidgeTrainer trainer({.ridge = 1e-10});
  const TrainingReport report = trainer.train(transitions(40, 0.0), model);
  CHECK((model.mean().a() - kA).cwiseAbs().maxCoeff() < 1e-5);
  CHECK((model.mean().b() - kB).cwiseAbs().maxCoeff() < 1e-5);
  CHECK((model.mean().c() - kC).cwiseAbs().maxCoeff() < 1e-5);
  CHECK(report.train_loss.at(0) < 1e-10);
  CHECK(model.covariance().diagonal().maxCoeff() < 1e-10);
}

TEST_CASE("ridge: noise is found within its sampling error, which falls with the data") {
  const Batchd truth = kFactor * kFactor.transpose();
  double last = std::numeric_limits<double>::infinity();
  for (const int n : {100, 10000}) {
    LinearGaussianModel model(3, 2);
    RidgeTrainer().train(transitions(n, 1.0), model);
    const double error = (model.mean().a() - kA).cwiseAbs().maxCoeff();
    // A coefficient's standard error is sigma / sqrt(n), a covariance's some sigma^2 sqrt(2 / n).
    CHECK(error < 4.0 * 0.032 / std::sqrt(n));
    CHECK((model.covariance() - truth).cwiseAbs().maxCoeff() < 4.0 * 1e-3 * std::sqrt(2.0 / n));
    CHECK(error < 0.5 * last);
    last = error;
  }
}

TEST_CASE("ridge: a large ridge, or what does not vary, has no effect") {
  TransitionBatch data = transitions(200, 0.0);
  LinearGaussianModel model(3, 2);
  RidgeTrainer({.ridge = 1e9}).train(data, model);
  CHECK((model.mean().a() - Batchd::Identity(3, 3)).cwiseAbs().maxCoeff() < 1e-6);
  CHECK(model.mean().b().cwiseAbs().maxCoeff() < 1e-6);

  data.action.row(1).setConstant(0.7f);
  RidgeTrainer().train(data, model);
  CHECK(model.mean().b().col(1).isZero());
  data.action.row(1) = data.action.row(0);  // one input twice: the ridge decides
  CHECK_NOTHROW(RidgeTrainer().train(data, model));
  CHECK(model.mean().b().col(0).isApprox(model.mean().b().col(1), 1e-6));
}

TEST_CASE("ridge: too few samples to tell noise from dynamics do not make the model certain") {
  for (const int n : {2, 4, 6}) {  // of 6 coefficients
    const TransitionBatch data = transitions(n, 1.0);
    LinearGaussianModel model(3, 2);
    RidgeTrainer().train(data, model);
    const Batchd change = data.next_obs.cast<double>() - data.obs.cast<double>();
    const Batchd off = change.colwise() - change.rowwise().mean();
    CHECK(model.covariance().isApprox(off * off.transpose() / (n - 1), 1e-9));
  }
  LinearGaussianModel model(3, 2);
  CHECK_THROWS_WITH(RidgeTrainer().train(transitions(1, 1.0), model),
                    Catch::Contains("1 sample, expected at least 2"));
}

TEST_CASE("ridge: predictions, checkpoints and mistakes") {
  LinearGaussianModel model(3, 2);
  RidgeTrainer().train(transitions(300, 1.0), model);
  LinearGaussianModel::Workspace w;
  Batchd mean(3, 4), variance(3, 4), next(3, 4);
  const Batchd obs = Batchd::Random(3, 4), action = Batchd::Random(2, 4);
  model.predict(obs, action, mean, variance, w);
  model.step(obs, action, next, w);
  CHECK(mean == next);
  CHECK(variance.col(3) == model.covariance().diagonal());

  StateDict dict;
  model.save(dict, "m.");
  LinearGaussianModel again(3, 2), other(2, 2);
  again.load(dict, "m.");
  CHECK(again.mean().a() == model.mean().a());
  CHECK(again.mean().c() == model.mean().c());
  CHECK(again.covariance() == model.covariance());
  CHECK_THROWS_AS(other.load(dict, "m."), Error);

  CHECK_THROWS_AS(LinearGaussianModel(0, 1), Error);
  CHECK_THROWS_AS(LinearGaussianModel(model.mean(), Batchd::Identity(2, 2)), Error);
  CHECK_THROWS_AS(RidgeTrainer({.ridge = -1.0}), Error);
  TransitionBatch data = transitions(10, 0.0);
  CHECK_THROWS_AS(RidgeTrainer().train(data, other), Error);
  data.obs(0, 3) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(RidgeTrainer().train(data, model), Error);
  data.obs.resize(3, 0);
  CHECK_THROWS_AS(RidgeTrainer().train(data, model), Error);
}

}  // namespace
}  // namespace mbrl
