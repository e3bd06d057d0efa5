// What the program can be asked to learn or plan on.
#pragma once

#include "mbrl/env/registry.hpp"

namespace mbrl::cli {

// Every environment of the components this program was built with.
EnvRegistry all_environments();

}  // namespace mbrl::cli
