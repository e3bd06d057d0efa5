// A trust region step on how well a policy does after it has adapted: each task moves it by one policy gradient step of
// its own, and the parameters from which all of them start are improved. Finn, Abbeel, Levine, "Model-agnostic
// meta-learning for fast adaptation of deep networks", ICML 2017, section 4.2, with second-order terms.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/learning/adaptation/policy_surrogate.hpp"
#include "mbrl/learning/on_policy_batch.hpp"
#include "mbrl/learning/trpo.hpp"
#include "mbrl/policy/mlp_policy.hpp"

namespace mbrl {

/// theta + a grad J(theta), with J of what the policy did (policy_surrogate.hpp). The one inner step of everything below.
MlpPolicy adapted(const MlpPolicy& policy, const OnPolicyBatch& before, double inner_rate, ThreadPool& pool);

/// Tasks k = 1 ... K: `before` is what pi_theta did in task k, `after` what pi_theta_k did, theta_k = theta + a grad
/// J_k(theta). With rho the ratio of densities to those of the policies that acted, A of mean 0 and deviation 1, H_k the
/// Hessian of J_k:
///   L(theta)  = mean_k mean rho(theta_k) A        gradient  mean_k (I + a H_k) g_k,  g_k that of task k at theta_k
///   KL(theta) = mean_k mean KL(old || theta_k)    metric    mean_k (I + a H_k) F_k (I + a H_k)
/// The batches and the pool must outlive it.
class MetaObjective {
 public:
  /// At this policy, which is copied. Throws mbrl::Error unless there is a task and both batches are there for each.
  MetaObjective(const MlpPolicy& policy, std::span<const OnPolicyBatch> before,
                std::span<const OnPolicyBatch> after, double inner_rate, ThreadPool& pool);

  AlignedFloats gradient() const;
  /// The metric times v.
  AlignedFloats metric_product(const AlignedFloats& v) const;
  /// L and KL of another policy, whose inner steps are made anew, less those of this one (0).
  void compare(const MlpPolicy& policy, double& gain, double& kl) const;
  /// -log density of what the adapted policies did, mean.
  double entropy() const;

 private:
  struct Task {
    const OnPolicyBatch *before, *after;
    PolicySurrogate inner, outer;  // at theta and at theta_k
  };
  AlignedFloats through_inner_step(const Task& task, const AlignedFloats& v) const;
  template <class Part>
  AlignedFloats mean(const Part& part) const;

  double rate_;
  ThreadPool* pool_;
  std::vector<Task> tasks_;
};

/// Moves the policy by TRPO's rule (`settings`: max_kl, cg_iterations, cg_damping, backtracks, backtrack_ratio) along the
/// objective's natural gradient. The report's value_loss is 0.
TrpoReport meta_step(MlpPolicy& policy, std::span<const OnPolicyBatch> before,
                     std::span<const OnPolicyBatch> after, double inner_rate, const TrpoSettings& settings,
                     ThreadPool& pool);

}  // namespace mbrl
