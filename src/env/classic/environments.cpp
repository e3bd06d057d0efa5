// The environments that need nothing but this library, by name.
#include "mbrl/env/classic/environments.hpp"

#include "mbrl/env/classic/acrobot.hpp"
#include "mbrl/env/classic/cartpole.hpp"
#include "mbrl/env/classic/disc_field.hpp"
#include "mbrl/env/classic/dyna_maze.hpp"
#include "mbrl/env/classic/mbbl.hpp"
#include "mbrl/env/classic/mountain_car.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#include "mbrl/env/classic/pilco_cartpole.hpp"

namespace mbrl {

void register_analytic_environments(EnvRegistry& registry) {
  registry.add(Pendulum().spec(), [] { return AnyEnvironment(Pendulum()); });
  registry.add(MountainCar().spec(), [] { return AnyEnvironment(MountainCar()); });
  registry.add(Acrobot().spec(), [] { return AnyEnvironment(Acrobot()); });
  registry.add(DynaMaze().spec(), [] { return AnyEnvironment(DynaMaze()); });
  registry.add(PilcoCartPole().spec(), [] { return AnyEnvironment(PilcoCartPole()); });
  registry.add(DiscField().spec(), [] { return AnyEnvironment(DiscField()); });
  for (const auto kind : {CartPoleTask::Action::kDiscrete, CartPoleTask::Action::kContinuous}) {
    const CartPoleTask task(kind);
    registry.add(task.spec(), [task] { return AnyEnvironment(CartPole(task)); });
  }
  using Task = MbblClassic::Task;
  for (const auto task : {Task::kPendulum, Task::kMountainCar, Task::kCartPole, Task::kAcrobot})
    registry.add(MbblClassic(task).spec(), [task] { return AnyEnvironment(MbblClassic(task)); });
}

}  // namespace mbrl
