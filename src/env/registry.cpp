// Lookup of environments by name, with help for a name that is not known.
#include "mbrl/env/registry.hpp"

#include "mbrl/core/text.hpp"
#include "mbrl/env/acrobot.hpp"
#include "mbrl/env/cartpole.hpp"
#include "mbrl/env/mbbl.hpp"
#include "mbrl/env/mountain_car.hpp"
#include "mbrl/env/pendulum.hpp"

namespace mbrl {

void EnvRegistry::add(EnvSpec spec, Factory factory) {
  require(!spec.name.empty(), "EnvRegistry: an environment needs a name");
  const std::string name = spec.name;
  const bool added = entries_.try_emplace(name, std::move(spec), std::move(factory)).second;
  require(added, "EnvRegistry: an environment named '", name, "' is registered already");
}

std::vector<std::string> EnvRegistry::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

const EnvSpec& EnvRegistry::spec(const std::string& name) const { return entry(name).first; }

AnyEnvironment EnvRegistry::make(const std::string& name) const { return entry(name).second(); }

const std::pair<EnvSpec, EnvRegistry::Factory>& EnvRegistry::entry(const std::string& name) const {
  const auto it = entries_.find(name);
  if (it != entries_.end()) return it->second;
  require(!entries_.empty(), "unknown environment '", name, "': none is registered");
  fail("unknown environment '", name, "'", did_you_mean(name, names()), " ('mbrl envs' lists all)");
}

void register_analytic_environments(EnvRegistry& registry) {
  registry.add(Pendulum().spec(), [] { return AnyEnvironment(Pendulum()); });
  registry.add(MountainCar().spec(), [] { return AnyEnvironment(MountainCar()); });
  registry.add(Acrobot().spec(), [] { return AnyEnvironment(Acrobot()); });
  for (const auto kind : {CartPoleTask::Action::kDiscrete, CartPoleTask::Action::kContinuous}) {
    const CartPoleTask task(kind);
    registry.add(task.spec(), [task] { return AnyEnvironment(CartPole(task)); });
  }
  using Task = MbblClassic::Task;
  for (const auto task : {Task::kPendulum, Task::kMountainCar, Task::kCartPole, Task::kAcrobot})
    registry.add(MbblClassic(task).spec(), [task] { return AnyEnvironment(MbblClassic(task)); });
}

}  // namespace mbrl
