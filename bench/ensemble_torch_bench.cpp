// The LibTorch baseline of the ensemble benchmarks; nothing without LibTorch.
#if MBRL_HAS_TORCH
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "ensemble_baseline.hpp"
#include "torch_threads.hpp"

namespace mbrl::bench {
namespace {

using torch::Tensor;

struct Member {
  std::vector<Tensor> weight, bias;  // weight [out, in]
  Tensor mean, std, high, low;
};

Tensor copy(const std::vector<float>& v, std::vector<std::int64_t> shape) {
  return torch::from_blob(const_cast<float*>(v.data()), shape, torch::kFloat32).clone();
}

std::vector<Member> convert(const MlpEnsemble& model) {
  std::vector<Member> members;
  for (const auto& layers : model.members) {
    Member m;
    for (const DenseLayer& layer : layers) {
      m.weight.push_back(copy(layer.weight, {layer.in, layer.out}).t().contiguous());
      m.bias.push_back(copy(layer.bias, {layer.out}));
    }
    m.mean = copy(model.input_mean, {model.input_dim()});
    m.std = copy(model.input_std, {model.input_dim()});
    m.high = copy(model.max_logvar, {model.target_dim()});
    m.low = copy(model.min_logvar, {model.target_dim()});
    members.push_back(std::move(m));
  }
  return members;
}

Tensor forward(const Member& m, Tensor x) {
  for (std::size_t l = 0; l < m.weight.size(); ++l) {
    x = torch::linear(x, m.weight[l], m.bias[l]);
    if (l + 1 < m.weight.size()) torch::silu_(x);
  }
  return x;
}

// Rows a second of run(block), over about `seconds`.
template <class F>
double rate(int block, TorchThreads threads, double seconds, F& run) {
  using Clock = std::chrono::steady_clock;
  const torch::NoGradGuard no_grad;
  const ScopedTorchThreads scope(threads);
  run(block);  // threads wake up
  int runs = 0;
  double elapsed = 0.0;
  const auto start = Clock::now();
  do {
    run(block);
    ++runs;
    elapsed = std::chrono::duration<double>(Clock::now() - start).count();
  } while (elapsed < seconds);
  return runs * static_cast<double>(block) / elapsed;
}

// Finds the fastest block size and use of the threads; what is returned measures with these.
template <class F>
RateMeasurement at_best_block(int threads, F run) {
  int best_block = 0;
  TorchThreads best_threads;
  double best = 0.0;
  for (const TorchThreads way : ways_to_use(threads))
    for (const int block : {128, 256, 512, 1024, 2048})
      for (int repeat = 0; repeat < 3; ++repeat) {
        const double r = rate(block, way, 0.05, run);
        if (r > best) best = r, best_block = block, best_threads = way;
      }
  return [=](double seconds) mutable { return rate(best_block, best_threads, seconds, run); };
}

}  // namespace

std::string torch_description() {
  return std::string("LibTorch ") + TORCH_VERSION + (at::hasMKL() ? " with MKL" : " without MKL");
}

RateMeasurement torch_forward(const MlpEnsemble& model, int threads) {
  return at_best_block(threads, [members = convert(model), inputs = model.input_dim(),
                                 next = std::size_t{0}](int block) mutable {
    forward(members[next++ % members.size()], torch::ones({block, inputs}));
  });
}

RateMeasurement torch_rollout(const MlpEnsemble& model, int threads) {
  constexpr int kSteps = 3;  // all steps cost the same
  const RateMeasurement plans =
      at_best_block(threads, [members = convert(model), dims = model.obs_dim(), actions = model.action_dim,
                              next = std::size_t{0}](int block) mutable {
        const Member& m = members[next++ % members.size()];
        const Tensor plan = torch::rand({block, kSteps, actions}) * 2 - 1;
        Tensor obs = torch::zeros({block, dims});
        Tensor total = torch::zeros({block});
        for (int t = 0; t < kSteps; ++t) {
          const Tensor action = plan.select(1, t);
          const Tensor y = forward(m, (torch::cat({obs, action}, 1) - m.mean) / m.std);
          Tensor logvar = m.high - torch::softplus(m.high - y.narrow(1, dims, dims));
          logvar = m.low + torch::softplus(logvar - m.low);
          obs = obs + y.narrow(1, 0, dims) + torch::exp(logvar * 0.5) * torch::randn({block, dims});
          total += obs.select(1, 0) - 0.1 * action.square().sum(1);
        }
      });
  return [plans](double seconds) { return kSteps * plans(seconds); };
}

}  // namespace mbrl::bench
#endif
