#include "mbrl/algorithms/model_free/ppo_algorithm.hpp"

#include <utility>

#include "algorithms/model_free/on_policy_run.hpp"

namespace mbrl {

void PpoConfiguration::validate(const EnvSpec& spec) const {
  OnPolicySettings::validate("ppo", spec);
  ppo.validate();
}

namespace {

PpoConfiguration quick_ppo(const EnvSpec& spec) {
  PpoConfiguration c;
  c.steps = 100'000;
  c.environments = 16;
  c.horizon = 128;
  if (spec.choices == 0) c.ppo.discount = 0.95;
  c.ppo.adam.learning_rate = 1e-3;
  return c;
}

}  // namespace

void register_ppo(AlgorithmRegistry& registry) {
  auto ppo = on_policy_description<Ppo, DiscretePpo>("ppo", &PpoConfiguration::ppo);
  ppo.summary =
      "PPO (Schulman et al. 2017): a stochastic policy from what it has just done, without a model.";
  ppo.presets.push_back(
      {"quick", "100,000 steps (of real actions looking less far ahead), for a first look", quick_ppo});
  registry.add(std::move(ppo));
}

}  // namespace mbrl
