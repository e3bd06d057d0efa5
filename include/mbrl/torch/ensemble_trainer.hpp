// Trains an MlpEnsemble with LibTorch, on the CPU or on a GPU: the same rows in the same order as the native
// trainer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "mbrl/models/neural/ensemble_training.hpp"

namespace mbrl::libtorch {

/// Loss and optimiser as in mbrl::NativeTrainer (Chua et al. 2018; Adam), gradients by autograd, all members
/// in one batched product a layer. Its checkpoints are those of the native trainer: either continues the
/// other's training.
class EnsembleTrainer {
 public:
  /// device: "cpu", "cuda" or "cuda:<index>". Throws mbrl::Error if there is no such device.
  EnsembleTrainer(const EnsembleTrainingSettings& settings, const std::string& device, std::uint64_t seed);
  ~EnsembleTrainer();
  EnsembleTrainer(EnsembleTrainer&&) noexcept;
  EnsembleTrainer& operator=(EnsembleTrainer&&) noexcept;

  TrainingReport train(const TransitionBatch& data, MlpEnsemble& model, std::uint32_t round,
                       const EpochCallback& on_epoch = {});

  void save(StateDict& out, const std::string& prefix) const;  // Adam's moments and step count
  void load(const StateDict& in, const std::string& prefix);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mbrl::libtorch
