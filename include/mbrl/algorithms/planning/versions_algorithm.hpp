// Versions 0.5, 1.0 and 1.5 of model-based RL as the registry has them, over a model that is chosen by name.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "mbrl/algorithms/planning/versions.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/core/enum_names.hpp"
#include "mbrl/models/forest/forest_trainer.hpp"
#include "mbrl/models/linear/linear_gaussian_model.hpp"
#include "mbrl/planning/planner_settings.hpp"

namespace mbrl {

enum class VersionModel : int { kLinear = 0, kForest = 1 };

constexpr auto enum_names(VersionModel) {
  return std::array{std::pair{VersionModel::kLinear, "linear"}, std::pair{VersionModel::kForest, "forest"}};
}

struct VersionsConfiguration {
  std::int64_t steps = 0;  // environment steps in place of trials; 0: trials decide
  VersionModel model = VersionModel::kForest;
  VersionSettings loop;
  int horizon = 20;  // of version 1.5; the others plan a whole episode
  ForestSettings forest;
  RidgeSettings linear;
  ICemSettings planner{.noise_beta = 2.0};

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("steps", s.steps,
          "environment steps in place of trials, an episode under way is finished; 0: trials decide");
    field("model", s.model, "what is learned: linear or forest");
    field("loop", s.loop, "the version and its budget");
    field("horizon", s.horizon, "steps that version 1.5 looks ahead; the others plan a whole episode");
    field("forest", s.forest, "the forest and its training");
    field("linear", s.linear, "the linear model's regression");
    field("planner", s.planner, "the planner, iCEM");
  }

  /// Throws mbrl::Error for settings that make no sense on the environment.
  void validate(const EnvSpec& spec) const;
};

/// Registers it as "versions".
void register_versions(AlgorithmRegistry& registry);

}  // namespace mbrl
