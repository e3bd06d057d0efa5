// The list of MuJoCo environments.
#include "mbrl/mujoco/environments.hpp"

#include <functional>
#include <map>

#include "mbrl/mujoco/ant.hpp"
#include "mbrl/mujoco/half_cheetah.hpp"
#include "mbrl/mujoco/hopper.hpp"
#include "mbrl/mujoco/humanoid.hpp"
#include "mbrl/mujoco/inverted_double_pendulum.hpp"
#include "mbrl/mujoco/inverted_pendulum.hpp"
#include "mbrl/mujoco/pets_cartpole.hpp"
#include "mbrl/mujoco/pets_half_cheetah.hpp"
#include "mbrl/mujoco/pets_reacher3d.hpp"
#include "mbrl/mujoco/pusher.hpp"
#include "mbrl/mujoco/reacher.hpp"
#include "mbrl/mujoco/swimmer.hpp"
#include "mbrl/mujoco/walker2d.hpp"

namespace mbrl::mujoco {
namespace {

using Models = std::map<std::string, std::function<Model()>>;

template <MujocoTask Task>
void add(EnvRegistry& registry, Task task) {
  registry.add(task.spec(), [task] { return AnyEnvironment(TaskEnvironment<Task>(task)); });
}

template <MujocoTask Task>
void add(Models& models, Task task) {
  models.emplace(task.spec().name, [task] { return task.model(); });
}

// Every task, into either.
template <class Registry>
void add_all(Registry& registry) {
  for (const GymVersion version : {GymVersion::kV4, GymVersion::kV5}) {
    add(registry, HalfCheetahTask(versioned("HalfCheetah", version)));
    add(registry, HopperTask(version));
    add(registry, Walker2dTask(version));
    add(registry, HumanoidStandupTask(version));
    add(registry, SwimmerTask(version));
    add(registry, InvertedPendulumTask(version));
    add(registry, InvertedDoublePendulumTask(version));
    add(registry, ReacherTask(version));
    add(registry, PusherTask(version));
  }
  for (const auto version : {AntTask::Version::kV4, AntTask::Version::kV5, AntTask::Version::kTruncated})
    add(registry, AntTask(version));
  for (const auto version :
       {HumanoidBody::Version::kV4, HumanoidBody::Version::kV5, HumanoidBody::Version::kTruncated})
    add(registry, HumanoidTask(version));
  add(registry, PetsCartPoleTask{});
  add(registry, PetsHalfCheetahTask{});
  add(registry, PetsReacher3DTask{});
  add(registry, PetsPusherTask{});
}

}  // namespace

void register_environments(EnvRegistry& registry) { add_all(registry); }

std::optional<Model> find_model(const std::string& name) {
  static const Models models = [] {
    Models all;
    add_all(all);
    return all;
  }();
  const auto found = models.find(name);
  if (found == models.end()) return std::nullopt;
  return found->second();
}

}  // namespace mbrl::mujoco
