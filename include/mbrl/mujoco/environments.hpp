// All environments that run on MuJoCo, by name.
#pragma once

#include "mbrl/env/registry.hpp"

namespace mbrl::mujoco {

// pets/CartPole, pets/HalfCheetah, HalfCheetah-v4, HalfCheetah-v5.
void register_environments(EnvRegistry& registry);

}  // namespace mbrl::mujoco
