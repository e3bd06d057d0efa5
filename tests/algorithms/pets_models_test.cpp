// PETS's loop over other models than the paper's networks: linear, a forest, and the true dynamics.
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>

#include "catch.hpp"
#include "mbrl/algorithms/planning/pets.hpp"
#include "mbrl/env/analytic_environment.hpp"
#include "mbrl/models/forest/forest_trainer.hpp"
#include "mbrl/models/linear/linear_gaussian_model.hpp"
#include "mbrl/models/model_view.hpp"
#include "mbrl/models/per_sample_model.hpp"
#include "mbrl/planning/sampling/icem.hpp"
#include "mbrl/rollout/model_rollout.hpp"
#include "mbrl/rollout/particle_rollout.hpp"

namespace mbrl {
namespace {

// A cart on a rail, pushed: linear, so that a linear model can be exact.
constexpr auto kCart = [](const auto& s, const auto& a, auto&& next) {
  const auto x = s(0), v = s(1), push = a(0);
  next(0) = x + 0.1 * v;
  next(1) = 0.98 * v + 0.2 * push;
};

// To the middle of the rail, with little force.
struct ToTheMiddle {
  template <class S>
  static void reward(ConstBatchRef<S> /*obs*/, ConstBatchRef<S> action, ConstBatchRef<S> next, int /*t*/,
                     VecRef<S> out) {
    out = (-next.row(0).array().square() - S(0.01) * action.row(0).array().square()).matrix().transpose();
  }
};

struct CartTask {
  EnvSpec spec() const {
    EnvSpec spec;
    spec.name = "Cart";
    spec.source = "this test";
    spec.obs_dim = 2;
    spec.action_low = Vecd::Constant(1, -1.0);
    spec.action_high = Vecd::Constant(1, 1.0);
    spec.max_steps = 50;
    spec.dt = 0.1;
    spec.encoding = ObsEncoding::identity(2);
    spec.reward = ToTheMiddle::reward<float>;
    return spec;
  }
  int state_dim() const { return 2; }
  void draw_start(const RandomStream& random, Vecd& state) const {
    state << random.uniform(1.5, 2.0, 0), random.uniform(-0.1, 0.1, 1);
  }
  StepOutcome step(Vecd& state, ConstVecRef<double> action) const {
    Vecd next(2);
    kCart(state, action, next);
    state = next;
    return {.reward = -next(0) * next(0) - 0.01 * action(0) * action(0)};
  }
};
using Cart = AnalyticEnvironment<CartTask>;

constexpr int kPlanned = 15;
constexpr std::uint64_t kSeed = 4;

// A run of PETS; the parts that differ come from `Kind`.
template <class Kind>
struct ModelRun {
  using Model = typename Kind::Model;
  using Rollout = typename Kind::Rollout;
  using Controller = ICem<Rollout>;

  explicit ModelRun(int trials, int threads = 2)
      : pool(threads),
        model(Kind::model()),
        trainer(Kind::trainer(pool)),
        rollout(Kind::rollout(model, pool)),
        mpc(Controller(rollout, ActionBounds::uniform(1, -1.0, 1.0),
                       {.population = 48, .elites = 8, .iterations = 3}, kSeed)),
        pets(env, model, trainer, rollout, mpc, pool, {.trials = trials}, kSeed) {}

  const TrialMetrics& last() const { return pets.trials().back(); }

  ThreadPool pool;
  Cart env;
  Model model;
  typename Kind::Trainer trainer;
  Rollout rollout;
  Mpc<Controller> mpc;
  Pets<Cart, Model, typename Kind::Trainer, Rollout, Controller> pets;
};

struct Linear {
  using Model = LinearGaussianModel;
  using Trainer = RidgeTrainer;
  using Rollout = ParticleRollout<ModelView<Model>>;
  static Model model() { return {2, 1}; }
  static Trainer trainer(ThreadPool&) { return RidgeTrainer({.ridge = 1e-9}); }
  static Rollout rollout(const Model& model, ThreadPool& pool) {
    return {ModelView(model),
            ToTheMiddle::reward<double>,
            {},
            {.horizon = kPlanned, .particles = 2},
            pool,
            kSeed};
  }
};

struct Forest {
  using Model = ForestModel;
  using Trainer = ForestTrainer;
  using Rollout = ParticleRollout<ModelView<Model>>;
  static Model model() { return {2, 1}; }
  static Trainer trainer(ThreadPool& pool) { return {{.trees = 10}, pool, kSeed}; }
  static Rollout rollout(const Model& model, ThreadPool& pool) {
    return {
        ModelView(model), ToTheMiddle::reward<float>, {}, {.horizon = kPlanned, .particles = 5}, pool, kSeed};
  }
};

struct Truth {
  using Model = decltype(per_sample_model(2, 1, kCart));
  using Trainer = NoTraining;
  using Rollout = ModelRollout<ModelView<Model>>;
  static Model model() { return per_sample_model(2, 1, kCart); }
  static Trainer trainer(ThreadPool&) { return {}; }
  static Rollout rollout(const Model& model, ThreadPool& pool) {
    return {ModelView(model), ToTheMiddle::reward<double>, {.horizon = kPlanned}, pool};
  }
};

TEST_CASE("PETS over models: a linear model of a linear task is as good as the true dynamics") {
  ModelRun<Truth> truth(2);
  REQUIRE(truth.pets.run());
  ModelRun<Linear> linear(2);
  REQUIRE(linear.pets.run());
  const double random = truth.pets.baseline()->episode_return;
  CAPTURE(random, truth.last().episode_return, linear.last().episode_return);
  CHECK(linear.pets.baseline()->episode_return == random);  // no model acts in it
  CHECK(truth.last().episode_return > 0.4 * random);
  CHECK(linear.last().episode_return == Approx(truth.last().episode_return).epsilon(0.01));

  // What is reported of the models.
  CHECK(linear.model.mean().a()(0, 1) == Approx(0.1).margin(1e-4));
  CHECK(linear.last().model_rmse < 1e-4);
  CHECK(linear.last().open_loop_rmse_k10 < 1e-3);
  CHECK(std::isfinite(linear.last().model_nll));
  CHECK(truth.last().model_rmse < 1e-5);      // the data are floats
  CHECK(std::isnan(truth.last().model_nll));  // it says nothing of its own error
  CHECK(truth.last().train_epochs == 0);
  CHECK(truth.last().replay_predicted == Approx(truth.last().replay_realised).epsilon(1e-9));
  CHECK(truth.rollout.counts().particles > 0);
  CHECK(truth.last().not_finite == 0);
}

TEST_CASE("PETS over models: a forest learns the task") {
  ModelRun<Truth> truth(1);
  REQUIRE(truth.pets.run());
  ModelRun<Forest> forest(4);
  REQUIRE(forest.pets.run());
  const double random = truth.pets.baseline()->episode_return;
  const double score = (forest.last().best_return - random) / (truth.last().episode_return - random);
  CAPTURE(random, truth.last().episode_return, forest.last().best_return);
  CHECK(score > 0.8);
  CHECK(forest.last().model_rmse < 0.5);
  CHECK(std::isfinite(forest.last().open_loop_rmse_k10));
}

struct StopAt : RunObserver {
  explicit StopAt(int n) : at(n) {}
  bool on_safe_point(bool) override { return ++seen != at; }
  int at, seen = 0;
};

TEMPLATE_TEST_CASE("PETS over models: a run stopped, saved and loaded goes on as if it had not been", "",
                   Linear, Forest, Truth) {
  ModelRun<TestType> whole(2, 1);
  REQUIRE(whole.pets.run());
  for (const int at : {20, 50, 73, 101}) {
    ModelRun<TestType> first(2);
    StopAt stop(at);
    REQUIRE_FALSE(first.pets.run(stop));
    StateDict dict;
    first.pets.save(dict, "run.");
    ModelRun<TestType> second(2);
    second.pets.load(dict, "run.");
    REQUIRE(second.pets.run());
    for (std::size_t i = 0; i < 2; ++i) {
      CAPTURE(at, i);
      CHECK(second.pets.trials()[i].episode_return == whole.pets.trials()[i].episode_return);
      CHECK(second.pets.trials()[i].model_rmse == whole.pets.trials()[i].model_rmse);
      CHECK(second.pets.trials()[i].predicted_return == whole.pets.trials()[i].predicted_return);
    }
  }
}

TEST_CASE("PETS over models: a forest that has not been grown is refused by name, and so is another model") {
  ThreadPool pool(1);
  const ForestModel none(2, 1), other(3, 1);
  auto rollout = Forest::rollout(none, pool);
  Vecf returns(1);
  CHECK_THROWS_WITH(rollout.evaluate(Vecf::Zero(2), Batchf::Zero(kPlanned, 1), {}, returns),
                    Catch::Contains("trained"));
  CHECK_THROWS_AS(rollout.set_model(other), Error);
  const auto known = Truth::model();
  auto truth = Truth::rollout(known, pool);
  CHECK_THROWS_AS(truth.set_model(per_sample_model(3, 1, kCart)), Error);
}

}  // namespace
}  // namespace mbrl
