// Stochastic ensemble value expansion: targets of every horizon up to H, each as often as ensembles of models, rewards
// and critics can say it, weighed by how well they agree. Buckman, Hafner, Tucker, Brevdo, Lee, "Sample-efficient
// reinforcement learning with stochastic ensemble value expansion", NeurIPS 2018, section 3.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/models/neural/packed_ensemble.hpp"
#include "mbrl/nn/network.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/rollout/imagination.hpp"
#include "mbrl/rollout/model_rollout.hpp"
#include "mbrl/rollout/value_expansion.hpp"
#include "mbrl/task/task_functions.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

/// weight_h = 1 / (variance_h + 1e-8), scaled so that they sum to 1; the constant is the authors'. Of all
/// weighted means of independent estimates the one with these varies least.
void inverse_variance_weights(std::span<const double> variance, std::span<double> weight);

/// Targets of critics Q'_l (L of them) under a policy pi'. From where a transition (s, a, r, s_0) leads, each elite m
/// of the model (M) imagines a trajectory of its own, a_t = pi'(s_t); each reward function n (N: the elites' own
/// where the reward is learned, the given one otherwise) says what its steps earn. For h = 0 ... H
///   T_h^{mnl} = r + sum_{t=0}^{h-1} gamma^{t+1} r_t^n + gamma^{h+1} Q'_l(s_h, pi'(s_h)),
/// where nothing is earned after a termination, with mean and variance over all M N L of them, and
///   y = sum_h w_h mean_h,   w by inverse_variance_weights.
class StochasticExpansion {
 public:
  /// See Imagination. horizon 0: y is the mean of the critics' own targets, and no model is asked. The pool must
  /// outlive it. Throws mbrl::Error for a negative horizon, and where nothing gives the reward.
  StochasticExpansion(const MlpEnsemble& model, RewardFunction<float> reward,
                      TerminationFunction<float> termination, int horizon, double discount, ThreadPool& pool,
                      std::uint64_t seed);

  void set_model(const MlpEnsemble& model);  // after training

  /// Targets of each transition of the batch. Critics take an observation and actions scaled to [-1, 1], as `critics`
  /// of learning/critics.hpp do; all of one shape. `number` names the random numbers of a model with noise. The
  /// same for any number of threads. Nothing is allocated once a batch of the size has been seen, but for scratch
  /// memory of learned rewards. Throws mbrl::Error without a critic.
  void run(const Transitions& batch, const MlpPolicy& policy, std::span<const nn::Network* const> critics,
           std::uint32_t number);

  /// Of the last batch of n: y, and for each horizon mean, variance and weight ((H + 1) x n). A transition that
  /// terminated has weight 1 on horizon 0; a horizon that a trajectory did not reach with finite numbers has none.
  const Vecf& target() const { return target_; }
  const Batchd& mean() const { return mean_; }
  const Batchd& variance() const { return variance_; }
  const Batchd& weight() const { return weight_; }
  /// Mean over the batch of what the model's targets count for, 1 - w_0.
  double model_weight() const { return 1.0 - weight_.row(0).mean(); }

 private:
  struct Workspace {
    MlpPolicy::Workspace policy;
    std::unique_ptr<nn::Pass> pass;
    Batchf action, memory, input;
  };

  void imagine(const Transitions& batch, const MlpPolicy& policy, std::uint32_t number);
  void ask_rewards();
  void ask_critics(const MlpPolicy& policy, std::span<const nn::Network* const> critics);
  void weigh(const Transitions& batch, Index i);

  int horizon_;
  double discount_;
  bool learned_reward_;
  ThreadPool* pool_;
  Imagination<MlpPolicy> imagination_;
  std::optional<PackedEnsemble> rewards_;  // where they are learned
  std::vector<int> elites_;
  std::unique_ptr<WorkspacePool<Workspace>> workspaces_;

  Index batch_ = 0, members_ = 1;   // of the last run
  Batchf starts_;                   // the trajectories of member m are columns [m n, (m + 1) n)
  std::vector<std::uint32_t> ids_;  // name their members
  Trajectories paths_;
  std::vector<Batchf> earned_;  // of each reward function, n M x H
  Batchf predicted_, spread_;   // of one of them
  Batchf values_;               // L x n M (H + 1), like the trajectories' obs
  Vecf target_;
  Batchd mean_, variance_, weight_;
};

}  // namespace mbrl
