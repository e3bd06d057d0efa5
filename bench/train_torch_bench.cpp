// The LibTorch baseline of the training benchmark; nothing without LibTorch.
#if MBRL_HAS_TORCH
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <vector>

#include "torch_threads.hpp"
#include "train_baseline.hpp"

namespace mbrl::bench {
namespace {

using torch::Tensor;

Tensor softplus_bound(const Tensor& raw, const Tensor& high, const Tensor& low) {
  const Tensor capped = high - torch::softplus(high - raw);
  return low + torch::softplus(capped - low);
}

double train_seconds(const MlpEnsemble& model, int batch, TorchThreads threads, double seconds) {
  const ScopedTorchThreads scope(threads);
  const auto members = static_cast<std::int64_t>(model.members.size());
  const std::int64_t dims = model.target_dim();
  std::vector<Tensor> weights, biases, parameters;
  for (const DenseLayer& layer : model.members[0]) {
    weights.push_back((torch::randn({members, layer.in, layer.out}) * 0.05).requires_grad_(true));
    biases.push_back(torch::zeros({members, 1, layer.out}).requires_grad_(true));
    parameters.push_back(weights.back());
    parameters.push_back(biases.back());
  }
  Tensor high = torch::full({dims}, 0.5).requires_grad_(true),
         low = torch::full({dims}, -10.0).requires_grad_(true);
  parameters.push_back(high);
  parameters.push_back(low);
  torch::optim::Adam adam(parameters, torch::optim::AdamOptions(1e-3));
  const Tensor inputs = torch::randn({members, batch, model.input_dim()});
  const Tensor targets = torch::randn({members, batch, dims});
  double best = std::numeric_limits<double>::infinity(), spent = 0.0;
  for (int step = 0; step < 4 || (spent < seconds && step < 1000); ++step) {
    const auto start = std::chrono::steady_clock::now();
    Tensor x = inputs;
    for (std::size_t l = 0; l < weights.size(); ++l) {
      x = torch::baddbmm(biases[l], x, weights[l]);
      if (l + 1 < weights.size()) x = torch::silu(x);
    }
    const Tensor logvar = softplus_bound(x.narrow(2, dims, dims), high, low);
    Tensor loss =
        ((x.narrow(2, 0, dims) - targets).square() * torch::exp(-logvar) + logvar).mean({1, 2}).sum();
    loss = loss + 0.01 * (high.sum() - low.sum());
    for (const Tensor& w : weights) loss = loss + 5e-5 * 0.5 * w.square().sum();
    adam.zero_grad();
    loss.backward();
    adam.step();
    const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (step > 0) best = std::min(best, elapsed);  // the first one warms up
    spent += elapsed;
  }
  return best;
}

}  // namespace

double torch_train_seconds(const MlpEnsemble& model, int batch, int threads, double seconds) {
  double best = std::numeric_limits<double>::infinity();
  const std::vector<TorchThreads> ways = ways_to_use(threads);
  for (const TorchThreads way : ways)
    best = std::min(best, train_seconds(model, batch, way, seconds / static_cast<double>(ways.size())));
  return best;
}

}  // namespace mbrl::bench
#endif
