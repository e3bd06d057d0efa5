// Of the loop of PPO and TRPO.
#pragma once

#include <cstdint>

#include "mbrl/task/env_spec.hpp"

namespace mbrl {

struct OnPolicySettings {
  std::int64_t steps = 1'000'000;  // environment steps, of all environments
  int environments = 8;            // stepped together
  int horizon = 256;               // steps of each between two updates
  bool normalise_obs = true;       // by mean and deviation of all earlier iterations
  bool normalise_reward = true;    // by the deviation of the discounted return

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("steps", s.steps, "environment steps, of all environments; an iteration under way is finished");
    field("environments", s.environments, "environments that are stepped together");
    field("horizon", s.horizon, "steps of each environment between two updates");
    field("normalise_obs", s.normalise_obs,
          "observations by the mean and the deviation of all earlier iterations");
    field("normalise_reward", s.normalise_reward, "rewards by the deviation of the discounted return");
  }

  /// Throws mbrl::Error, which begins with `who`, for settings that make no sense on the environment.
  void validate(const char* who, const EnvSpec& spec) const;
};

}  // namespace mbrl
