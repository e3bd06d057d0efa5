// The ensemble's forward pass on the CPU: weights packed once, blocks of samples that stay in cache through
// all layers, SIMD chosen at run time (AVX-512, AVX2, or portable) by Google Highway.
#pragma once

#include <memory>

#include "mbrl/core/thread_pool.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"

namespace mbrl {

/// A trained ensemble laid out for the kernels. Const after construction and safe to share between threads.
class PackedEnsemble {
 public:
  explicit PackedEnsemble(const MlpEnsemble& model);
  ~PackedEnsemble();
  PackedEnsemble(PackedEnsemble&&) noexcept;
  PackedEnsemble& operator=(PackedEnsemble&&) noexcept;

  const MlpEnsemble& model() const;  // in the targets' own units: see MlpEnsemble::in_target_units

  /// One member's prediction with the meaning of mbrl::predict_member: obs obs_dim x batch, action action_dim
  /// x batch; mean and bounded logvar target_dim x batch (logvar untouched if not Gaussian). Batches are split
  /// over the pool.
  void predict(int member, ConstBatchRef<float> obs, ConstBatchRef<float> action, BatchRef<float> mean,
               BatchRef<float> logvar, ThreadPool& pool) const;

  /// The bare network on prepared inputs (input_dim x batch, standardised): raw outputs in the targets' own
  /// units, output_dim x batch.
  void forward(int member, ConstBatchRef<float> input, BatchRef<float> output, ThreadPool& pool) const;

  struct Impl;  // kernel-side layout, known to src/ only
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// Multiply-adds of one row through one member, twice: the flops the benchmarks count.
double flops_per_row(const MlpEnsemble& model);

}  // namespace mbrl
