// A termination learned with the dynamics, on a pole that falls: it predicts the given one.
#include <cstdint>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/env/classic/cartpole.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/rollout/imagination.hpp"
#include "mbrl/run/collector.hpp"

namespace mbrl {
namespace {

// Random episodes, which all end in a fall.
TransitionBuffer falls(int rows, std::uint64_t seed) {
  CartPole env{CartPoleTask(CartPoleTask::Action::kContinuous)};
  TransitionBuffer data(4, 1, static_cast<std::size_t>(rows));
  Collector<CartPole> collector(env, data, seed);
  for (std::uint32_t i = 0; static_cast<int>(i) < rows; ++i) {
    if (!collector.running()) collector.begin(i);
    collector.random_step(0, i);
  }
  return data;
}

MlpEnsemble fitted(const TransitionBatch& data, bool gaussian, ThreadPool& pool) {
  MlpEnsemble model = MlpEnsemble::create(
      {.members = 2, .hidden = {64, 64}, .gaussian = gaussian, .learned_termination = true},
      ObsEncoding::identity(4), 1, 1);
  EnsembleTrainingSettings settings;
  settings.epochs = 80;
  NativeTrainer trainer(settings, pool, 1);
  trainer.train(data, model, 0);
  return model;
}

int ends(const std::vector<std::uint8_t>& terminated) {
  int sum = 0;
  for (const std::uint8_t end : terminated) sum += end;
  return sum;
}

}  // namespace

TEST_CASE("learned termination: predicts the given one where a pole falls") {
  ThreadPool pool(2);
  const MlpEnsemble model = fitted(falls(4000, 1).batch(), GENERATE(true, false), pool);

  // In steps not trained on. Who says that nothing ends misses every end; the nearest misses are left.
  const Transitions test = falls(2000, 2).batch();
  Batchf mean(model.target_dim(), 2000), logvar(model.target_dim(), 2000);
  std::vector<float> logit(2000, 0.0f);
  for (int m = 0; m < 2; ++m) {
    predict_member(model, m, test.obs, test.action, mean, logvar);
    for (std::size_t i = 0; i < 2000; ++i) logit[i] += mean(model.termination_row(), static_cast<Index>(i));
  }
  int wrong = 0;
  for (std::size_t i = 0; i < 2000; ++i) wrong += (logit[i] > 0) != (test.terminated[i] != 0);
  REQUIRE(ends(test.terminated) > 50);
  CHECK(3 * wrong < ends(test.terminated));

  // And in imagination: the same trajectories end where the rule says.
  const CartPole env{CartPoleTask(CartPoleTask::Action::kContinuous)};
  const MlpPolicy policy(4, ActionBounds::uniform(1, -1.0, 1.0), {.network = {.hidden = {8}}}, 3);
  const auto paths = [&](const TerminationFunction<float>& termination) {
    return imagine(model, env.spec().reward, termination, policy, test.obs.leftCols(200),
                   {.horizon = 60, .propagation = Propagation::kTSinf}, {}, pool, 4);
  };
  const Trajectories learned = paths({}), given = paths(env.spec().termination);
  int ended = 0, apart = 0;
  for (std::size_t i = 0; i < 200; ++i) {
    ended += given.length[i] < 60;
    apart += std::abs(learned.length[i] - given.length[i]) > 1;
  }
  CHECK(ended > 150);
  CHECK(apart < 10);
}

TEST_CASE("learned termination: data have to say what ended") {
  ThreadPool pool(1);
  Transitions data = falls(100, 1).batch();
  CHECK_NOTHROW(fitted(data, true, pool));
  data.terminated.clear();
  CHECK_THROWS_WITH(fitted(data, true, pool), Catch::Contains("terminated"));
}

}  // namespace mbrl
