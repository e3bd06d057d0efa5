// The list of MuJoCo environments.
#include "mbrl/mujoco/environments.hpp"

#include "mbrl/mujoco/half_cheetah.hpp"
#include "mbrl/mujoco/pets_cartpole.hpp"
#include "mbrl/mujoco/pets_half_cheetah.hpp"

namespace mbrl::mujoco {
namespace {

template <MujocoTask Task, class... Args>
void add(EnvRegistry& registry, Args... args) {
  registry.add(Task(args...).spec(),
               [args...] { return AnyEnvironment(TaskEnvironment<Task>(Task(args...))); });
}

}  // namespace

void register_environments(EnvRegistry& registry) {
  add<PetsCartPoleTask>(registry);
  add<PetsHalfCheetahTask>(registry);
  add<HalfCheetahTask>(registry, "HalfCheetah-v4");
  add<HalfCheetahTask>(registry, "HalfCheetah-v5");
}

}  // namespace mbrl::mujoco
