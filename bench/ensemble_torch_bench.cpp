// The LibTorch baseline of the ensemble benchmarks; nothing without LibTorch.
#if MBRL_HAS_TORCH
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <limits>
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

// The fastest block size, and the best of its runs.
template <class F>
double best_seconds(int rows, int threads, int repeats, F&& run) {
  const torch::NoGradGuard no_grad;
  const int before = torch::get_num_threads();
  torch::set_num_threads(threads);
  double best = std::numeric_limits<double>::infinity();
  for (const int block : {128, 256, 512, 1024, 2048}) {
    if (block > rows && block != 128) break;
    for (int r = 0; r <= repeats; ++r) {  // the first one warms up
      const auto start = std::chrono::steady_clock::now();
      run(block);
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      if (r > 0) best = std::min(best, seconds);
    }
  }
  torch::set_num_threads(before);
  return best;
}

}  // namespace

double torch_forward_seconds(const MlpEnsemble& model, int rows, int threads, int repeats) {
  const std::vector<Member> members = convert(model);
  const Tensor x = torch::randn({rows, model.input_dim()});
  return best_seconds(rows, threads, repeats, [&](int block) {
    for (const Member& m : members)
      for (int first = 0; first < rows; first += block)
        forward(m, x.slice(0, first, std::min(rows, first + block)));
  });
}

double torch_rollout_seconds(const MlpEnsemble& model, int rows, int horizon, int threads, int repeats) {
  const std::vector<Member> members = convert(model);
  const int dims = model.obs_dim();
  const Tensor actions = torch::rand({rows, horizon, model.action_dim}) * 2 - 1;
  return best_seconds(rows, threads, repeats, [&](int block) {
    for (const Member& m : members) {
      for (int first = 0; first < rows; first += block) {
        const Tensor plan = actions.slice(0, first, std::min(rows, first + block));
        Tensor obs = torch::zeros({plan.size(0), dims});
        Tensor total = torch::zeros({plan.size(0)});
        for (int t = 0; t < horizon; ++t) {
          const Tensor action = plan.select(1, t);
          const Tensor y = forward(m, (torch::cat({obs, action}, 1) - m.mean) / m.std);
          Tensor logvar = m.high - torch::softplus(m.high - y.narrow(1, dims, dims));
          logvar = m.low + torch::softplus(logvar - m.low);
          obs = obs + y.narrow(1, 0, dims) + torch::exp(logvar * 0.5) * torch::randn({plan.size(0), dims});
          total += obs.select(1, 0) - 0.1 * action.square().sum(1);
        }
      }
    }
  });
}

}  // namespace mbrl::bench
#endif
