// TD3 and DDPG as the registry has them: one environment, a replay buffer, updates after every step.
#pragma once

#include "mbrl/algorithms/registry.hpp"
#include "mbrl/learning/replay_agent.hpp"
#include "mbrl/learning/td3.hpp"
#include "mbrl/policy/actor_noise.hpp"

namespace mbrl {

/// The loop's settings, the noise and the updates'.
struct Td3Configuration : ReplaySettings {
  ActorNoiseSettings exploration{{.std = 0.1}};
  bool normalise_obs = false;  // by mean and deviation of all seen so far
  Td3Settings td3;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    ReplaySettings::describe(s, field);
    field("exploration", s.exploration, "noise on executed actions");
    field("normalise_obs", s.normalise_obs, "observations by mean and deviation of all seen so far");
    field("td3", s.td3, "policy and critics");
  }

  /// Throws mbrl::Error, which begins with `who`, for settings that make no sense on the environment.
  void validate(const char* who, const EnvSpec& spec) const;
};

/// Registers it as "td3", and as "ddpg" with that method's settings.
void register_td3(AlgorithmRegistry& registry);

}  // namespace mbrl
