// What the ensemble benchmarks compare with: the same work in LibTorch. The source that includes LibTorch is
// ensemble_torch_bench.cpp alone.
#pragma once

#include "mbrl/models/mlp_ensemble.hpp"

namespace mbrl::bench {

// A LibTorch program for the ensemble's work on the CPU: rows are processed in blocks (the fastest of a few
// sizes) that stay in cache, without autograd, with LibTorch's threads set to `threads`. Returns seconds, the
// best of `repeats`. Forward: every member on `rows` rows of its own.
double torch_forward_seconds(const MlpEnsemble& model, int rows, int threads, int repeats);
// Whole TSinf rollouts of `rows` particles a member: encoding, networks, log-variance bounds, noise, state
// update and the reward o0' - 0.1 |a|^2, block by block over the whole horizon.
double torch_rollout_seconds(const MlpEnsemble& model, int rows, int horizon, int threads, int repeats);

}  // namespace mbrl::bench
