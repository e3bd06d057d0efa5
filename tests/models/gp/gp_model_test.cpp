// Dynamics as Gaussian processes: calibrated, and humble far from the data.
#include "mbrl/models/gp/gp_model.hpp"

#include <cmath>
#include <limits>
#include <numbers>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/models/diagnostics.hpp"
#include "mbrl/models/gp/gp_trainer.hpp"

namespace mbrl {
namespace {

static_assert(Checkpointable<GpModel>);

constexpr double kNoise = 0.1;

// A change of sin(2 x) + u / 2 in the first entry, of x in the second.
TransitionBatch transitions(int n, std::uint32_t id = 0, double noise = kNoise) {
  const RandomStream random(7, Stream::kUser);
  TransitionBatch data{Batchf(2, n), Batchf(1, n), Batchf(2, n), {}};
  for (int i = 0; i < n; ++i) {
    const auto at = static_cast<std::uint32_t>(i);
    const double x = random.uniform(-2.0, 2.0, id, at, 0), v = random.uniform(-2.0, 2.0, id, at, 1),
                 u = random.uniform(-1.0, 1.0, id, at, 2);
    data.obs.col(i) = Vecd{{x, v}}.cast<float>();
    data.action(0, i) = static_cast<float>(u);
    data.next_obs.col(i) = Vecd{{x + std::sin(2.0 * x) + 0.5 * u + noise * random.normal(id, at, 3),
                                 v + x + noise * random.normal(id, at, 4)}}
                               .cast<float>();
  }
  return data;
}

struct Trained {
  explicit Trained(int n = 120, const GpSettings& settings = {}, int threads = 1)
      : pool(threads), trainer(settings, pool, 3) {
    report = trainer.train(transitions(n), model, 0);
  }
  ThreadPool pool;
  GpModel model{2, 1};
  GpTrainer trainer;
  TrainingReport report;
};

double rmse(const GpModel& model, const TransitionBatch& data) {
  GpModel::Workspace w;
  Batchd next(2, data.obs.cols());
  model.step(data.obs.cast<double>(), data.action.cast<double>(), next, w);
  return std::sqrt((next - data.next_obs.cast<double>()).squaredNorm() / static_cast<double>(next.size()));
}

TEST_CASE("gp model: finds the noise, and its intervals hold what they say") {
  const Trained t;
  for (int e = 0; e < 2; ++e) CHECK(std::sqrt(t.model.posterior(e).noise2) == Approx(kNoise).epsilon(0.25));
  // What an entry does not depend on has a long lengthscale.
  CHECK(t.model.posterior(0).lengthscale2[1] > 9.0 * t.model.posterior(0).lengthscale2[0]);
  const TransitionBatch fresh = transitions(2000, 1);
  const PredictionReport report =
      evaluate_predictions(t.model, fresh.obs, fresh.action, fresh.next_obs, Vecf::Ones(2));
  CAPTURE(report.nll, report.rmse, report.calibration_95);
  CHECK(report.calibration_95 > 0.90);
  CHECK(report.calibration_95 < 0.99);
  CHECK(report.rmse < 1.3 * kNoise);
  // A Gaussian with the true mean and noise is the best that there is.
  const double best = 0.5 * std::log(2.0 * std::numbers::pi * kNoise * kNoise) + 0.5;
  CHECK(report.nll < best + 0.25);
  CHECK(report.nll > best - 0.1);
}

TEST_CASE("gp model: far from the data nothing is predicted to change, with the prior's variance") {
  const Trained t;
  GpModel::Workspace w;
  Batchd mean(2, 1), variance(2, 1);
  const Vecd far{{60.0, -2000.0}};
  t.model.predict(far, Batchd::Constant(1, 1, 500.0), mean, variance, w);
  for (int e = 0; e < 2; ++e) {
    const GpPosterior& p = t.model.posterior(e);
    CHECK(mean(e, 0) == Approx(far[e]));
    CHECK(variance(e, 0) == Approx(p.signal2 + p.noise2));
  }
  // And in the midst of them there is little but noise.
  t.model.predict(Vecd::Zero(2), Batchd::Zero(1, 1), mean, variance, w);
  for (int e = 0; e < 2; ++e) CHECK(variance(e, 0) < 1.5 * t.model.posterior(e).noise2);
}

TEST_CASE("gp model: predictions in blocks are those of the formulas") {
  const Trained t(90);
  const TransitionBatch fresh = transitions(150, 2);
  const Batchd obs = fresh.obs.cast<double>(), action = fresh.action.cast<double>();
  GpModel::Workspace w;
  Batchd mean(2, 150), variance(2, 150), next(2, 150), one(2, 1), of_one(2, 1), features, k;
  t.model.predict(obs, action, mean, variance, w);
  t.model.step(obs, action, next, w);
  CHECK(mean == next);
  t.model.encode(obs, action, features);
  for (int e = 0; e < 2; ++e) {
    const GpPosterior& p = t.model.posterior(e);
    se_covariance(t.model.inputs(), features, p.lengthscale2, p.signal2, k);
    CHECK((mean.row(e) - obs.row(e) - p.beta.transpose() * k).cwiseAbs().maxCoeff() < 1e-9);
    const Vecd reduced = k.cwiseProduct(p.inverse * k).colwise().sum().transpose();
    CHECK((variance.row(e).transpose().array() - (p.signal2 + p.noise2 - reduced.array())).abs().maxCoeff() <
          1e-7);
  }
  for (const Index i : {Index{0}, Index{63}, Index{64}, Index{149}}) {
    t.model.predict(obs.col(i), action.col(i), one, of_one, w);
    CHECK(one == mean.col(i));  // whatever else is in the batch
    CHECK(of_one == variance.col(i));
  }
  Batchd broken = obs;
  broken(1, 5) = std::numeric_limits<double>::quiet_NaN();
  broken(0, 6) = std::numeric_limits<double>::infinity();
  t.model.predict(broken, action, mean, variance, w);
  CHECK(mean.middleCols(5, 2).array().isNaN().all());
  CHECK(variance.middleCols(5, 2).array().isNaN().all());
  CHECK(mean.col(7) == next.col(7));
}

TEST_CASE("gp model: Jacobians are those of differences, through the encoding") {
  ObsEncoding encoding;
  encoding.features = {
      {ObsFeature::Kind::kSin, 0}, {ObsFeature::Kind::kCos, 0}, {ObsFeature::Kind::kIdentity, 1}};
  encoding.targets = {TargetKind::kDelta, TargetKind::kAbsolute};
  ThreadPool pool(1);
  for (const TargetKind second : {TargetKind::kAbsolute, TargetKind::kConstant}) {
    encoding.targets[1] = second;
    GpModel model(encoding, 1);
    GpTrainer({.restarts = 0}, pool, 1).train(transitions(60), model, 0);
    const TransitionBatch fresh = transitions(70, 4);
    const Batchd obs = fresh.obs.cast<double>(), action = fresh.action.cast<double>();
    GpModel::Workspace w;
    Batchd jacobian(2, 3 * 70), low(2, 70), high(2, 70);
    model.linearize(obs, action, jacobian, w);
    for (Index i = 0; i < 3; ++i) {
      constexpr double kStep = 1e-5;
      Batchd z(3, 70);
      z << obs, action;
      z.row(i).array() += kStep;
      model.step(z.topRows(2), z.bottomRows(1), high, w);
      z.row(i).array() -= 2.0 * kStep;
      model.step(z.topRows(2), z.bottomRows(1), low, w);
      for (Index t = 0; t < 70; ++t)
        CHECK((jacobian.col(3 * t + i) - (high - low).col(t) / (2.0 * kStep)).cwiseAbs().maxCoeff() < 1e-6);
    }
    Batchd mean(2, 70), variance(2, 70);
    model.predict(obs, action, mean, variance, w);
    CHECK(variance.row(1).isZero(0.0) == (second == TargetKind::kConstant));
  }
}

TEST_CASE("gp trainer: the same for any number of threads, and goes on from what was learned") {
  const Trained one(80);
  CHECK(one.report.steps > 0);
  for (const int threads : {2, 5}) {  // five share the matrices of each of four searches
    const Trained more(80, {}, threads);
    for (int e = 0; e < 2; ++e) {
      CHECK(one.model.hyperparameters(e) == more.model.hyperparameters(e));
      CHECK(one.model.posterior(e).beta == more.model.posterior(e).beta);
    }
    CHECK(one.report.train_loss.at(0) == more.report.train_loss.at(0));
  }
  Trained again(80, {.restarts = 0});
  const std::int64_t first = again.report.steps;
  const TrainingReport second = again.trainer.train(transitions(80), again.model, 1);
  CHECK(second.steps < first / 2);  // it is there already
  CHECK(second.train_loss.at(0) <= again.report.train_loss.at(0) + 1e-3);
}

TEST_CASE("gp trainer: more data are better, and of too many a subset is kept") {
  const TransitionBatch fresh = transitions(1000, 1, 0.0);
  const double few = rmse(Trained(15).model, fresh), more = rmse(Trained(150).model, fresh);
  CHECK(more < 0.5 * few);
  const Trained subset(400, {.max_points = 60, .restarts = 0});
  CHECK(subset.model.inputs().cols() == 60);
  CHECK(rmse(subset.model, fresh) < few);
}

TEST_CASE("gp trainer: inducing inputs stand for all rows") {
  const TransitionBatch fresh = transitions(1000, 1, 0.0), noisy = transitions(2000, 1);
  const double subset = rmse(Trained(600, {.max_points = 40, .restarts = 0}).model, fresh);
  for (const ManyPoints more : {ManyPoints::kFitc, ManyPoints::kVfe}) {
    const Trained t(600, {.max_points = 40, .more = more, .inducing = 40, .restarts = 0}, 2);
    CHECK(t.model.sparse());
    CHECK(t.model.inputs().cols() == 40);
    CHECK(rmse(t.model, fresh) < 0.6 * subset);
    const PredictionReport report =
        evaluate_predictions(t.model, noisy.obs, noisy.action, noisy.next_obs, Vecf::Ones(2));
    CHECK(report.calibration_95 > 0.90);
    CHECK(report.calibration_95 < 0.99);
    StateDict dict;
    t.model.save(dict, "m.");
    GpModel again(2, 1);
    again.load(dict, "m.");
    CHECK(again.sparse());
    CHECK(rmse(again, fresh) == rmse(t.model, fresh));
  }
  // Few rows need none.
  CHECK_FALSE(Trained(30, {.max_points = 40, .more = ManyPoints::kVfe, .restarts = 0}).model.sparse());
}

TEST_CASE("gp trainer: a noise that is given is kept") {
  const Trained t(60, {.restarts = 0, .noise = 0.3});
  const TransitionBatch data = transitions(60);
  for (int e = 0; e < 2; ++e) {
    const double size = std::sqrt((data.next_obs - data.obs).row(e).cast<double>().squaredNorm() / 60.0);
    CHECK(std::sqrt(t.model.posterior(e).noise2) == Approx(0.3 * size).epsilon(1e-6));
  }
}

TEST_CASE("gp trainer: rows twice, targets that do not vary and few rows are learned from, or named") {
  ThreadPool pool(1);
  GpModel model(2, 1);
  GpTrainer trainer({}, pool, 1);
  TransitionBatch data = transitions(40, 0, 0.0);
  data.obs.rightCols(20) = data.obs.leftCols(20);
  data.action.rightCols(20) = data.action.leftCols(20);
  data.next_obs.rightCols(20) = data.next_obs.leftCols(20);
  trainer.train(data, model, 0);
  CHECK(rmse(model, data) < 0.02);

  data = transitions(40, 0, 0.0);
  data.next_obs.row(0) = data.obs.row(0);                  // never changes
  data.next_obs.row(1) = data.obs.row(1).array() + 0.25f;  // always by the same
  data.action.setConstant(0.5f);                           // an input that does not vary
  GpModel constant(2, 1);
  trainer.train(data, constant, 0);
  CHECK(rmse(constant, data) < 1e-3);
  GpModel::Workspace w;
  Batchd mean(2, 40), variance(2, 40);
  constant.predict(data.obs.cast<double>(), data.action.cast<double>(), mean, variance, w);
  CHECK(variance.row(0).maxCoeff() < 1e-10);
  CHECK(variance.row(1).maxCoeff() < 1e-3);
  trainer.train(transitions(40), constant, 1);  // and then it does change
  CHECK(rmse(constant, transitions(200, 1)) < 0.3);

  CHECK_NOTHROW(trainer.train(transitions(2), model, 0));
  CHECK_THROWS_AS(trainer.train(transitions(1), model, 0), Error);
  data = transitions(20);
  data.obs(0, 3) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(trainer.train(data, model, 0), Error);
  data = transitions(20);
  data = {
      data.obs.replicate(1, 20000), data.action.replicate(1, 20000), data.next_obs.replicate(1, 20000), {}};
  CHECK_THROWS_AS(GpTrainer({.max_points = 400000}, pool, 1).train(data, model, 0), Error);  // terabytes
  GpModel other(3, 1);
  CHECK_THROWS_AS(trainer.train(transitions(20), other, 0), Error);
  CHECK_THROWS_AS(GpTrainer({.max_points = 1}, pool, 1), Error);
  CHECK_THROWS_AS(GpTrainer({.restarts = -1}, pool, 1), Error);
  CHECK_THROWS_AS(GpTrainer({.inducing = 0}, pool, 1), Error);
  CHECK_THROWS_AS(GpTrainer({.max_signal_to_noise = 0.5}, pool, 1), Error);
  CHECK_THROWS_AS(GpTrainer({.noise = -1.0}, pool, 1), Error);
}

TEST_CASE("gp model: checkpoints and mistakes") {
  const Trained t(60);
  const TransitionBatch fresh = transitions(30, 1);
  StateDict dict;
  t.model.save(dict, "m.");
  GpModel again(2, 1), other(3, 1), empty(2, 1);
  again.load(dict, "m.");
  CHECK(rmse(again, fresh) == rmse(t.model, fresh));
  for (int e = 0; e < 2; ++e) CHECK(again.posterior(e).inverse == t.model.posterior(e).inverse);
  CHECK_THROWS_AS(other.load(dict, "m."), Error);
  StateDict of_empty;
  empty.save(of_empty, "m.");
  again.load(of_empty, "m.");
  CHECK(again.empty());

  GpModel::Workspace w;
  Batchd next(2, 1);
  CHECK_THROWS_AS(empty.step(Batchd::Zero(2, 1), Batchd::Zero(1, 1), next, w), Error);
  CHECK_THROWS_AS(empty.posterior(0), Error);
  CHECK_THROWS_AS(t.model.posterior(2), Error);
  CHECK_THROWS_AS(t.model.step(Batchd::Zero(3, 1), Batchd::Zero(1, 1), next, w), Error);
  CHECK_THROWS_AS(GpModel(0, 1), Error);
  CHECK_THROWS_AS(empty.condition(Batchd::Zero(2, 4), Batchd::Zero(2, 4), {{}, {}}), Error);
  CHECK(contains(
      error_of([&] { empty.condition(Batchd::Zero(3, 3000000), Batchd::Zero(2, 3000000), {{}, {}}); }),
      "inducing"));
}

}  // namespace
}  // namespace mbrl
