// A model put where an environment is.
#pragma once

#include <vector>

#include "mbrl/mujoco/render/scene.hpp"

namespace mbrl::mujoco {

// Sets qpos and what follows from it of places and centres of mass. `model` may be a copy of the scene's.
// Throws on too few numbers, or not finite ones.
void pose_model(const Scene& scene, const std::vector<double>& physics, const mjModel& model, mjData& data);

}  // namespace mbrl::mujoco
