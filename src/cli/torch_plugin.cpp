#include "torch_plugin.hpp"

#include <dlfcn.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <vector>

#include "mbrl/core/error.hpp"

namespace mbrl::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFile = "mbrl_torch_plugin.so";

// The folder of this very program, wherever it was put.
fs::path program_folder() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::path(".") : program.parent_path();
}

[[maybe_unused]] std::string folders_text(const std::vector<fs::path>& folders) {
  std::string text;
  for (const fs::path& folder : folders)
    text += (text.empty() ? "" : ", ") + folder.lexically_normal().string();
  return text;
}

std::vector<fs::path> folders() {
  if (const char* chosen = std::getenv("MBRL_PLUGINS"); chosen && *chosen) return {chosen};
  return {program_folder(), program_folder() / MBRL_PLUGIN_FOLDER_FROM_PROGRAM, MBRL_PLUGIN_FOLDER};
}

#if MBRL_HAS_TORCH
TorchPlugin& open_plugin() {
  const auto found = find_torch_plugin();
  require(found.has_value(), "LibTorch's part of this program, ", kFile, ", is in none of ",
          folders_text(folders()), "; install it beside the program, or name its folder in MBRL_PLUGINS");
  const std::string path = found->string();
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = ::dlerror();
    fail(path, " cannot be opened: ", reason ? reason : "no reason given", "; is LibTorch ",
         MBRL_TORCH_VERSION, " where it was when mbrl was built (or on LD_LIBRARY_PATH)?");
  }
  const auto build = reinterpret_cast<const char* (*)()>(::dlsym(library, "mbrl_torch_plugin_build"));
  const auto plugin = reinterpret_cast<TorchPlugin* (*)()>(::dlsym(library, "mbrl_torch_plugin"));
  require(build != nullptr && plugin != nullptr, path, " is not a plug-in of mbrl");
  require(build() == plugin_build(), path, " is of another build than this program (", build(),
          " instead of ", plugin_build(), "); install both from the same build");
  TorchPlugin& opened = *plugin();
  opened.use_logger(spdlog::default_logger());
  return opened;
}
#endif

}  // namespace

std::optional<fs::path> find_torch_plugin() {
  std::error_code error;
  for (const fs::path& folder : folders())
    if (fs::exists(folder / kFile, error)) return (folder / kFile).lexically_normal();
  return std::nullopt;
}

TorchPlugin& torch_plugin() {
#if MBRL_HAS_TORCH
  static TorchPlugin& plugin = open_plugin();  // for as long as the program runs
  return plugin;
#else
  fail("this program was built without LibTorch; expected trainer and evaluator 'native' (--device cpu)");
#endif
}

}  // namespace mbrl::cli
