#include "mbrl/algorithms/ppo_algorithm.hpp"

#include <memory>
#include <string>
#include <utility>

#include "algorithms/load_mode_actor.hpp"
#include "algorithms/on_policy_run.hpp"

namespace mbrl {

void PpoConfiguration::validate(const EnvSpec& spec) const {
  OnPolicySettings::validate("ppo", spec);
  ppo.validate();
}

namespace {

PpoConfiguration quick_ppo(const EnvSpec&) {
  PpoConfiguration c;
  c.steps = 100'000;
  c.environments = 4;
  c.horizon = 512;
  c.ppo.discount = 0.95;
  c.ppo.adam.learning_rate = 1e-3;
  return c;
}

}  // namespace

void register_ppo(AlgorithmRegistry& registry) {
  AlgorithmDescription<PpoConfiguration> ppo;
  ppo.name = "ppo";
  ppo.summary =
      "PPO (Schulman et al. 2017): a stochastic policy from what it has just done, without a model.";
  ppo.details =
      "  mbrl train ppo --env Pendulum-v1 --preset quick --out runs/pendulum\n"
      "  mbrl train ppo --env InvertedPendulum-v4 --steps 200000 --out runs/pole";
  ppo.steps_key = "steps";
  ppo.presets.push_back({"quick", "100,000 steps that look less far ahead, for a first look", quick_ppo});
  ppo.check = [](const PpoConfiguration& c, const EnvSpec& spec) { c.validate(spec); };
  ppo.make = [](const PpoConfiguration& c, const AlgorithmContext& context) {
    const EnvSpec spec = context.make_environment().spec();
    Ppo learner(spec.obs_dim, action_bounds(spec), c.ppo, context.seed, context.pool);
    return AnyAlgorithm(std::make_unique<OnPolicyRun<Ppo>>("ppo", c, context, std::move(learner)));
  };
  ppo.load_actor = [](const PpoConfiguration& c, const AlgorithmContext& context, const StateDict& in,
                      const std::string& prefix) {
    return load_mode_actor(context.make_environment().spec(), c.ppo.policy, context.seed, in,
                           prefix + "acting.");
  };
  registry.add(std::move(ppo));
}

}  // namespace mbrl
