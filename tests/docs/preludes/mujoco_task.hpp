// Members of a task on MuJoCo.
#include "mbrl/mujoco/engine/task_environment.hpp"

struct Task {
  // SNIPPET
};
