// --published is the published algorithm: the authors' settings (handful-of-trials, dmbrl/config and
// dmbrl/modeling), written down a second time.
#include <string>
#include <vector>

#include "catch.hpp"
#include "mbrl/algorithms/planning/pets_configuration.hpp"

namespace mbrl {
namespace {

struct Published {
  std::string environment;
  int trials;
  std::vector<int> hidden;
  std::vector<float> weight_decay;
  float learning_rate;
  int horizon, population, elites;
};

TEST_CASE("published settings: as in the authors' code") {
  const std::vector<Published> tasks = {
      {"pets/HalfCheetah",
       300,
       {200, 200, 200, 200},
       {2.5e-5f, 5e-5f, 7.5e-5f, 7.5e-5f, 1e-4f},
       1e-3f,
       30,
       500,
       50},
      {"pets/CartPole", 50, {500, 500, 500}, {1e-4f, 2.5e-4f, 2.5e-4f, 5e-4f}, 1e-3f, 25, 400, 40},
      {"pets/Reacher3D",
       100,
       {200, 200, 200, 200},
       {2.5e-4f, 5e-4f, 5e-4f, 5e-4f, 7.5e-4f},
       7.5e-4f,
       25,
       400,
       40},
      {"pets/Pusher", 100, {200, 200, 200}, {2.5e-4f, 5e-4f, 5e-4f, 7.5e-4f}, 1e-3f, 25, 500, 50},
      {"pets/PusherFingertips", 100, {200, 200, 200}, {2.5e-4f, 5e-4f, 5e-4f, 7.5e-4f}, 1e-3f, 25, 500, 50}};
  for (const Published& task : tasks) {
    CAPTURE(task.environment);
    const PetsConfiguration c = published_pets(task.environment);
    CHECK(c.pets.trials == task.trials);
    CHECK(c.pets.random_trials == 1);
    CHECK(c.model.members == 5);
    CHECK(c.model.hidden == task.hidden);
    CHECK(c.model.activation == Activation::kSilu);  // "swish"
    CHECK(c.model.gaussian);
    CHECK(c.training.epochs == 5);
    CHECK(c.training.batch_size == 32);
    CHECK(c.training.learning_rate == task.learning_rate);
    CHECK(c.training.weight_decay == task.weight_decay);
    CHECK(c.training.logvar_bound_weight == 0.01f);
    CHECK(c.training.bootstrap);
    CHECK(c.training.holdout_ratio == 0.0);
    CHECK(c.training.elites == 0);  // all five predict
    CHECK(c.rollout.horizon == task.horizon);
    CHECK(c.rollout.particles == 20);
    CHECK(c.rollout.propagation == Propagation::kTSinf);
    CHECK(c.planner.name == "cem");
    CHECK(c.planner.cem.population == task.population);
    CHECK(c.planner.cem.elites == task.elites);
    CHECK(c.planner.cem.iterations == 5);
    CHECK(c.planner.cem.alpha == 0.1);
    CHECK(c.planner.cem.pad == WarmStartPad::kZero);
    CHECK(c.mpc.replan_every == 1);
    CHECK(c.mpc.cold_start_plans == 1);
  }
}

TEST_CASE("published settings: what the paper does not have is off") {
  for (const char* name :
       {"pets/HalfCheetah", "pets/CartPole", "pets/Reacher3D", "pets/Pusher", "Hopper-v5"}) {
    const PetsConfiguration c = published_pets(name);
    CHECK(c.rollout.data_margin == 0.0f);
    CHECK_FALSE(c.training.standardise_targets);
    CHECK(c.training.nll_beta == 0.0f);
    CHECK_FALSE(c.rollout.common_noise);
    CHECK(c.rollout.discount == 1.0);
    CHECK(c.pets.train_every == 0);
    const PetsConfiguration ours = default_pets(name);  // and on by default
    CHECK(ours.rollout.data_margin > 0.0f);
    CHECK(ours.training.standardise_targets);
    CHECK(ours.training.nll_beta > 0.0f);
    CHECK(ours.rollout.common_noise);
  }
}

}  // namespace
}  // namespace mbrl
