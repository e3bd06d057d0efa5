// How good is a learned model on data it has not seen: likelihood, error, calibration, and how errors
// compound.
#pragma once

#include <vector>

#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/models/neural/packed_ensemble.hpp"

namespace mbrl {

// The ensemble's predictive distribution is the equal mixture of its elites' Gaussians (Chua et al. 2018,
// section 4).
struct PredictionReport {
  double nll = 0;   // -log p(next_obs | obs, action) a dimension, mean over samples; joint over dimensions
  double rmse = 0;  // of the mixture's mean, each dimension in units of `scale`
  double calibration_50 =
      0;  // share of outcomes inside the central 50, 90 and 95 % intervals of the marginals
  double calibration_90 = 0;
  double calibration_95 = 0;
  double calibration_error =
      0;  // mean over levels 0.05, 0.10, ..., 0.95 of |share below that quantile - level|
};

// obs, next_obs: obs_dim x n; action: action_dim x n; scale: obs_dim, at least 0. Entries of scale 0 (they do
// not vary, so no unit measures their error) and constants of an episode are left out. A deterministic
// ensemble has an rmse only, the rest is NaN. Throws for n = 0, for wrong dimensions and where nothing is
// left.
PredictionReport evaluate_predictions(const PackedEnsemble& model, ConstBatchRef<float> obs,
                                      ConstBatchRef<float> action, ConstBatchRef<float> next_obs,
                                      ConstVecRef<float> scale, ThreadPool& pool);

// Error of the elites' mean prediction fed back into itself with the recorded actions: entry k - 1 is the
// root mean square error k steps ahead over all windows and dimensions, each dimension in units of `scale`
// (entries left out as above). `first` is obs_dim x n, actions[k] and truth[k] hold the action of step k and
// the observation after it. A prediction that stops being finite makes the error of that step and all later
// ones infinite.
std::vector<double> open_loop_rmse(const PackedEnsemble& model, ConstBatchRef<float> first,
                                   const std::vector<Batchf>& actions, const std::vector<Batchf>& truth,
                                   ConstVecRef<float> scale, ThreadPool& pool);

// Total variance of the mixture in two parts, each target_dim x n: what the elites say of noise (aleatoric,
// mean of variances) and how far they disagree (epistemic, variance of means). Depeweg et al. 2018; Chua et
// al. 2018.
struct VarianceParts {
  Batchf aleatoric, epistemic;
};
VarianceParts decompose_variance(const PackedEnsemble& model, ConstBatchRef<float> obs,
                                 ConstBatchRef<float> action, ThreadPool& pool);

}  // namespace mbrl
