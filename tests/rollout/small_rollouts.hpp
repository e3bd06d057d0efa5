// Settings and ids that the tests of ensemble rollouts share.
#pragma once

#include <cstdint>
#include <vector>

#include "mbrl/rollout/ensemble_rollout.hpp"

namespace mbrl::testing {

constexpr int kHorizon = 5;

inline std::vector<std::uint32_t> ids(int n, std::uint32_t first = 0) {
  std::vector<std::uint32_t> out;
  for (int i = 0; i < n; ++i) out.push_back(first + static_cast<std::uint32_t>(i));
  return out;
}

inline EnsembleRolloutSettings small(Propagation how, int particles = 6) {
  EnsembleRolloutSettings settings;
  settings.horizon = kHorizon;
  settings.particles = particles;
  settings.propagation = how;
  return settings;
}

}  // namespace mbrl::testing
