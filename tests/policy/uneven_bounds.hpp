// Bounds of actions that no two entries share, for the tests of policies.
#pragma once

#include <vector>

#include "mbrl/task/action_bounds.hpp"

namespace mbrl::testing {

inline const ActionBounds kBounds(std::vector<double>{-2.0, 0.5, -1.0}, std::vector<double>{1.0, 0.75, 1.0});

}  // namespace mbrl::testing
