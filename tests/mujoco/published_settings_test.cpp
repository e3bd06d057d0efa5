// Settings of the published PETS that depend on a task's units.
#include <string>

#include "catch.hpp"
#include "mbrl/algorithms/planning/pets_configuration.hpp"
#include "mbrl/env/registry.hpp"
#include "mbrl/mujoco/environments.hpp"

namespace mbrl {
namespace {

TEST_CASE("published CEM stops at the variance of the authors' code, in the units of each task") {
  EnvRegistry registry;
  mujoco::register_environments(registry);
  for (const std::string name : {"pets/HalfCheetah", "pets/CartPole", "pets/Reacher3D", "pets/Pusher"}) {
    INFO(name);
    const EnvSpec spec = registry.spec(name);
    const double half = 0.5 * (spec.action_high(0) - spec.action_low(0));
    CHECK(published_pets(name).planner.cem.epsilon * half * half == Approx(1e-3));
  }
}

}  // namespace
}  // namespace mbrl
