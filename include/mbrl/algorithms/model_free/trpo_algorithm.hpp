// Trust region policy optimisation (Schulman et al. 2015) as a run of its own.
#pragma once

#include "mbrl/algorithms/model_free/on_policy_settings.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/learning/trpo.hpp"
#include "mbrl/task/env_spec.hpp"

namespace mbrl {

/// `mbrl train trpo`.
struct TrpoConfiguration : OnPolicySettings {
  TrpoSettings trpo;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    OnPolicySettings::describe(s, field);
    field("trpo", s.trpo, "policy, value function and their updates");
  }

  /// Throws mbrl::Error for settings that make no sense on the environment.
  void validate(const EnvSpec& spec) const;
};

/// Registers it as "trpo".
void register_trpo(AlgorithmRegistry& registry);

}  // namespace mbrl
