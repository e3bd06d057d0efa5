// What the training benchmark compares with: the same network, loss and optimiser in plain LibTorch. The
// source that includes LibTorch is train_torch_bench.cpp alone.
#pragma once

#include "mbrl/models/neural/mlp_ensemble.hpp"

namespace mbrl::bench {

// Seconds of one optimiser step of all members: batched products, the bounded Gaussian likelihood, autograd
// and torch::optim::Adam, on the CPU with LibTorch's threads set to `threads`. The best step within `seconds`
// (of three at least): a busy machine hurts LibTorch's threads more than ours, which is not what is to be
// compared.
double torch_train_seconds(const MlpEnsemble& model, int batch, int threads, double seconds);

}  // namespace mbrl::bench
