// Proximal policy optimisation: a stochastic policy from what it has just done, by steps that are kept small. Schulman,
// Wolski, Dhariwal, Radford, Klimov, "Proximal policy optimization algorithms", arXiv 1707.06347, algorithm 1.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/learning/on_policy_batch.hpp"
#include "mbrl/learning/replay_agent.hpp"
#include "mbrl/nn/adam.hpp"
#include "mbrl/nn/network.hpp"
#include "mbrl/policy/categorical_policy.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

struct PpoSettings {
  nn::NetworkSettings policy{.hidden = {64, 64}, .activation = Activation::kTanh};
  nn::NetworkSettings value{.hidden = {64, 64}, .activation = Activation::kTanh};
  nn::AdamSettings adam{.epsilon = 1e-5, .max_gradient = 0.5};  // of policy and value
  double discount = 0.99;                                       // gamma
  double lambda = 0.95;                                         // of the advantages
  int epochs = 10;                                              // passes over what was done
  int minibatch = 64;
  double clip = 0.2;      // epsilon: how far the ratio of probabilities is paid for
  double value_clip = 0;  // how far a value may move from the old one unpunished; 0: any distance
  double entropy = 0;     // weight of the policy's entropy
  double target_kl = 0;   // an epoch in which KL(old || new) exceeds 1.5 of it is the last; 0: none
  bool normalise_advantages = true;  // to mean 0 and deviation 1 in every minibatch

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("policy", s.policy, "the policy's network");
    field("value", s.value, "the value function's network");
    field("adam", s.adam, "the optimiser of both");
    field("discount", s.discount, "of rewards, per step");
    field("lambda", s.lambda, "of the advantages: 1 takes all rewards that came, 0 the next value");
    field("epochs", s.epochs, "passes over what was done");
    field("minibatch", s.minibatch, "steps of each update");
    field("clip", s.clip, "how far from 1 the ratio of new to old probabilities is paid for");
    field("value_clip", s.value_clip,
          "how far a value may move from the old one unpunished; 0: any distance");
    field("entropy", s.entropy, "weight of the policy's entropy");
    field("target_kl", s.target_kl,
          "an epoch whose KL to the old policy exceeds 1.5 of it is the last; 0: none");
    field("normalise_advantages", s.normalise_advantages, "to mean 0 and deviation 1 in every minibatch");
  }

  /// Throws mbrl::Error unless every value makes sense.
  void validate() const;
};

/// Of one update: means over the steps of the last epoch.
struct PpoReport {
  double policy_loss = 0, value_loss = 0;  // half the mean squared error
  double entropy = 0;                      // mean of -log pi of what was done
  double kl = 0;                           // of the old policy to the new: mean of ratio - 1 - log ratio
  double clipped = 0;                      // share of steps whose ratio is beyond the clip
  int epochs = 0;
  bool finite() const;
};

/// With ratio = pi(a | s) / pi_old(a | s), the policy climbs mean min(ratio A, clamp(ratio, 1 - eps, 1 + eps) A)
/// (equation 7) and the value function descends mean (V(s) - target)^2 / 2, each by its own optimiser. Numbers are
/// functions of (seed, number of the update, batch) and do not depend on the number of threads. P is MlpPolicy or, where
/// an action is a choice, CategoricalPolicy. The pool must outlive it.
template <class P>
class BasicPpo {
 public:
  using Policy = P;

  /// Throws mbrl::Error for settings that make no sense and for actions that are not the policy's.
  BasicPpo(int obs_dim, const ActionBounds& bounds, const PpoSettings& settings, std::uint64_t seed,
           ThreadPool& pool);
  BasicPpo(BasicPpo&&) noexcept = default;
  /// As it is before the first update.
  static P new_policy(int obs_dim, const ActionBounds& bounds, const PpoSettings& settings,
                      std::uint64_t seed);

  /// All epochs. Throws mbrl::Error for a batch of other dimensions or without a column. Where a number is not finite
  /// (see PpoReport::finite) the networks concerned are left as they were from there on.
  PpoReport update(const OnPolicyBatch& batch);

  /// V of each column.
  void values(ConstBatchRef<float> obs, VecRef<float> out) const;

  const P& policy() const { return policy_; }
  static std::vector<AgentFigure> figure_columns();
  static std::vector<double> figures(const PpoReport& report);  // in their order
  /// What to say of a report that is not finite.
  std::string trouble(const PpoReport& report) const;
  std::int64_t updates() const { return updates_; }
  const PpoSettings& settings() const { return settings_; }

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws mbrl::Error unless the arrays are of this shape.
  void load(const StateDict& in, const std::string& prefix);

 private:
  // Some columns of a minibatch.
  struct Chunk {
    explicit Chunk(const BasicPpo& ppo);
    Batchf obs, action, fresh;
    Vecf log_prob, weight, fresh_log_prob;
    typename P::Workspace policy;
    AlignedFloats policy_gradient, entropy_gradient, value_gradient;  // entropy's: of actions drawn anew
    nn::Pass value;
    double policy_loss = 0, value_loss = 0, log_prob_sum = 0, kl = 0, clipped = 0;
  };
  void remember(const OnPolicyBatch& batch);
  // The entropy of choices is known; that of real actions is asked of actions drawn anew.
  static constexpr bool kEntropyIsDrawn = !std::same_as<P, CategoricalPolicy>;
  void learn(Chunk& c, const OnPolicyBatch& batch, std::span<const std::uint32_t> rows, AdvantageScale normal,
             float share, std::uint32_t pass);
  void learn_policy(Chunk& c, const PolicyKey& key, float share);

  PpoSettings settings_;
  ThreadPool& pool_;
  P policy_;
  nn::Network value_;
  nn::Adam policy_adam_, value_adam_;
  AlignedFloats policy_sum_, value_sum_;
  std::int64_t updates_ = 0;
  std::uint64_t seed_;
  std::vector<Chunk> chunks_;
  std::vector<std::uint32_t> order_;
  Vecf old_log_prob_;
  std::vector<const AlignedFloats*> policy_parts_, value_parts_;
};

extern template class BasicPpo<MlpPolicy>;
extern template class BasicPpo<CategoricalPolicy>;
using Ppo = BasicPpo<MlpPolicy>;
using DiscretePpo = BasicPpo<CategoricalPolicy>;

}  // namespace mbrl
