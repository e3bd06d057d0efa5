// All environments that run on MuJoCo, by name.
#pragma once

#include "mbrl/env/registry.hpp"

namespace mbrl::mujoco {

// -v4 and -v5 of HalfCheetah, Hopper, Walker2d, Ant, Humanoid, HumanoidStandup, Swimmer, InvertedPendulum,
// InvertedDoublePendulum, Reacher, Pusher; pets/CartPole, pets/HalfCheetah, pets/Reacher3D, pets/Pusher;
// mbpo/AntTruncatedObs, mbpo/HumanoidTruncatedObs.
void register_environments(EnvRegistry& registry);

}  // namespace mbrl::mujoco
