// The list of MuJoCo environments.
#include "mbrl/mujoco/environments.hpp"

#include "mbrl/mujoco/tasks.hpp"

namespace mbrl::mujoco {

void register_environments(EnvRegistry& registry) {
  for_each_task([&registry](const auto& task) {
    using Task = std::remove_cvref_t<decltype(task)>;
    registry.add(task.spec(), [task] { return AnyEnvironment(TaskEnvironment<Task>(task)); });
  });
}

}  // namespace mbrl::mujoco
