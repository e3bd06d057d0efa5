// The LibTorch baseline of the ensemble benchmarks; nothing without LibTorch.
#if MBRL_HAS_TORCH
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "ensemble_baseline.hpp"

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

// Rows a second of run(block) at the fastest block size, each size tried for a share of `seconds`.
template <class F>
double best_rate(int threads, double seconds, F&& run) {
  using Clock = std::chrono::steady_clock;
  const torch::NoGradGuard no_grad;
  const int before = torch::get_num_threads();
  torch::set_num_threads(threads);
  const std::vector<int> blocks = {128, 256, 512, 1024, 2048};
  double best = 0.0;
  for (const int block : blocks) {
    const auto begin = Clock::now();
    run(block);  // warms up
    do {
      const auto start = Clock::now();
      run(block);
      const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
      best = std::max(best, block / elapsed);
    } while (std::chrono::duration<double>(Clock::now() - begin).count() <
             seconds / static_cast<double>(blocks.size()));
  }
  torch::set_num_threads(before);
  return best;
}

}  // namespace

std::string torch_description() {
  return std::string("LibTorch ") + TORCH_VERSION + (at::hasMKL() ? " with MKL" : " without MKL");
}

double torch_forward_rate(const MlpEnsemble& model, int threads, double seconds) {
  const std::vector<Member> members = convert(model);
  std::size_t next = 0;
  return best_rate(threads, seconds, [&](int block) {
    const Tensor x = torch::zeros({block, model.input_dim()});
    forward(members[next++ % members.size()], x);
  });
}

double torch_rollout_rate(const MlpEnsemble& model, int threads, double seconds) {
  constexpr int kSteps = 3;  // all steps cost the same
  const std::vector<Member> members = convert(model);
  const int dims = model.obs_dim();
  std::size_t next = 0;
  return kSteps * best_rate(threads, seconds, [&](int block) {
           const Member& m = members[next++ % members.size()];
           const Tensor plan = torch::zeros({block, kSteps, model.action_dim});
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
}

}  // namespace mbrl::bench
#endif
