// Which MuJoCo runs.
#pragma once

#include <string>

namespace mbrl::mujoco {

/// "2.2.2": the MuJoCo in use.
std::string version();

}  // namespace mbrl::mujoco
