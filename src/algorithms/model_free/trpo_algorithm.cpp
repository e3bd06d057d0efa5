#include "mbrl/algorithms/model_free/trpo_algorithm.hpp"

#include <utility>

#include "algorithms/model_free/on_policy_run.hpp"

namespace mbrl {

void TrpoConfiguration::validate(const EnvSpec& spec) const {
  OnPolicySettings::validate("trpo", spec);
  trpo.validate();
}

namespace {

TrpoConfiguration quick_trpo(const EnvSpec& spec) {
  TrpoConfiguration c;
  c.steps = 100'000;
  c.environments = 4;
  c.horizon = 256;
  if (spec.choices == 0) c.trpo.discount = 0.95;
  return c;
}

}  // namespace

void register_trpo(AlgorithmRegistry& registry) {
  auto trpo = on_policy_description<Trpo, DiscreteTrpo>("trpo", &TrpoConfiguration::trpo);
  trpo.summary =
      "TRPO (Schulman et al. 2015): natural gradient steps within a bound on how far the policy moves.";
  trpo.presets.push_back(
      {"quick", "100,000 steps (of real actions looking less far ahead), for a first look", quick_trpo});
  registry.add(std::move(trpo));
}

}  // namespace mbrl
