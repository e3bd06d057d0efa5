// An MLP ensemble on data it has not seen (models/diagnostics.hpp), by vector kernels, and how much of its
// uncertainty is noise.
#pragma once

#include <vector>

#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/models/diagnostics.hpp"
#include "mbrl/models/neural/packed_ensemble.hpp"

namespace mbrl {

/// As for any model. Constants of an episode are left out too, and a deterministic ensemble has an rmse only.
PredictionReport evaluate_predictions(const PackedEnsemble& model, ConstBatchRef<float> obs,
                                      ConstBatchRef<float> action, ConstBatchRef<float> next_obs,
                                      ConstVecRef<float> scale, ThreadPool& pool);

std::vector<double> open_loop_rmse(const PackedEnsemble& model, ConstBatchRef<float> first,
                                   const std::vector<Batchf>& actions, const std::vector<Batchf>& truth,
                                   ConstVecRef<float> scale, ThreadPool& pool);

/// Total variance of the mixture in two parts, each target_dim x n: what the elites say of noise (aleatoric,
/// mean of variances) and how far they disagree (epistemic, variance of means). Depeweg et al. 2018; Chua et
/// al. 2018.
struct VarianceParts {
  Batchf aleatoric, epistemic;
};
VarianceParts decompose_variance(const PackedEnsemble& model, ConstBatchRef<float> obs,
                                 ConstBatchRef<float> action, ThreadPool& pool);

}  // namespace mbrl
