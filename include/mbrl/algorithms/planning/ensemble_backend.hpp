// Another library's trainer and evaluator of ensembles (LibTorch's), as far as algorithms here see it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "mbrl/algorithms/planning/any_ensemble_evaluator.hpp"
#include "mbrl/algorithms/planning/any_ensemble_trainer.hpp"

namespace mbrl {

/// Devices are "cpu", "cuda" and "cuda:<index>".
class EnsembleBackend {
 public:
  virtual ~EnsembleBackend() = default;
  virtual bool cuda_available() const = 0;
  /// Throws mbrl::Error with the remedy for a device that is not there.
  virtual void check_device(const std::string& device) const = 0;
  /// Environments with a reward on tensors.
  virtual std::vector<std::string> tensor_tasks() const = 0;
  virtual AnyEnsembleTrainer trainer(const EnsembleTrainingSettings& settings, const std::string& device,
                                     std::uint64_t seed) const = 0;
  /// With a learned reward, or that of the environment named.
  virtual AnyEnsembleEvaluator evaluator(const MlpEnsemble& model, const std::string& environment,
                                         const EnsembleRolloutSettings& settings, const std::string& device,
                                         std::uint64_t seed) const = 0;
};

/// Where a backend comes from; it is opened at its first use.
struct EnsembleBackendSource {
  std::function<bool()> there;             // whether it can be had; empty: no
  std::function<EnsembleBackend&()> open;  // throws mbrl::Error with the remedy where it cannot
};

}  // namespace mbrl
