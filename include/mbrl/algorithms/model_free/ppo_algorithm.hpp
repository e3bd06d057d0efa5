// Proximal policy optimisation (Schulman et al. 2017) as a run of its own.
#pragma once

#include "mbrl/algorithms/model_free/on_policy_settings.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/learning/ppo.hpp"
#include "mbrl/task/env_spec.hpp"

namespace mbrl {

/// `mbrl train ppo`.
struct PpoConfiguration : OnPolicySettings {
  PpoSettings ppo;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    OnPolicySettings::describe(s, field);
    field("ppo", s.ppo, "policy, value function and their updates");
  }

  /// Throws mbrl::Error for settings that make no sense on the environment.
  void validate(const EnvSpec& spec) const;
};

/// Registers it as "ppo".
void register_ppo(AlgorithmRegistry& registry);

}  // namespace mbrl
