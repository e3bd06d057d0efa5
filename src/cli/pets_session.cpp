#include "pets_session.hpp"

#include "mbrl/algorithms/environment_bounds.hpp"

namespace mbrl::cli {

MlpEnsembleSettings model_settings(const PetsConfiguration& configuration, const EnvSpec& spec) {
  MlpEnsembleSettings settings = configuration.model;
  settings.learned_reward = settings.learned_reward || !spec.reward;
  return settings;
}

AnyTrainer::AnyTrainer(const PetsConfiguration& c, ThreadPool& pool) {
  if (c.trainer == "native") {
    self_ = std::make_unique<Holder<NativeTrainer>>(NativeTrainer(c.training, pool, c.seed));
    return;
  }
#if MBRL_HAS_TORCH
  if (c.trainer == "torch-cpu" || c.trainer == "torch-cuda") {
    const std::string device = c.trainer == "torch-cpu" ? "cpu" : "cuda";
    self_ =
        std::make_unique<Holder<torch::EnsembleTrainer>>(torch::EnsembleTrainer(c.training, device, c.seed));
    return;
  }
  fail("trainer is '", c.trainer, "', expected native, torch-cpu or torch-cuda");
#else
  fail("trainer is '", c.trainer, "', expected native (this program was built without LibTorch)");
#endif
}

PetsSession::PetsSession(const PetsConfiguration& c, int threads)
    : pool(threads),
      env(all_environments().make(c.environment)),
      model(MlpEnsemble::create(model_settings(c, env.spec()), env.spec().encoding, env.spec().action_dim(),
                                c.seed)),
      trainer(c, pool),
      evaluator(model, model.settings.learned_reward ? RewardFunction<float>{} : env.spec().reward,
                env.spec().termination, c.rollout, pool, c.seed),
      controller(make_planner(evaluator, action_bounds(env.spec()), c.planner, c.seed),
                 action_bounds(env.spec()), c.mpc, c.seed),
      pets(env, model, trainer, evaluator, controller, pool, c.pets, c.seed) {}

}  // namespace mbrl::cli
