#include "environments.hpp"

#include "control_tasks.hpp"
#include "mbrl/env/classic/environments.hpp"
#if MBRL_HAS_MUJOCO
#include "mbrl/mujoco/environments.hpp"
#endif

namespace mbrl::cli {

EnvRegistry all_environments() {
  EnvRegistry registry;
  register_analytic_environments(registry);
  register_control_tasks(registry);
#if MBRL_HAS_MUJOCO
  mujoco::register_environments(registry);
#endif
  return registry;
}

}  // namespace mbrl::cli
