#include "identify_models.hpp"

#include <filesystem>
#include <optional>

#include "control_tasks.hpp"
#include "mbrl/core/error.hpp"
#include "registries.hpp"
#if MBRL_HAS_MUJOCO
#include "mbrl/mujoco/engine/parameters.hpp"
#include "mbrl/mujoco/tasks.hpp"
#endif

namespace mbrl::cli {
namespace {

std::optional<AnyParametricModel> control_model(const std::string& name) {
  for (const ControlTaskEntry& e : control_tasks())
    if (e.spec.name == name) return e.parametric;
  return {};
}

#if MBRL_HAS_MUJOCO
std::optional<AnyParametricModel> mujoco_model(const std::string& name) {
  std::optional<mujoco::Model> model;
  int frame_skip = 0;
  mujoco::for_each_task([&](const auto& task) {
    if (model || task.spec().name != name) return;
    model = task.model();
    frame_skip = task.frame_skip();
  });
  if (!model) return {};
  AnyEnvironment environment = registries().environments.make(name);
  return any_parametric_model(
      mujoco::ParametricDynamics(*model, frame_skip, mujoco::observed_entries(environment)));
}
AnyParametricModel file_model(const std::string& path, int frame_skip) {
  return any_parametric_model(mujoco::ParametricDynamics(mujoco::Model::from_file(path), frame_skip));
}
#else
constexpr const char* kWithout =
    "this program was built without MuJoCo, expected an environment of 'mbrl envs control'";
std::optional<AnyParametricModel> mujoco_model(const std::string&) { return {}; }
AnyParametricModel file_model(const std::string& path, int) { fail(path, ": ", kWithout); }
#endif

}  // namespace

IdentifiableModel identifiable_model(const std::string& name, std::optional<int> frame_skip) {
  if (name.ends_with(".xml")) {
    require(std::filesystem::exists(name), name, " is not there; expected a MuJoCo model's file");
    return {file_model(name, frame_skip.value_or(1)), {}, {}};
  }
  require(!frame_skip, name, " is an environment, which knows its control step, expected no --frame-skip");
  const EnvSpec& spec = registries().environments.spec(name);  // throws for an unknown one
  std::optional<AnyParametricModel> model = control_model(name);
  if (!model) model = mujoco_model(name);
  require(model.has_value(), name,
          " has no parameters that can be named, expected an environment with MuJoCo, one of 'mbrl envs "
          "control', or a "
          "file that ends in .xml");
  return {std::move(*model), spec.obs_names, name};
}

#if MBRL_HAS_MUJOCO
void save_identified(const std::string& source, const Vecd& values, const std::string& out) {
  mujoco::save_mjcf(source, values, out);
}
#else
void save_identified(const std::string&, const Vecd&, const std::string&) { fail(kWithout); }
#endif

}  // namespace mbrl::cli
