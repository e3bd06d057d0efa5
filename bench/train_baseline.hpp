// What the training benchmark compares with: the same network, loss and optimiser in plain LibTorch. The
// source that includes LibTorch is train_torch_bench.cpp alone.
#pragma once

#include "mbrl/models/mlp_ensemble.hpp"

namespace mbrl::bench {

// Seconds of one optimiser step of all members: batched products, the bounded Gaussian likelihood, autograd
// and torch::optim::Adam, on the CPU with LibTorch's threads set to `threads`; median of `steps` after a
// warm-up.
double torch_train_seconds(const MlpEnsemble& model, int batch, int threads, int steps);

}  // namespace mbrl::bench
