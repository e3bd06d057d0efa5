// The check every environment makes at its boundary.
#pragma once

#include <cmath>

#include "mbrl/env/environment.hpp"

namespace mbrl {

// Throws unless the action has the environment's dimension and every entry is finite. Entries outside the
// bounds pass: what they mean is the environment's specification.
inline void check_action(const EnvSpec& spec, ConstVecRef<double> action) {
  if (action.size() != spec.action_low.size()) [[unlikely]]
    fail(spec.name, ": action has dimension ", action.size(), ", expected ", spec.action_low.size());
  for (Index i = 0; i < action.size(); ++i)
    if (!std::isfinite(action(i))) [[unlikely]]
      fail(spec.name, ": action entry ", i, " is ", action(i), ", expected a finite number");
}

}  // namespace mbrl
