// What the entries of a MuJoCo task's observations and actions are, by the names in its model.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mbrl/env/environment.hpp"

namespace mbrl::mujoco {

struct EntryNames {
  std::vector<std::string> obs, action;  // an empty string where the model does not tell
};

/// Found by acting a little and comparing: an entry of the observation that equals a joint's position
/// ("thigh"), its velocity ("thigh velocity"), its cosine or sine, a body's coordinate ("fingertip x") or the
/// difference of two bodies' ("fingertip - target x") in every state seen is called by that. Empty for an
/// environment that is none of ours (see find_model). Resets the environment.
std::optional<EntryNames> entry_names(AnyEnvironment& env);

}  // namespace mbrl::mujoco
