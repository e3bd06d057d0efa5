// Proximal policy optimisation of a policy that remembers: whole sequences, and the gradient back through all their steps.
// The objective is that of ppo.hpp; Werbos, "Backpropagation through time: what it does and how to do it", Proceedings of
// the IEEE 1990.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/learning/on_policy_batch.hpp"
#include "mbrl/learning/ppo.hpp"
#include "mbrl/nn/adam.hpp"
#include "mbrl/nn/growing_pass.hpp"
#include "mbrl/nn/gru.hpp"
#include "mbrl/nn/network.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/policy/recurrent_policy.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

/// What a policy did in n episodes from their beginnings, in at most `horizon` steps: the columns of step h are
/// [h n, (h + 1) n). What stands behind the end of an episode is not learned from, but must be finite.
struct SequenceBatch {
  int horizon = 0;
  Batchf obs;                            // obs_dim x n (horizon + 1)
  Batchf action;                         // action_dim x n horizon
  Batchf reward;                         // n x horizon
  std::vector<int> length;               // steps of each
  std::vector<std::uint8_t> terminated;  // of each: its last step ended the episode before any limit

  Index count() const { return reward.rows(); }
};

struct RecurrentPpoSettings {
  RecurrentPolicySettings policy;
  nn::NetworkSettings value{.hidden = {64}, .activation = Activation::kTanh};
  nn::AdamSettings adam{.learning_rate = 1e-3, .epsilon = 1e-5, .max_gradient = 0.5};
  double discount = 0.99;  // gamma
  double lambda = 0.95;    // of the advantages
  int epochs = 5;          // passes over what was done
  int sequences = 16;      // of each update
  double clip = 0.2;       // epsilon: how far the ratio of probabilities is paid for
  double target_kl = 0;    // an epoch in which KL(old || new) exceeds 1.5 of it is the last; 0: none

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("policy", s.policy, "the policy's memory and network");
    field("value", s.value, "the value function's network, of observation and memory");
    field("adam", s.adam, "the optimiser of both");
    field("discount", s.discount, "of rewards, per step");
    field("lambda", s.lambda, "of the advantages: 1 takes all rewards that came, 0 the next value");
    field("epochs", s.epochs, "passes over what was done");
    field("sequences", s.sequences, "episodes of each update");
    field("clip", s.clip, "how far from 1 the ratio of new to old probabilities is paid for");
    field("target_kl", s.target_kl,
          "an epoch whose KL to the old policy exceeds 1.5 of it is the last; 0: none");
  }

  /// Throws mbrl::Error unless every value makes sense.
  void validate() const;
};

/// The value function sees the observation and what the policy remembers, which it does not change. Advantages have mean
/// 0 and deviation 1 over the batch. Numbers are functions of (seed, number of the update, batch) and do not depend on the
/// number of threads, which share out groups of 16 sequences. The pool must outlive it.
class RecurrentPpo {
 public:
  /// Throws mbrl::Error for settings that make no sense and for actions that are choices.
  RecurrentPpo(int obs_dim, const ActionBounds& bounds, const RecurrentPpoSettings& settings,
               std::uint64_t seed, ThreadPool& pool);
  /// As it is before the first update.
  static RecurrentPolicy new_policy(int obs_dim, const ActionBounds& bounds,
                                    const RecurrentPpoSettings& settings, std::uint64_t seed);

  /// All epochs. Throws mbrl::Error for a batch of other dimensions or without a step. Where a number is not finite (see
  /// PpoReport::finite) the networks concerned are left as they were from there on.
  PpoReport update(const SequenceBatch& batch);
  /// What to say of a report that is not finite.
  std::string trouble(const PpoReport& report) const;

  const RecurrentPolicy& policy() const { return policy_; }
  std::int64_t updates() const { return updates_; }
  const RecurrentPpoSettings& settings() const { return settings_; }

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws mbrl::Error unless the arrays are of this shape.
  void load(const StateDict& in, const std::string& prefix);

 private:
  // Some sequences: columns of step h are [h k, (h + 1) k), k being how many there are.
  struct Group {
    std::vector<nn::GruStep> steps;
    Batchf input, state;           // of one step
    Batchf joint, joint_gradient;  // [obs; memory], of all steps
    Batchf action, memory_gradient, none;
    MlpPolicy::Workspace head;
    nn::GrowingPass value;
    Vecf log_prob, weight;
    nn::GruGradient gru_gradient;
    AlignedFloats head_gradient, value_gradient;
    double policy_loss = 0, value_loss = 0, log_prob_sum = 0, kl = 0, clipped = 0;
  };

  void check(const SequenceBatch& batch) const;
  void unroll(Group& g, const SequenceBatch& batch, std::span<const std::uint32_t> ids, int steps) const;
  void value_all(Group& g, Index columns) const;
  void remember(const SequenceBatch& batch);
  void find_advantages(const SequenceBatch& batch);
  void learn(Group& g, const SequenceBatch& batch, std::span<const std::uint32_t> ids, float share) const;
  void step(int groups);

  RecurrentPpoSettings settings_;
  ThreadPool& pool_;
  RecurrentPolicy policy_;
  nn::Network value_;
  nn::Adam input_adam_, recurrent_adam_, head_adam_, value_adam_;
  AlignedFloats sum_;
  std::int64_t updates_ = 0;
  std::uint64_t seed_;
  std::vector<Group> groups_;
  std::vector<std::uint32_t> order_;
  Batchf old_log_prob_, old_value_, advantage_;  // n x horizon, of values one more
  AdvantageScale scale_;
};

}  // namespace mbrl
