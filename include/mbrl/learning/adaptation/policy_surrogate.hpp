// The objective of a policy gradient step, to second order. Finn, Abbeel, Levine, "Model-agnostic meta-learning for fast
// adaptation of deep networks", ICML 2017, whose meta-gradient needs products with its Hessian.
#pragma once

#include <optional>
#include <vector>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/learning/on_policy_batch.hpp"
#include "mbrl/nn/hessian_product.hpp"
#include "mbrl/policy/mlp_policy.hpp"

namespace mbrl {

/// J(theta) = mean A log pi_theta(a | s) over a batch, at a Gaussian policy's parameters; A has mean 0 and deviation 1.
/// Blocks are laid out as the policy's parameters. Sums are those of any number of threads. Pool and batch must outlive
/// it.
class PolicySurrogate {
 public:
  /// Throws mbrl::Error for a deterministic policy, a network that HessianProduct does not take, and a batch of other
  /// dimensions or without a column.
  PolicySurrogate(const MlpPolicy& policy, const OnPolicyBatch& batch, ThreadPool& pool);

  /// Of the batch's columns.
  const Vecf& advantage() const { return advantage_; }
  const Vecf& log_prob() const { return log_prob_; }
  const Batchf& output() const { return output_; }  // of the network, 2 action_dim x n

  /// dJ / dtheta.
  const AlignedFloats& gradient() const { return gradient_; }
  /// H v, H the Hessian of J.
  AlignedFloats hessian_product(const AlignedFloats& v) const;
  /// F v, F the mean Fisher matrix of the batch's observations.
  AlignedFloats fisher_product(const AlignedFloats& v) const;

 private:
  // Some columns. With u = atanh of the action in half ranges, z = (u - m) / sigma, and w = A / n.
  struct Chunk {
    Index first = 0, count = 0;
    std::optional<nn::HessianProduct> network;
    Batchf z, inverse, slope,
        curve;      // action_dim x count: 1 / sigma, and dv / draw and d2v / draw2 of v = log sigma^2
    Batchf fisher;  // diagonal of M
    Vecf weight;
    AlignedFloats part;
  };
  void prepare(Chunk& c, const MlpPolicy& policy, const OnPolicyBatch& batch);
  Batchf change(const Chunk& c, const Batchf& moved) const;
  template <class Part>
  AlignedFloats sum(const Part& part) const;

  ThreadPool* pool_;
  Vecf advantage_, log_prob_;
  Batchf output_;
  AlignedFloats gradient_;
  std::vector<Chunk> chunks_;
};

}  // namespace mbrl
