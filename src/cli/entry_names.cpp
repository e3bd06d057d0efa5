#include "entry_names.hpp"

#if MBRL_HAS_MUJOCO
#include "mbrl/mujoco/entry_names.hpp"
#endif

namespace mbrl::cli {
namespace {

std::vector<std::string> filled(std::vector<std::string> names, int count, const std::string& otherwise) {
  names.resize(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i].empty()) names[i] = otherwise + std::to_string(i);
  return names;
}

}  // namespace

Names entry_names(AnyEnvironment& env, const EnvSpec& spec) {
  Names names{spec.obs_names, spec.action_names};
#if MBRL_HAS_MUJOCO
  if (names.obs.empty() || names.action.empty())
    if (auto found = mujoco::entry_names(env)) {
      if (names.obs.empty()) names.obs = std::move(found->obs);
      if (names.action.empty()) names.action = std::move(found->action);
    }
#endif
  return {filled(std::move(names.obs), spec.obs_dim, "obs"),
          filled(std::move(names.action), spec.action_dim(), "action")};
}

}  // namespace mbrl::cli
