// Dyna-Q (Sutton 1990) as a run of its own.
#pragma once

#include <cstdint>

#include "mbrl/algorithms/registry.hpp"
#include "mbrl/learning/dyna_q.hpp"
#include "mbrl/task/env_spec.hpp"

namespace mbrl {

/// `mbrl train dyna`.
struct DynaConfiguration {
  std::int64_t steps = 10'000;  // environment steps
  DynaQSettings dyna;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("steps", s.steps, "environment steps; an episode under way is finished");
    field("dyna", s.dyna, "the table, and how it is learned");
  }

  /// Throws mbrl::Error for settings that make no sense, for actions that are numbers and for episodes without a time
  /// limit.
  void validate(const EnvSpec& spec) const;
};

/// Registers it as "dyna".
void register_dyna(AlgorithmRegistry& registry);

}  // namespace mbrl
