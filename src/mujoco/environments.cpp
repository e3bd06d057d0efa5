// The list of MuJoCo environments.
#include "mbrl/mujoco/environments.hpp"

#include <functional>
#include <map>

#include "mbrl/mujoco/tasks.hpp"

namespace mbrl::mujoco {

void register_environments(EnvRegistry& registry) {
  for_each_task([&registry](const auto& task) {
    using Task = std::remove_cvref_t<decltype(task)>;
    registry.add(task.spec(), [task] { return AnyEnvironment(TaskEnvironment<Task>(task)); });
  });
}

std::optional<Model> find_model(const std::string& name) {
  static const auto models = [] {
    std::map<std::string, std::function<Model()>> all;
    for_each_task(
        [&all](const auto& task) { all.emplace(task.spec().name, [task] { return task.model(); }); });
    return all;
  }();
  const auto found = models.find(name);
  if (found == models.end()) return std::nullopt;
  return found->second();
}

}  // namespace mbrl::mujoco
