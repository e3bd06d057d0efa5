// Soft actor-critic as the registry has it: one environment, a replay buffer, updates after every step.
#pragma once

#include <cstdint>

#include "mbrl/algorithms/registry.hpp"
#include "mbrl/learning/sac.hpp"

namespace mbrl {

/// The loop's settings and the updates'.
struct SacConfiguration {
  std::int64_t steps = 20'000;       // environment steps
  std::int64_t random_steps = 1000;  // of these random ones at the beginning, without updates
  int updates_per_step = 1;          // UTD
  int batch_size = 256;
  std::int64_t capacity = 1'000'000;  // transitions kept
  SacSettings sac;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("steps", s.steps,
          "environment steps, the random ones among them; an episode under way is finished");
    field("random_steps", s.random_steps, "random steps at the beginning, without updates");
    field("updates_per_step", s.updates_per_step, "gradient steps per environment step");
    field("batch_size", s.batch_size, "transitions drawn for each gradient step");
    field("capacity", s.capacity, "transitions kept in the replay buffer");
    field("sac", s.sac, "policy, critics and temperature");
  }

  /// Throws mbrl::Error for settings that make no sense on the environment.
  void validate(const EnvSpec& spec) const;
};

/// Registers it as "sac".
void register_sac(AlgorithmRegistry& registry);

}  // namespace mbrl
