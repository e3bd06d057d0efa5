// Trains an MlpEnsemble on the CPU with our own kernels: no LibTorch, the same numbers for any number of
// threads.
#pragma once

#include <memory>

#include "mbrl/core/thread_pool.hpp"
#include "mbrl/models/neural/ensemble_training.hpp"

namespace mbrl {

/// Adam (Kingma and Ba 2015; beta 0.9, 0.999, eps 1e-8) on the Gaussian negative log-likelihood of Chua et
/// al. (2018),
///   mean over batch and dimensions of (mu - y)^2 exp(-lv) + lv, summed over members, + decay + bound penalty,
/// or on the mean squared error of a deterministic ensemble. Gradients are written out by hand and checked
/// against finite differences and LibTorch.
class NativeTrainer {
 public:
  NativeTrainer(const EnsembleTrainingSettings& settings, ThreadPool& pool, std::uint64_t seed);
  ~NativeTrainer();
  NativeTrainer(NativeTrainer&&) noexcept;
  NativeTrainer& operator=(NativeTrainer&&) noexcept;

  TrainingReport train(const TransitionBatch& data, MlpEnsemble& model, std::uint32_t round,
                       const EpochCallback& on_epoch = {});

  void save(StateDict& out, const std::string& prefix) const;  // Adam's moments and step count
  void load(const StateDict& in, const std::string& prefix);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mbrl
