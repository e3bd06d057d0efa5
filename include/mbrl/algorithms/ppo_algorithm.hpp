// Proximal policy optimisation (Schulman et al. 2017) as a run of its own.
#pragma once

#include <cstdint>

#include "mbrl/algorithms/registry.hpp"
#include "mbrl/learning/ppo.hpp"
#include "mbrl/task/env_spec.hpp"

namespace mbrl {

/// `mbrl train ppo`.
struct PpoConfiguration {
  std::int64_t steps = 1'000'000;  // environment steps, of all environments
  int environments = 8;            // stepped together
  int horizon = 256;               // steps of each between two updates
  bool normalise_obs = true;       // by mean and deviation of all earlier iterations
  bool normalise_reward = true;    // by the deviation of the discounted return
  PpoSettings ppo;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("steps", s.steps, "environment steps, of all environments; an iteration under way is finished");
    field("environments", s.environments, "environments that are stepped together");
    field("horizon", s.horizon, "steps of each environment between two updates");
    field("normalise_obs", s.normalise_obs,
          "observations by the mean and the deviation of all earlier iterations");
    field("normalise_reward", s.normalise_reward, "rewards by the deviation of the discounted return");
    field("ppo", s.ppo, "policy, value function and their updates");
  }

  /// Throws mbrl::Error for settings that make no sense on the environment.
  void validate(const EnvSpec& spec) const;
};

/// Registers it as "ppo".
void register_ppo(AlgorithmRegistry& registry);

}  // namespace mbrl
