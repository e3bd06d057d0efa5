// How the gradient of an imagined return grows with the steps it passes through: what decides over how many a policy
// can learn by it. Metz, Freeman, Schoenholz, Kachman, "Gradients are not all you need", arXiv 2111.05803, 2021.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "mbrl/rollout/differentiable_rollout.hpp"

namespace mbrl {

/// Of the mean over the starts of J = sum_{h<H} discount^h r_h.
struct HorizonGradient {
  int horizon = 0;       // H
  double expected = 0;   // J
  double of_policy = 0;  // |dJ/dtheta|
  double of_starts = 0;  // |dJ/ds_0|, root mean square over the starts, in the model's coordinates
};

/// One entry a horizon, with the same noise for all. Throws as DifferentiableRollout does.
template <DifferentiablePolicy P>
std::vector<HorizonGradient> gradient_by_horizon(const P& policy, const DifferentiableEnsemble& model,
                                                 const TerminationFunction<float>& termination,
                                                 ConstBatchRef<float> starts, std::span<const int> horizons,
                                                 double discount, ThreadPool& pool, std::uint64_t seed) {
  const Index n = starts.cols();
  std::vector<HorizonGradient> all;
  for (const int horizon : horizons) {
    DifferentiableRollout<P> rollout(model, termination, horizon, true, pool, seed);
    const DifferentiablePaths& paths = rollout.run(policy, starts, 0, false);
    PathWeights weights{.reward = Batchf(n, horizon),
                        .log_prob = Batchf::Zero(n, horizon + 1),
                        .last_obs = Batchf::Zero(starts.rows(), n),
                        .last_action = Batchf::Zero(policy.action_dim(), n)};
    HorizonGradient at{.horizon = horizon};
    double share = 1.0 / static_cast<double>(n);
    for (int h = 0; h < horizon; ++h, share *= discount) {
      weights.reward.col(h).setConstant(static_cast<float>(share));
      at.expected += share * static_cast<double>(paths.reward.col(h).sum());
    }
    AlignedFloats gradient;
    Batchf of_starts;
    rollout.backward(policy, weights, gradient, &of_starts);
    at.of_policy =
        Eigen::Map<const Vecf>(gradient.data(), static_cast<Index>(gradient.size())).cast<double>().norm();
    // Each start has the share 1 / n in the mean.
    at.of_starts = of_starts.cast<double>().norm() * std::sqrt(static_cast<double>(n));
    all.push_back(at);
  }
  return all;
}

}  // namespace mbrl
