// All environments that run on MuJoCo, by name.
#pragma once

#include <optional>
#include <string>

#include "mbrl/env/registry.hpp"
#include "mbrl/mujoco/engine/model.hpp"

namespace mbrl::mujoco {

/// -v4 and -v5 of HalfCheetah, Hopper, Walker2d, Ant, Humanoid, HumanoidStandup, Swimmer, InvertedPendulum,
/// InvertedDoublePendulum, Reacher, Pusher, AntContactForces-v4; pets/CartPole, pets/HalfCheetah,
/// pets/Reacher3D, pets/Pusher, pets/PusherFingertips; pilco/Reacher; mbpo/AntTruncatedObs, mbpo/HumanoidTruncatedObs; mbbl/HalfCheetah,
/// Swimmer, Walker2d, Hopper, Ant, SlimHumanoid (the last four also with ET at the end), InvertedPendulum, Reacher;
/// dmc/cheetah-run, cartpole-swingup, reacher-easy, finger-spin, ball_in_cup-catch, walker-walk.
void register_environments(EnvRegistry& registry);

/// The model that one of these runs on, for drawing it; empty for another name.
std::optional<Model> find_model(const std::string& name);

}  // namespace mbrl::mujoco
