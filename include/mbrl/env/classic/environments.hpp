// Registers the environments that need nothing but this library.
#pragma once

#include "mbrl/env/registry.hpp"

namespace mbrl {

/// The environments that need nothing but this library: Pendulum-v1, CartPole-v1, CartPoleContinuous,
/// MountainCarContinuous-v0, Acrobot-v1, DynaMaze, pilco/CartPole, mbbl/Pendulum, mbbl/MountainCar, mbbl/CartPole,
/// mbbl/Acrobot.
void register_analytic_environments(EnvRegistry& registry);

}  // namespace mbrl
