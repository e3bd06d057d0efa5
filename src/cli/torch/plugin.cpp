// The library that torch_plugin.hpp opens: LibTorch behind the program's interfaces.
#include <spdlog/spdlog.h>

#include "cli/torch_plugin.hpp"
#include "mbrl/torch/device.hpp"
#include "mbrl/torch/ensemble_rollout.hpp"
#include "mbrl/torch/ensemble_trainer.hpp"
#include "mbrl/torch/tasks.hpp"

namespace mbrl::cli {
namespace {

class Plugin final : public TorchPlugin {
 public:
  void use_logger(std::shared_ptr<spdlog::logger> logger) override {
    spdlog::set_default_logger(std::move(logger));  // this library may have a registry of its own
  }
  std::string version() const override { return libtorch::version(); }
  bool cuda_available() const override { return libtorch::cuda_available(); }
  void check_device(const std::string& device) const override { libtorch::check_device(device); }
  std::vector<std::string> tensor_tasks() const override { return libtorch::tensor_task_names(); }
  AnyEnsembleTrainer trainer(const EnsembleTrainingSettings& settings, const std::string& device,
                             std::uint64_t seed) const override {
    return AnyEnsembleTrainer(libtorch::EnsembleTrainer(settings, device, seed));
  }
  AnyEnsembleEvaluator evaluator(const MlpEnsemble& model, const std::string& environment,
                                 const EnsembleRolloutSettings& settings, const std::string& device,
                                 std::uint64_t seed) const override {
    return AnyEnsembleEvaluator(libtorch::EnsembleRollout(
        model, model.settings.learned_reward ? nullptr : libtorch::tensor_task(environment), settings, device,
        seed));
  }
};

}  // namespace
}  // namespace mbrl::cli

extern "C" {

__attribute__((visibility("default"))) const char* mbrl_torch_plugin_build() {
  static const std::string build = mbrl::cli::plugin_build();
  return build.c_str();
}

__attribute__((visibility("default"))) mbrl::cli::TorchPlugin* mbrl_torch_plugin() {
  static mbrl::cli::Plugin plugin;
  return &plugin;
}

}  // extern "C"
