// Networks that hand gradients back, and their training: a linear system and its noise are found again.
#include "mbrl/models/neural/differentiable_ensemble.hpp"

#include <cmath>
#include <limits>

#include "catch.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/models/neural/differentiable_trainer.hpp"

namespace mbrl {
namespace {

const ActionBounds kBounds = ActionBounds::uniform(1, -2, 2);

// z' = z + A z + B u + 0.1 e and r = c'z, far from mean 0 and scale 1.
TransitionBatch linear_data(Index rows) {
  const RandomStream random(3, Stream::kUser);
  TransitionBatch data;
  data.obs.resize(2, rows);
  data.action.resize(1, rows);
  data.next_obs.resize(2, rows);
  data.reward.resize(rows);
  for (Index j = 0; j < rows; ++j) {
    const auto z = [&](std::uint32_t i) {
      return static_cast<float>(random.normal(static_cast<std::uint32_t>(j), i));
    };
    const Vecf x{{5 + 2 * z(0), 3 * z(1)}};
    const float u = 2 * std::tanh(z(2));
    data.obs.col(j) = x;
    data.action(0, j) = u;
    data.next_obs(0, j) = x(0) + 0.2f * x(1) + 0.1f * z(3);
    data.next_obs(1, j) = x(1) - 0.3f * x(0) + 0.5f * u + 0.1f * z(4);
    data.reward(j) = 4 * x(0) - 1;
  }
  return data;
}

DifferentiableEnsemble linear_model() { return {2, kBounds, {.members = 3, .network = {.hidden = {}}}, 1}; }

}  // namespace

TEST_CASE("differentiable ensemble: training finds a linear system and its noise") {
  ThreadPool pool(2);
  DifferentiableEnsemble model = linear_model();
  const TransitionBatch data = linear_data(3000);
  DifferentiableTrainer trainer({.first_epochs = 60, .learning_rate = 0.02}, pool, 1);
  const TrainingReport report = trainer.train(data, model, 0);
  CHECK(report.holdout_loss.size() == 3);
  // What a step from (5, 1) under 1 gives, in the environment's units, without and with a unit of noise.
  Batchf obs{{5.0f}, {1.0f}}, action{{1.0f}}, next(2, 1), noise(2, 1);
  Vecf reward(1);
  model.normalise(obs, obs);
  nn::Pass pass(model.network(0), 1);
  for (int k = 0; k < 3; ++k) {
    for (const float e : {0.0f, 1.0f}) {
      noise.setConstant(e);
      model.step(k, obs, action, noise, next, reward, pass);
      model.denormalise(next, next);
      CHECK(next(0) == Approx(5.2f + 0.1f * e).margin(0.025));
      CHECK(next(1) == Approx(1.0f - 1.5f + 0.5f + 0.1f * e).margin(0.025));
      CHECK(reward(0) == Approx(19.0f).margin(0.1));
    }
  }
}

TEST_CASE("differentiable ensemble: threads change no bit, and what a training loses is not kept") {
  const TransitionBatch data = linear_data(400);
  const auto trained = [&](int threads, double rate) {
    ThreadPool pool(threads);
    DifferentiableEnsemble model{2, kBounds, {.members = 3, .network = {.hidden = {8}, .dropout = 0.1}}, 1};
    DifferentiableTrainer({.first_epochs = 3, .batches = 5, .batch_size = 32, .learning_rate = rate}, pool, 1)
        .train(data, model, 0);
    StateDict state;
    model.save(state, "");
    return state;
  };
  const StateDict one = trained(1, 1e-2), three = trained(3, 1e-2), wild = trained(1, 1e3);
  ThreadPool pool(1);
  StateDict untrained;
  DifferentiableEnsemble fresh{2, kBounds, {.members = 3, .network = {.hidden = {8}, .dropout = 0.1}}, 1};
  fresh.set_statistics(data);
  fresh.save(untrained, "");
  for (const auto& [name, array] : one.arrays) {
    INFO(name);
    CHECK(three.arrays.at(name).bytes == array.bytes);
    CHECK(wild.arrays.at(name).bytes == untrained.arrays.at(name).bytes);
  }
  CHECK(one.arrays.at("member0.layers.0.weight").bytes !=
        untrained.arrays.at("member0.layers.0.weight").bytes);

  // Loaded, it is the same.
  DifferentiableEnsemble loaded{2, kBounds, {.members = 3, .network = {.hidden = {8}, .dropout = 0.1}}, 7};
  loaded.load(one, "");
  StateDict again;
  loaded.save(again, "");
  for (const auto& [name, array] : one.arrays) CHECK(again.arrays.at(name).bytes == array.bytes);
}

TEST_CASE("differentiable ensemble: what makes no sense is refused") {
  CHECK_THROWS_WITH(DifferentiableEnsemble(2, kBounds, {.members = 0}, 1), Catch::Contains("members is 0"));
  CHECK_THROWS_WITH(DifferentiableEnsemble(2, ActionBounds::choice_of(3), {}, 1), Catch::Contains("choices"));
  ThreadPool pool(1);
  CHECK_THROWS_WITH(DifferentiableTrainer({.holdout_ratio = 1}, pool, 1),
                    Catch::Contains("holdout_ratio is 1"));
  DifferentiableEnsemble model = linear_model();
  TransitionBatch data = linear_data(10);
  data.reward(3) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(DifferentiableTrainer({}, pool, 1).train(data, model, 0), Error);
}

}  // namespace mbrl
