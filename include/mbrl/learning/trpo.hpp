// Trust region policy optimisation: a stochastic policy from what it has just done, by natural gradient steps within a
// bound on how far the policy moves. Schulman, Levine, Abbeel, Jordan, Moritz, "Trust region policy optimization", ICML
// 2015, section 6 and appendix C.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/learning/on_policy_batch.hpp"
#include "mbrl/learning/policy_fisher.hpp"
#include "mbrl/learning/replay_agent.hpp"
#include "mbrl/nn/adam.hpp"
#include "mbrl/nn/network.hpp"
#include "mbrl/nn/rows.hpp"
#include "mbrl/nn/tangent.hpp"
#include "mbrl/policy/categorical_policy.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

struct TrpoSettings {
  nn::NetworkSettings policy{.hidden = {64, 64}, .activation = Activation::kTanh};
  nn::NetworkSettings value{.hidden = {64, 64}, .activation = Activation::kTanh};
  double discount = 0.99;   // gamma
  double lambda = 0.95;     // of the advantages
  double max_kl = 0.01;     // delta: mean KL(old || new) of a step at most
  int cg_iterations = 10;   // of conjugate gradients
  double cg_damping = 0.1;  // added to the Fisher matrix's diagonal
  int backtracks = 10;      // steps tried, each backtrack_ratio of the last
  double backtrack_ratio = 0.8;
  nn::AdamSettings value_adam{.learning_rate = 1e-3};
  int value_epochs = 10;  // passes of the value function over what was done
  int value_minibatch = 64;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("policy", s.policy, "the policy's network");
    field("value", s.value, "the value function's network");
    field("discount", s.discount, "of rewards, per step");
    field("lambda", s.lambda, "of the advantages: 1 takes all rewards that came, 0 the next value");
    field("max_kl", s.max_kl, "mean KL divergence of the old policy from the new, at most, per update");
    field("cg_iterations", s.cg_iterations, "iterations of conjugate gradients for the step's direction");
    field("cg_damping", s.cg_damping, "added to the Fisher matrix's diagonal");
    field("backtracks", s.backtracks, "lengths of the step that are tried");
    field("backtrack_ratio", s.backtrack_ratio, "each of them over the one before");
    field("value_adam", s.value_adam, "the value function's optimiser");
    field("value_epochs", s.value_epochs, "passes of the value function over what was done");
    field("value_minibatch", s.value_minibatch, "steps of each of its updates");
  }

  /// Throws mbrl::Error unless every value makes sense.
  void validate() const;
};

/// Of one update.
struct TrpoReport {
  double gain = 0;        // of the objective, by the step that was taken
  double kl = 0;          // mean KL(old || new) after it
  double step = 0;        // share of the longest step that was taken; 0: none brought a gain within the bound
  double residual = 0;    // |F x - g| / |g| that conjugate gradients left
  double value_loss = 0;  // half the mean squared error, last epoch
  double entropy = 0;     // -log pi_old of what was done
  bool finite() const;
};

/// With rho = pi(a | s) / pi_old(a | s), the policy climbs mean rho A, A normalised, along x with F x = g: g the
/// objective's gradient, F = mean J' M J the Fisher matrix, in products with vectors alone (J forward, then backward; M
/// that of the distribution, in closed form: policy_fisher.hpp). The first of the steps ratio^j sqrt(2 delta / x'F x) x with a gain and a KL
/// within delta is taken. The value function descends mean (V(s) - target)^2 / 2. Numbers are functions of (seed, number
/// of the update, batch) and do not depend on the number of threads. P is MlpPolicy or, where an action is a choice,
/// CategoricalPolicy. The pool must outlive it.
template <class P>
class BasicTrpo {
 public:
  using Policy = P;

  /// Throws mbrl::Error for settings that make no sense and for actions that are not the policy's.
  BasicTrpo(int obs_dim, const ActionBounds& bounds, const TrpoSettings& settings, std::uint64_t seed,
            ThreadPool& pool);
  BasicTrpo(BasicTrpo&&) noexcept = default;
  /// As it is before the first update.
  static P new_policy(int obs_dim, const ActionBounds& bounds, const TrpoSettings& settings,
                      std::uint64_t seed);

  /// The objective has `entropy` times the policy's entropy in addition: -log pi_old of what was done, less its mean, beside
  /// the normalised advantage, whose gradient at the old policy is that of the entropy. Throws mbrl::Error for a batch of
  /// other dimensions or without a column. Where a number is not finite (see TrpoReport::finite) the policy is as it was.
  TrpoReport update(const OnPolicyBatch& batch, double entropy = 0);

  /// F v + damping v at the present policy, over these observations. For tests and for other optimisers.
  AlignedFloats fisher_product(ConstBatchRef<float> obs, const AlignedFloats& v);

  /// The value function's share of an update alone, which counts as one: for policies that others improve. Its loss.
  double learn_values(const OnPolicyBatch& batch);

  /// V of each column.
  void values(ConstBatchRef<float> obs, VecRef<float> out) const;

  const P& policy() const { return policy_; }
  P& policy() { return policy_; }
  std::int64_t updates() const { return updates_; }
  const TrpoSettings& settings() const { return settings_; }
  static std::vector<AgentFigure> figure_columns();
  static std::vector<double> figures(const TrpoReport& report);  // in their order
  /// What to say of a report that is not finite.
  std::string trouble(const TrpoReport& report) const;

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws mbrl::Error unless the arrays are of this shape.
  void load(const StateDict& in, const std::string& prefix);

 private:
  // Some columns of the batch.
  struct Chunk {
    Index first = 0, count = 0;
    std::optional<nn::Tangent> tangent;
    std::optional<nn::Pass> pass;
    nn::RowBatch<float> old;  // the network's outputs
    Batchf fisher, moved;     // what is known of M, and J v
    Vecf log_prob, new_log_prob, advantage, weight, kl;
    typename P::Workspace policy;
    AlignedFloats gradient;
    double gain = 0, kl_sum = 0;
  };
  void linearize(ConstBatchRef<float> obs);
  AlignedFloats product(const AlignedFloats& v);
  AlignedFloats sum_of_gradients() const;
  void compare(const OnPolicyBatch& batch, double& gain, double& kl);
  void fit_value(const OnPolicyBatch& batch, TrpoReport& report);

  TrpoSettings settings_;
  ThreadPool& pool_;
  P policy_;
  decltype(fisher_of(std::declval<const P&>())) fisher_;
  nn::Network value_;
  nn::Adam value_adam_;
  std::int64_t updates_ = 0;
  std::uint64_t seed_;
  Index size_ = 0;  // of the batch
  std::vector<Chunk> chunks_;
};

extern template class BasicTrpo<MlpPolicy>;
extern template class BasicTrpo<CategoricalPolicy>;
using Trpo = BasicTrpo<MlpPolicy>;
using DiscreteTrpo = BasicTrpo<CategoricalPolicy>;

}  // namespace mbrl
