// The list of MuJoCo environments.
#include "mbrl/mujoco/environments.hpp"

#include "mbrl/mujoco/half_cheetah.hpp"
#include "mbrl/mujoco/pets_cartpole.hpp"
#include "mbrl/mujoco/pets_half_cheetah.hpp"

namespace mbrl::mujoco {
namespace {

template <MujocoTask Task>
void add(EnvRegistry& registry, Task task) {
  registry.add(task.spec(), [task] { return AnyEnvironment(TaskEnvironment<Task>(task)); });
}

}  // namespace

void register_environments(EnvRegistry& registry) {
  add(registry, PetsCartPoleTask{});
  add(registry, PetsHalfCheetahTask{});
  add(registry, HalfCheetahTask("HalfCheetah-v4"));
  add(registry, HalfCheetahTask("HalfCheetah-v5"));
}

}  // namespace mbrl::mujoco
