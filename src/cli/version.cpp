#include "version.hpp"

#include "models/neural/ensemble_kernels.hpp"
#include "torch_plugin.hpp"

#if MBRL_HAS_MUJOCO
#include "mbrl/mujoco/engine/version.hpp"
#endif

namespace mbrl::cli {
namespace {

std::string torch_line() {
#if MBRL_HAS_TORCH
  const auto plugin = find_torch_plugin();
  return "LibTorch " MBRL_TORCH_VERSION ", " +
         (plugin ? "opened when it is used: " + plugin->string() : std::string("but its plug-in is missing"));
#else
  return "none: built without LibTorch";
#endif
}

}  // namespace

std::string version_text() {
  std::string text = "mbrl " MBRL_VERSION " (commit " + std::string(commit()) + ")\n";
  text += "components  core" + std::string(MBRL_HAS_MUJOCO ? ", mujoco" : "") +
          (MBRL_HAS_TORCH ? ", torch" : "") + "\n";
  text += "torch       " + torch_line() + "\n";
#if MBRL_HAS_MUJOCO
  text += "mujoco      MuJoCo " + mujoco::version() + "\n";
#else
  text += "mujoco      none: built without MuJoCo\n";
#endif
  text += "SIMD        " + std::string(simd::ensemble_kernels().target) + ", " +
          std::to_string(simd::ensemble_kernels().lanes) + " floats at once\n";
  text += "compiler    " + std::string(MBRL_COMPILER);
  return text;
}

}  // namespace mbrl::cli
