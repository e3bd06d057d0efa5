// What the entries of an environment's observations and actions are called, in pictures and in 'mbrl envs
// NAME'.
#pragma once

#include <string>
#include <vector>

#include "mbrl/env/environment.hpp"

namespace mbrl::cli {

struct Names {
  std::vector<std::string> obs, action;
};

// The specification's names, else those of the MuJoCo model, else "obs3", "action0". Resets the environment.
Names entry_names(AnyEnvironment& env, const EnvSpec& spec);

}  // namespace mbrl::cli
