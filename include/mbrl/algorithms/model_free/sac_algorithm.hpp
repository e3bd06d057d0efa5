// Soft actor-critic as the registry has it: one environment, a replay buffer, updates after every step.
#pragma once

#include "mbrl/algorithms/registry.hpp"
#include "mbrl/learning/replay_agent.hpp"
#include "mbrl/learning/sac.hpp"

namespace mbrl {

/// The loop's settings and the updates'.
struct SacConfiguration : ReplaySettings {
  bool normalise_obs = false;  // by mean and deviation of all seen so far
  SacSettings sac;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    ReplaySettings::describe(s, field);
    field("normalise_obs", s.normalise_obs, "observations by mean and deviation of all seen so far");
    field("sac", s.sac, "policy, critics and temperature");
  }

  /// Throws mbrl::Error for settings that make no sense on the environment.
  void validate(const EnvSpec& spec) const;
};

/// Registers it as "sac".
void register_sac(AlgorithmRegistry& registry);

}  // namespace mbrl
