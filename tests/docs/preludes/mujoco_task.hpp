// Members of a task on MuJoCo.
#include "mbrl/mujoco/task_environment.hpp"

struct Task {
  // SNIPPET
};
