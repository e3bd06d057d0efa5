// Forests of regression trees: exact where trees can be, better with more data, the same for any number of
// threads, and of use to a planner.
#include "mbrl/models/forest/forest_model.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/models/forest/forest_trainer.hpp"
#include "mbrl/models/linear/linear_gaussian_model.hpp"
#include "mbrl/rollout/particle_rollout.hpp"

namespace mbrl {
namespace {

static_assert(Checkpointable<ForestModel>);

using Change = Vecf (*)(const Vecf& obs, float action);

// Uniform in [-1, 1]^2 and [-1, 1]; noise of that standard deviation on the next observation.
TransitionBatch transitions(int n, Change change, double noise, std::uint32_t id = 0) {
  const RandomStream random(5, Stream::kUser);
  TransitionBatch data{Batchf(2, n), Batchf(1, n), Batchf(2, n), {}};
  for (int i = 0; i < n; ++i) {
    const auto draw = [&, at = static_cast<std::uint32_t>(i)](std::uint32_t k) {
      return static_cast<float>(random.uniform(-1.0, 1.0, id, at, k));
    };
    data.obs.col(i) << draw(0), draw(1);
    data.action(0, i) = draw(2);
    data.next_obs.col(i) = data.obs.col(i) + change(data.obs.col(i), data.action(0, i));
    for (int r = 0; r < 2; ++r)
      data.next_obs(r, i) += static_cast<float>(
          noise * random.normal(id, static_cast<std::uint32_t>(i), 10 + static_cast<std::uint32_t>(r)));
  }
  return data;
}

// Four levels, whose split at the root gains nothing: greedy growth must go on all the same.
Vecf steps(const Vecf& obs, float action) {
  return Vecf{{(obs[0] > 0.25f) == (action > 0.0f) ? 0.5f : -0.25f, obs[1] > -0.5f ? 1.0f : 0.0f}};
}
// A ball that bounces off walls: linear but for the contact.
Vecf contact(const Vecf& obs, float action) {
  const float moved = obs[0] + 0.2f * obs[1];
  return Vecf{{0.2f * obs[1], std::abs(moved) > 0.8f ? -1.8f * obs[1] : 0.1f * action}};
}

double mean_squared_error(const ForestModel& model, const TransitionBatch& data) {
  ForestModel::Workspace w;
  Batchf next(data.obs.rows(), data.obs.cols());
  model.step(data.obs, data.action, next, w);
  return (next - data.next_obs).cast<double>().squaredNorm() / static_cast<double>(next.size());
}

TEST_CASE("forest: one tree is exact on a piecewise constant function") {
  ThreadPool pool(1);
  ForestModel model(2, 1);
  ForestTrainer trainer({.trees = 1, .min_leaf = 1, .bootstrap = false}, pool, 1);
  const TransitionBatch data = transitions(800, steps, 0.0);
  const TrainingReport report = trainer.train(data, model, 0);
  CHECK(report.train_loss.at(0) < 1e-12);
  CHECK(mean_squared_error(model, data) < 1e-12);
  // Only what lies between the two rows nearest to a step can be wrong.
  const TransitionBatch fresh = transitions(5000, steps, 0.0, 1);
  ForestModel::Workspace w;
  Batchf next(2, 5000);
  model.step(fresh.obs, fresh.action, next, w);
  int wrong = 0;
  for (Index i = 0; i < 5000; ++i) wrong += (next - fresh.next_obs).col(i).cwiseAbs().maxCoeff() > 1e-5f;
  CHECK(wrong < 150);
  CHECK(std::isnan(model.out_of_bag_error()));
  CHECK(report.holdout_loss.empty());
}

TEST_CASE("forest: a stump splits where the squared error is lowest") {
  ThreadPool pool(1);
  ForestModel model(1, 1);
  // Changes 0, 0, 3, 3, 3.6: of the four cuts of the line, that after the second leaves least.
  TransitionBatch data{Batchf{{0.0f, 1.0f, 2.0f, 4.0f, 5.0f}}, Batchf::Zero(1, 5), {}, {}};
  data.next_obs = data.obs + Batchf{{0.0f, 0.0f, 3.0f, 3.0f, 3.6f}};
  ForestTrainer({.trees = 1, .min_leaf = 1, .max_depth = 1, .bootstrap = false}, pool, 1)
      .train(data, model, 0);
  const RegressionTree& tree = model.trees().at(0);
  REQUIRE(tree.nodes.size() == 3);
  CHECK(tree.depth() == 1);
  CHECK(tree.leaves() == 2);
  CHECK(tree.nodes[0].feature == 0);
  CHECK(tree.nodes[0].threshold == Approx(1.5f));
  CHECK(tree.mean[0] == Approx(0.0f).margin(1e-6));
  CHECK(tree.mean[1] == Approx(3.2f));
  CHECK(tree.variance[1] == Approx(0.08f).epsilon(1e-4));  // of 3, 3, 3.6

  ForestTrainer({.trees = 1, .min_leaf = 3, .bootstrap = false}, pool, 1).train(data, model, 0);
  CHECK(model.trees()[0].nodes.size() == 1);  // of five rows no two leaves of three can be made
}

TEST_CASE("forest: the error falls with the data, and out of bag is what fresh rows show") {
  ThreadPool pool(2);
  constexpr double kNoise = 0.05;
  const TransitionBatch fresh = transitions(4000, contact, kNoise, 1);
  const Batchf change = fresh.next_obs - fresh.obs;
  double last = std::numeric_limits<double>::infinity();
  for (const int n : {100, 1000, 10000}) {
    ForestModel model(2, 1);
    const TrainingReport report =
        ForestTrainer({.trees = 20}, pool, 1).train(transitions(n, contact, kNoise), model, 0);
    const double error = mean_squared_error(model, fresh);
    CAPTURE(n, error);
    CHECK(error < 0.6 * last);
    last = error;
    // The same error in variances of the targets.
    Vecd variance(2);
    for (Index r = 0; r < 2; ++r)
      variance[r] = (change.row(r).array() - change.row(r).mean()).square().mean();
    ForestModel::Workspace w;
    Batchf next(2, fresh.obs.cols());
    model.step(fresh.obs, fresh.action, next, w);
    double scaled = 0.0;
    for (Index r = 0; r < 2; ++r)
      scaled +=
          static_cast<double>((next - fresh.next_obs).row(r).array().square().mean()) / variance[r] / 2.0;
    // A row is out of the bags of 0.37 of the trees only, whose mean is a little worse.
    CHECK(model.out_of_bag_error() == Approx(scaled).epsilon(n == 100 ? 0.5 : 0.2));
    double seen = 0.0, left_out = 0.0;
    for (const double loss : report.train_loss) seen += loss / 20;
    for (const double loss : report.holdout_loss) left_out += loss / 20;
    CHECK(left_out > 1.5 * seen);
    CHECK(left_out > model.out_of_bag_error());  // the mean of trees is better than they are on average
  }
}

TEST_CASE("forest: contacts are beyond a linear model") {
  ThreadPool pool(2);
  const TransitionBatch data = transitions(4000, contact, 0.01), fresh = transitions(2000, contact, 0.0, 1);
  ForestModel forest(2, 1);
  ForestTrainer({}, pool, 1).train(data, forest, 0);
  LinearGaussianModel linear(2, 1);
  RidgeTrainer().train(data, linear);
  Batchd next(2, 2000);
  LinearGaussianModel::Workspace w;
  linear.step(fresh.obs.cast<double>(), fresh.action.cast<double>(), next, w);
  const double of_linear =
      (next - fresh.next_obs.cast<double>()).squaredNorm() / static_cast<double>(next.size());
  CHECK(mean_squared_error(forest, fresh) < 0.2 * of_linear);
}

TEST_CASE("forest: a rollout follows the mean of the trees") {
  ThreadPool pool(2);
  ForestModel model(2, 1);
  ForestTrainer({.trees = 10}, pool, 1).train(transitions(2000, contact, 0.02), model, 0);
  // Planning: the mean return of particles is that of trees followed one by one.
  ParticleRollout rollout(
      model,
      RewardFunction<float>([](ConstBatchRef<float>, ConstBatchRef<float>, ConstBatchRef<float> next, int,
                               VecRef<float> out) { out = next.row(0).transpose(); }),
      {}, {.horizon = 3, .particles = 10, .propagation = Propagation::kExpectation}, pool, 1);
  const Vecf start{{0.1f, 0.5f}};
  const Batchf actions = Batchf::Constant(3, 1, 0.3f);
  Vecf returns(1);
  rollout.evaluate(start, actions, {}, returns);
  ForestModel::Workspace w;
  Batchf obs = start, next(2, 1);
  float total = 0.0f;
  for (int t = 0; t < 3; ++t, obs = next) {
    model.step(obs, actions.row(t), next, w);
    total += next(0, 0);
  }
  CHECK(returns[0] == Approx(total).epsilon(1e-4));
}

bool same(const ForestModel& a, const ForestModel& b) {
  if (a.members() != b.members()) return false;
  for (std::size_t t = 0; t < a.trees().size(); ++t) {
    const RegressionTree &x = a.trees()[t], &y = b.trees()[t];
    if (x.nodes.size() != y.nodes.size() || x.mean != y.mean || x.variance != y.variance) return false;
    for (std::size_t i = 0; i < x.nodes.size(); ++i)
      if (x.nodes[i].feature != y.nodes[i].feature || x.nodes[i].left != y.nodes[i].left ||
          x.nodes[i].threshold != y.nodes[i].threshold)
        return false;
  }
  return true;
}

TEST_CASE("forest: the same trees for any number of threads, others for another round or seed") {
  const TransitionBatch data = transitions(500, contact, 0.02);
  const auto grown = [&](int threads, std::uint64_t seed, std::uint32_t round) {
    ThreadPool pool(threads);
    ForestModel model(2, 1);
    ForestTrainer({.trees = 7, .feature_share = 0.5}, pool, seed).train(data, model, round);
    return model;
  };
  const ForestModel one = grown(1, 4, 2);
  CHECK(same(one, grown(2, 4, 2)));
  CHECK(same(one, grown(5, 4, 2)));
  CHECK_FALSE(same(one, grown(2, 5, 2)));
  CHECK_FALSE(same(one, grown(2, 4, 3)));

  SECTION("saved and loaded") {
    StateDict dict;
    one.save(dict, "forest.");
    ForestModel again(2, 1);
    again.load(dict, "forest.");
    CHECK(same(one, again));
    CHECK(again.out_of_bag_error() == one.out_of_bag_error());
    ForestModel other(3, 1);
    CHECK_THROWS_AS(other.load(dict, "forest."), Error);
    auto branches = dict.get<std::int64_t>("forest.trees.0.branches");
    branches[1] = 0;  // the root's child is the root
    dict.put("forest.trees.0.branches", branches.data(), {static_cast<std::int64_t>(branches.size()) / 2, 2});
    CHECK_THROWS_AS(again.load(dict, "forest."), Error);
    CHECK(same(one, again));
  }
}

TEST_CASE("forest: what is not a number stays none, and mistakes are named") {
  ThreadPool pool(1);
  ForestModel model(2, 1);
  ForestModel::Workspace w;
  Batchf obs = Batchf::Zero(2, 2), next(2, 2), variance(2, 2);
  const Batchf action = Batchf::Zero(1, 2);
  CHECK_THROWS_AS(model.step(obs, action, next, w), Error);
  ForestTrainer trainer({.trees = 3}, pool, 1);
  TransitionBatch data = transitions(50, contact, 0.1);
  trainer.train(data, model, 0);
  obs(1, 0) = std::numeric_limits<float>::quiet_NaN();
  model.step(obs, action, next, w);
  CHECK(std::isnan(next(0, 0)));
  CHECK(next.col(1).allFinite());
  model.predict(2, obs, action, next, variance, w);
  CHECK(std::isnan(next(0, 0)));
  CHECK(std::isnan(variance(1, 0)));
  CHECK(next.col(1).allFinite());
  CHECK_THROWS_AS(model.predict(3, obs, action, next, variance, w), Error);

  CHECK_THROWS_AS(ForestModel(2, 0), Error);
  CHECK_THROWS_AS(ForestTrainer({.trees = 0}, pool, 1), Error);
  CHECK_THROWS_AS(ForestTrainer({.min_leaf = 0}, pool, 1), Error);
  CHECK_THROWS_AS(ForestTrainer({.feature_share = 0.0}, pool, 1), Error);
  ForestModel other(3, 1);
  CHECK_THROWS_AS(trainer.train(data, other, 0), Error);
}

}  // namespace
}  // namespace mbrl
