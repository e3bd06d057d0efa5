// Gymnasium's two versions of its MuJoCo tasks.
#pragma once

#include <string>

#include "mbrl/core/enum_names.hpp"

namespace mbrl::mujoco {

/// Printed like the library's other enums.
using mbrl::to_string;
using mbrl::operator<<;

/// v5 gives the alive bonus in healthy states only (v4: always), computes Reacher's and Pusher's rewards after
/// the step instead of before it, always charges contact costs in Ant and Humanoid, drops observation entries
/// that are always zero, and has corrected feet (Walker2d) and a heavier object (Pusher).
enum class GymVersion { kV4 = 4, kV5 = 5 };

constexpr auto enum_names(GymVersion) {
  return std::array{std::pair{GymVersion::kV4, "v4"}, std::pair{GymVersion::kV5, "v5"}};
}

/// "Hopper" -> "Hopper-v5".
inline std::string versioned(const std::string& task, GymVersion version) {
  return task + (version == GymVersion::kV4 ? "-v4" : "-v5");
}

}  // namespace mbrl::mujoco
