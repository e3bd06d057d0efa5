// LibTorch, opened where it is used and not before: it takes half a second and 160 MB at every start of a
// program that is linked with it. The plug-in is a library beside the program (or in lib/mbrl of an
// installation) that is linked with mbrl::torch; it is found, compared with the program and opened at its
// first use.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "mbrl/algorithms/planning/ensemble_backend.hpp"

namespace spdlog {
class logger;
}

namespace mbrl::cli {

// What the program asks of LibTorch.
class TorchPlugin : public EnsembleBackend {
 public:
  virtual void use_logger(std::shared_ptr<spdlog::logger> logger) = 0;
  virtual std::string version() const = 0;  // of LibTorch
};

// Opens the plug-in. Throws if this program was built without LibTorch, or if the plug-in is missing, cannot
// be loaded or is of another build, with the remedy.
TorchPlugin& torch_plugin();

// Where the plug-in would be opened from: the folder named by the environment variable MBRL_PLUGINS, else the
// program's own, else the installation's. Empty if there is none.
std::optional<std::filesystem::path> find_torch_plugin();

// Equal for a program and a plug-in that were built together: the plug-in hands over C++ objects.
std::string plugin_build();

}  // namespace mbrl::cli
