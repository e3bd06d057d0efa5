// ModelRollout over a model written in a few lines: returns, blocks and threads, termination, NaN, mistakes.
#include "mbrl/rollout/model_rollout.hpp"

#include <cmath>
#include <limits>

#include "catch.hpp"
#include "mbrl/core/error.hpp"

namespace mbrl {
namespace {

// A cart on a line: position and velocity, force; dt 0.1.
struct Cart {
  using Scalar = double;
  struct Workspace {};
  int obs_dim() const { return 2; }
  int action_dim() const { return 1; }
  void step(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> next,
            Workspace&) const {
    next.row(1) = obs.row(1) + 0.1 * action;
    next.row(0) = obs.row(0) + 0.1 * obs.row(1);
  }
};
struct Cost {
  void operator()(ConstBatchRef<double>, ConstBatchRef<double> action, ConstBatchRef<double> next, int t,
                  VecRef<double> out) const {
    out = -(next.row(0).array().square() + 0.1 * action.row(0).array().square()).transpose() + 0.01 * t;
  }
};
static_assert(DynamicsModel<Cart>);
static_assert(RolloutEvaluator<ModelRollout<Cart, Cost>>);
static_assert(RolloutEvaluator<ModelRollout<Cart>>);

TEST_CASE(
    "model rollout: returns are those of the model stepped by hand, for any block and any number of "
    "threads") {
  ThreadPool one(1), three(3);
  constexpr int kHorizon = 7, kCandidates = 50;
  Batchd actions(kHorizon, kCandidates);
  for (Index i = 0; i < actions.size(); ++i) actions.data()[i] = std::sin(static_cast<double>(3 * i));
  const Vecd start = (Vecd(2) << 1.0, -0.5).finished();
  Vecd expected(kCandidates);
  for (Index k = 0; k < kCandidates; ++k) {
    double x = 1.0, v = -0.5, total = 0.0;
    for (int t = 0; t < kHorizon; ++t) {
      const double u = actions(t, k);
      x += 0.1 * v;
      v += 0.1 * u;
      total += -(x * x + 0.1 * u * u) + 0.01 * (20 + t);
    }
    expected[k] = total;
  }
  Vecd first;
  for (ThreadPool* pool : {&one, &three}) {
    for (const int block : {64, 16, 1}) {
      ModelRollout<Cart, Cost> rollout(Cart{}, Cost{}, {kHorizon, block}, *pool);
      Vecd returns(kCandidates);
      rollout.evaluate(start, actions, {0, 0, 20}, returns);
      CHECK((returns - expected).norm() < 1e-12);
      if (block == 64) {
        if (first.size() == 0) first = returns;
        CHECK(first == returns);
      }
    }
  }
}

TEST_CASE("model rollout: termination stops earning, NaN gives NaN, mistakes are named") {
  ThreadPool pool(2);
  const RewardFunction<double> ones = [](auto, auto, auto, int, VecRef<double> out) { out.setOnes(); };
  const TerminationFunction<double> fast = [](ConstBatchRef<double> next, VecRef<double> done) {
    done = (next.row(1).transpose().array() > 0.25).cast<double>();
  };
  ModelRollout<Cart> rollout(Cart{}, ones, fast, {5}, pool);
  Batchd actions = Batchd::Zero(5, 3);
  actions.col(0).setOnes();  // velocity 0.3 after the third step
  actions(2, 1) = std::numeric_limits<double>::quiet_NaN();
  Vecd returns(3);
  rollout.evaluate(Vecd::Zero(2), actions, {}, returns);
  CHECK(returns[0] == 3.0);
  CHECK(std::isnan(returns[1]));
  CHECK(returns[2] == 5.0);
  CHECK_THROWS_AS(rollout.evaluate(Vecd::Zero(3), actions, {}, returns), Error);
  CHECK_THROWS_AS(rollout.evaluate(Vecd::Zero(2), actions.topRows(4), {}, returns), Error);
  CHECK_THROWS_AS(rollout.evaluate(Vecd::Constant(2, NAN), actions, {}, returns), Error);
  CHECK_THROWS_AS(ModelRollout<Cart>(Cart{}, ones, {0}, pool), Error);
  CHECK_THROWS_WITH(ModelRollout<Cart>(Cart{}, RewardFunction<double>{}, {5}, pool),
                    Catch::Contains("ModelRollout: the reward is empty, expected a function"));
}

TEST_CASE("model rollout: a terminal value is added where the rollout has not ended") {
  ThreadPool pool(2);
  const RewardFunction<double> ones = [](auto, auto, auto, int, VecRef<double> out) { out.setOnes(); };
  const TerminationFunction<double> fast = [](ConstBatchRef<double> next, VecRef<double> done) {
    done = (next.row(1).transpose().array() > 0.25).cast<double>();
  };
  ModelRollout<Cart> rollout(Cart{}, ones, fast, {5, 2}, pool);
  rollout.set_terminal_value([](ConstBatchRef<double> obs, int t, VecRef<double> out) {
    out = 100.0 * t + obs.row(1).transpose().array();
  });
  Batchd actions = Batchd::Zero(5, 4);
  actions.col(0).setOnes();  // velocity 0.3 after the third step
  actions(2, 1) = std::numeric_limits<double>::quiet_NaN();
  actions.col(3).setConstant(0.2);
  Vecd returns(4);
  rollout.evaluate(Vecd::Zero(2), actions, {0, 0, 20}, returns);
  CHECK(returns[0] == 3.0);
  CHECK(std::isnan(returns[1]));
  CHECK(returns[2] == Approx(5.0 + 2500.0));
  CHECK(returns[3] == Approx(5.0 + 2500.0 + 0.1));
  rollout.set_terminal_value([](ConstBatchRef<double>, int, VecRef<double> out) { out.setConstant(NAN); });
  rollout.evaluate(Vecd::Zero(2), actions, {}, returns);
  CHECK(returns[0] == 3.0);
  CHECK(std::isnan(returns[2]));
}

}  // namespace
}  // namespace mbrl
