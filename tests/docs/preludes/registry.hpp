// A registry of all environments and one made from it, inside a function.
#include "mbrl/env/classic/environments.hpp"
#include "mbrl/mujoco/environments.hpp"

inline void snippet() {
  mbrl::EnvRegistry registry;
  mbrl::register_analytic_environments(registry);
  mbrl::mujoco::register_environments(registry);
  // SNIPPET
}
