// PETS learns: short runs with small networks on the tasks it is meant for. Each fails when learning stops: a
// random policy, and a planner that cannot see, stay well below the return that is asked for. The settings
// are the defaults (default_pets) but for what makes a run short.
#include <string>
#include <vector>

#include "catch.hpp"
#include "mbrl/algorithms/planning/pets.hpp"
#include "mbrl/algorithms/planning/pets_configuration.hpp"
#include "mbrl/env/classic/environments.hpp"
#include "mbrl/env/registry.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/mujoco/environments.hpp"
#include "mbrl/planning/sampling/icem.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"

namespace mbrl {
namespace {

constexpr std::uint64_t kSeed = 1;

struct Listener : RunObserver {
  void on_round(const MetricTable& m, const RoundReport&) override {
    UNSCOPED_INFO("trial " << m.last("trial") << ": return " << m.last("return") << ", predicted "
                           << m.last("predicted_return") << ", realised " << m.last("realised_return")
                           << ", out of data " << m.last("out_of_data"));
  }
};

// The trials of a run on `name`.
std::vector<TrialMetrics> learn(const std::string& name, int trials, std::vector<int> hidden, int epochs,
                                int random_trials = 1) {
  EnvRegistry registry;
  register_analytic_environments(registry);
  mujoco::register_environments(registry);
  AnyEnvironment env = registry.make(name);
  const EnvSpec& spec = env.spec();
  PetsConfiguration c = default_pets(name);
  c.model.hidden = std::move(hidden);
  c.model.learned_reward = !spec.reward;
  c.training.epochs = epochs;
  c.pets.trials = trials;
  c.pets.random_trials = random_trials;
  ThreadPool pool(1);
  MlpEnsemble model = MlpEnsemble::create(c.model, spec.encoding, spec.action_dim(), kSeed);
  NativeTrainer trainer(c.training, pool, kSeed);
  EnsembleRollout rollouts(model, spec.reward, spec.termination, c.rollout, pool, kSeed);
  Mpc controller(ICem(rollouts, {spec.action_low, spec.action_high}, c.planner.icem, kSeed), c.mpc);
  Pets pets(env, model, trainer, rollouts, controller, pool, c.pets, kSeed);
  Listener listener;
  REQUIRE(pets.run(listener));
  return pets.trials();
}

// No trial but the first two may plan half blind.
void check_sight(const std::vector<TrialMetrics>& trials) {
  for (std::size_t i = 2; i < trials.size(); ++i) CHECK(trials[i].out_of_data + trials[i].not_finite <= 0.2);
}

TEST_CASE("learning: pets/CartPole") {
  const auto trials = learn("pets/CartPole", 6, {64, 64}, 20);
  CHECK(trials.back().best_return >= 150);  // random: about 20; solved: about 178
  check_sight(trials);
}

TEST_CASE("learning: pets/Reacher3D") {
  const auto trials = learn("pets/Reacher3D", 5, {64, 64}, 20);
  CHECK(trials.back().best_return >= -150);  // random: about -400
  check_sight(trials);
}

TEST_CASE("learning: pets/Pusher") {
  const auto trials = learn("pets/Pusher", 8, {64, 64}, 20);
  CHECK(trials.back().best_return >= -140);  // the arm held still: about -190
  check_sight(trials);
}

TEST_CASE("learning: pets/HalfCheetah") {
  const auto trials = learn("pets/HalfCheetah", 3, {200, 200}, 30);  // smaller networks do not
  CHECK(trials.back().best_return >= 150);                           // random: about -150
  check_sight(trials);
}

TEST_CASE("learning: Hopper-v5") {
  const auto trials = learn("Hopper-v5", 12, {64, 64}, 20, 10);
  CHECK(trials.back().best_return >= 150);  // random: about 20
  check_sight(trials);
}

TEST_CASE("learning: Pendulum-v1") {
  const auto trials = learn("Pendulum-v1", 4, {64, 64}, 20);
  CHECK(trials.back().best_return >= -250);  // random: about -1200
  check_sight(trials);
}

}  // namespace
}  // namespace mbrl
