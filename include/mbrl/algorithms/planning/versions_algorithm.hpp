// Versions 0.5, 1.0 and 1.5 of model-based RL as the registry has them, over a model that is chosen by name.
#pragma once

#include <cstdint>
#include <string>

#include "mbrl/algorithms/planning/model_kinds.hpp"
#include "mbrl/algorithms/planning/versions.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/planning/planner_settings.hpp"

namespace mbrl {

struct VersionsConfiguration {
  std::int64_t steps = 0;                 // environment steps in place of trials; 0: trials decide
  std::string model = ForestKind::kName;  // one of model_kind_names()
  VersionSettings loop;
  int horizon = 20;  // of version 1.5; the others plan a whole episode
  ModelKindSettings kinds;
  ICemSettings planner{.noise_beta = 2.0};

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("steps", s.steps,
          "environment steps in place of trials, an episode under way is finished; 0: trials decide");
    field("model", s.model, "what is learned: linear, forest, gp, bayesian or mixture");
    field("loop", s.loop, "the version and its budget");
    field("horizon", s.horizon, "steps that version 1.5 looks ahead; the others plan a whole episode");
    ModelKindSettings::describe(s.kinds, field);
    field("planner", s.planner, "the planner, iCEM");
  }

  /// Throws mbrl::Error for settings that make no sense on the environment.
  void validate(const EnvSpec& spec) const;
};

/// Registers it as "versions".
void register_versions(AlgorithmRegistry& registry);

}  // namespace mbrl
