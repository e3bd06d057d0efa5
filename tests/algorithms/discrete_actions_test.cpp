// Where an action is a choice: what PETS stores is what was executed, and on-policy learners take one choice.
#include <string>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/algorithms/model_free/on_policy_settings.hpp"
#include "mbrl/algorithms/planning/pets.hpp"
#include "mbrl/env/classic/acrobot.hpp"
#include "mbrl/env/classic/cartpole.hpp"
#include "mbrl/env/wrappers/wrappers.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/planning/registry/registry.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"
#include "mbrl/task/env_spec.hpp"

namespace mbrl {
namespace {

// The actions in the buffer after one random and one planned trial.
template <class Env>
std::vector<float> stored_actions(const char* planner) {
  ThreadPool pool(1);
  Env env;
  MlpEnsemble model = MlpEnsemble::create({.members = 2, .hidden = {8}}, env.spec().encoding, 1, 1);
  NativeTrainer trainer({.epochs = 1}, pool, 1);
  EnsembleRollout evaluator(model, env.spec().reward, env.spec().termination, {.horizon = 3, .particles = 2},
                            pool, 1);
  PlannerSettings settings{.name = planner};
  settings.cem = {.population = 8, .elites = 2, .iterations = 1};
  settings.icem.population = 8;
  settings.icem.elites = 2;
  settings.icem.iterations = 1;
  auto named = make_planner(evaluator, action_bounds(env.spec()), settings, 1);
  Mpc controller(std::move(named));
  Pets pets(env, model, trainer, evaluator, controller, pool, {.trials = 1}, 1);
  REQUIRE(pets.run());
  const auto batch = pets.buffer().batch();
  std::vector<float> actions;
  for (Index i = 0; i < batch.action.size(); ++i)
    actions.push_back(static_cast<float>(batch.action.reshaped()(i)));
  return actions;
}

TEST_CASE("the buffer holds the choices that were executed") {
  for (const char* planner : {"cem", "icem"}) {
    int ones = 0;
    const auto actions = stored_actions<CartPole>(planner);
    for (const float action : actions) {
      CHECK((action == 0.0f || action == 1.0f));
      ones += action == 1.0f;
    }
    CHECK(actions.size() > 10);
    CHECK(ones > 0);
    CHECK(ones < static_cast<int>(actions.size()));
  }
  int counts[3] = {};
  for (const float action : stored_actions<Acrobot>("cem")) {
    REQUIRE((action == 0.0f || action == 1.0f || action == 2.0f));
    ++counts[static_cast<int>(action)];
  }
  for (const int count : counts) CHECK(count > 50);  // of about 1000
}

TEST_CASE("an environment says what of an action is executed") {
  const EnvSpec cartpole = CartPole().spec(), acrobot = Acrobot().spec(),
                continuous = CartPoleTask(CartPoleTask::Action::kContinuous).spec();
  CHECK(cartpole.choices == 2);
  CHECK(acrobot.choices == 3);
  CHECK(continuous.choices == 0);
  const auto executed = [](const EnvSpec& spec, double action) {
    return spec.executed(Vecd::Constant(1, action))(0);
  };
  CHECK(executed(cartpole, 0.49) == 0.0);
  CHECK(executed(cartpole, 0.5) == 1.0);
  CHECK(executed(acrobot, 1.7) == 2.0);
  CHECK(executed(acrobot, 9.0) == 2.0);
  CHECK(executed(continuous, 0.37) == 0.37);
  // What is executed does what the number would have done.
  CartPole one, other;
  one.reset(1);
  other.reset(1);
  CHECK(one.step(Vecd::Constant(1, 0.8)).obs == other.step(Vecd::Constant(1, 1.0)).obs);
  CHECK(ScaledActions(AnyEnvironment(CartPole())).spec().choices == 0);
}

TEST_CASE("on-policy learners take one choice, not several at once") {
  EnvSpec spec = CartPole().spec();
  OnPolicySettings().validate("ppo", spec);
  spec.action_low = spec.action_high = Vecd::Zero(2);
  const std::string error = error_of([&] { OnPolicySettings().validate("ppo", spec); });
  CHECK(contains(error, "2 choices at once, expected one"));
}

}  // namespace
}  // namespace mbrl
