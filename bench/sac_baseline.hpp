// What the benchmark of soft actor-critic compares with: the same update in plain LibTorch. The source that includes
// LibTorch is sac_torch_bench.cpp alone.
#pragma once

namespace mbrl::bench {

struct SacSizes {
  int obs_dim = 0, action_dim = 0, width = 0, batch = 0;  // networks of two hidden layers
};

// Seconds of one update (two critics, their targets, policy, temperature; autograd and torch::optim::Adam) on the CPU,
// with `threads` threads used in every sensible way. The best one within `seconds` (of three at least).
double torch_sac_seconds(const SacSizes& sizes, int threads, double seconds);

}  // namespace mbrl::bench
