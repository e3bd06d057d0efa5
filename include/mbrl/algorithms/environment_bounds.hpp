// What an environment's specification says of its actions, for planners.
#pragma once

#include "mbrl/env/environment.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

inline ActionBounds action_bounds(const EnvSpec& spec) {
  ActionBounds bounds(spec.action_low, spec.action_high);
  bounds.choices = spec.choices;
  return bounds;
}

}  // namespace mbrl
