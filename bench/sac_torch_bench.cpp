// The LibTorch baseline of the benchmark of soft actor-critic; nothing without LibTorch.
#if MBRL_HAS_TORCH
#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <utility>
#include <vector>

#include "sac_baseline.hpp"
#include "torch_threads.hpp"

namespace mbrl::bench {
namespace {

using torch::Tensor;

struct Mlp {
  Mlp(int in, int width, int out)
      : layers{torch::nn::Linear(in, width), torch::nn::Linear(width, width), torch::nn::Linear(width, out)} {
  }
  Tensor operator()(Tensor x) {
    x = torch::relu(layers[0]->forward(x));
    x = torch::relu(layers[1]->forward(x));
    return layers[2]->forward(x);
  }
  std::vector<Tensor> parameters() const {
    std::vector<Tensor> all;
    for (const torch::nn::Linear& layer : layers)
      for (const Tensor& p : layer->parameters()) all.push_back(p);
    return all;
  }
  std::array<torch::nn::Linear, 3> layers;
};

// A squashed Gaussian's action in (-1, 1) and its log-density.
std::pair<Tensor, Tensor> sample(Mlp& policy, const Tensor& obs, int action_dim) {
  const Tensor out = policy(obs);
  const Tensor mean = out.narrow(1, 0, action_dim),
               log_std = out.narrow(1, action_dim, action_dim).clamp(-20, 2);
  const Tensor noise = torch::randn_like(mean), raw = mean + log_std.exp() * noise, action = raw.tanh();
  const Tensor log_prob =
      (-0.5 * noise.square() - log_std - 0.9189385332046727 - torch::log(1 - action.square() + 1e-6))
          .sum(1, true);
  return {action, log_prob};
}

double update_seconds(const SacSizes& sizes, TorchThreads threads, double seconds) {
  const ScopedTorchThreads scope(threads);
  const int in = sizes.obs_dim + sizes.action_dim;
  Mlp policy(sizes.obs_dim, sizes.width, 2 * sizes.action_dim);
  std::array<Mlp, 2> critics = {Mlp(in, sizes.width, 1), Mlp(in, sizes.width, 1)},
                     targets = {Mlp(in, sizes.width, 1), Mlp(in, sizes.width, 1)};
  std::vector<Tensor> critic_parameters, target_parameters;
  for (std::size_t i = 0; i < 2; ++i) {
    for (const Tensor& p : critics[i].parameters()) critic_parameters.push_back(p);
    for (const Tensor& p : targets[i].parameters()) target_parameters.push_back(p);
  }
  Tensor log_alpha = torch::zeros({1}).requires_grad_(true);
  torch::optim::Adam policy_adam(policy.parameters(), torch::optim::AdamOptions(3e-4)),
      critic_adam(critic_parameters, torch::optim::AdamOptions(3e-4)),
      alpha_adam(std::vector<Tensor>{log_alpha}, torch::optim::AdamOptions(3e-4));
  const Tensor obs = torch::randn({sizes.batch, sizes.obs_dim}), next_obs = torch::randn_like(obs),
               action = 0.9 * (2 * torch::rand({sizes.batch, sizes.action_dim}) - 1),
               reward = torch::randn({sizes.batch, 1}), going_on = torch::ones({sizes.batch, 1});

  double best = std::numeric_limits<double>::infinity(), spent = 0;
  for (int step = 0; step < 4 || (spent < seconds && step < 2000); ++step) {
    const auto start = std::chrono::steady_clock::now();
    const Tensor alpha = log_alpha.detach().exp();
    Tensor y;
    {
      const torch::NoGradGuard still;
      const auto [next_action, next_log_prob] = sample(policy, next_obs, sizes.action_dim);
      const Tensor next = torch::cat({next_obs, next_action}, 1);
      y = reward +
          0.99 * going_on * (torch::minimum(targets[0](next), targets[1](next)) - alpha * next_log_prob);
    }
    const Tensor taken = torch::cat({obs, action}, 1);
    const Tensor critic_loss = torch::mse_loss(critics[0](taken), y) + torch::mse_loss(critics[1](taken), y);
    critic_adam.zero_grad();
    critic_loss.backward();
    critic_adam.step();

    const auto [fresh, log_prob] = sample(policy, obs, sizes.action_dim);
    const Tensor own = torch::cat({obs, fresh}, 1);
    for (Tensor& p : critic_parameters) p.set_requires_grad(false);
    const Tensor policy_loss = (alpha * log_prob - torch::minimum(critics[0](own), critics[1](own))).mean();
    policy_adam.zero_grad();
    policy_loss.backward();
    policy_adam.step();
    for (Tensor& p : critic_parameters) p.set_requires_grad(true);

    const Tensor alpha_loss = -(log_alpha * (log_prob.detach() - sizes.action_dim)).mean();
    alpha_adam.zero_grad();
    alpha_loss.backward();
    alpha_adam.step();
    {
      const torch::NoGradGuard still;
      for (std::size_t i = 0; i < target_parameters.size(); ++i)
        target_parameters[i].lerp_(critic_parameters[i], 0.005);
    }
    const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (step > 0) best = std::min(best, elapsed);  // the first one warms up
    spent += elapsed;
  }
  return best;
}

}  // namespace

double torch_sac_seconds(const SacSizes& sizes, int threads, double seconds) {
  double best = std::numeric_limits<double>::infinity();
  const std::vector<TorchThreads> ways = ways_to_use(threads);
  for (const TorchThreads way : ways)
    best = std::min(best, update_seconds(sizes, way, seconds / static_cast<double>(ways.size())));
  return best;
}

}  // namespace mbrl::bench
#endif
