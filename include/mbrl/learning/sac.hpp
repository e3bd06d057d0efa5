// Soft actor-critic: a stochastic policy that earns reward and entropy, learned from replayed transitions.
// Haarnoja et al., "Soft actor-critic algorithms and applications", arXiv 1812.05905, algorithm 1. With more
// critics and a subset of them in the target it is REDQ: Chen et al., "Randomized ensembled double
// Q-learning: learning fast without a model", ICLR 2021, algorithm 1; with dropout and layer normalisation in two
// critics DroQ: Hiraoka et al., "Dropout Q-functions for doubly efficient reinforcement learning", ICLR 2022; with batch
// renormalisation in place of targets CrossQ: Bhatt, Palenicek, Belousov, Argus, Amiranashvili, Brox, Peters, "CrossQ:
// batch normalization in deep reinforcement learning for greater sample efficiency and simplicity", ICLR 2024. Where
// actions are choices: discrete_sac.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/core/scratch_pool.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/learning/critics.hpp"
#include "mbrl/nn/adam.hpp"
#include "mbrl/nn/network.hpp"
#include "mbrl/policy/entropy_temperature.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/task/action_bounds.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

struct SacSettings {
  nn::NetworkSettings policy = {}, critic = {};  // 2 x 256, relu
  nn::AdamSettings adam = {};                    // of policy, critics and temperature
  double discount = 0.99;                        // gamma
  double tau = 0.005;      // share of the critics that their targets take over per update
  int critics = 2;         // N
  int target_critics = 2;  // M: drawn for each update; their smallest value is the target's
  PolicyObjective objective = PolicyObjective::kMin;
  int policy_delay = 1;            // updates of the critics per update of policy and temperature
  double temperature = 1.0;        // alpha at the beginning
  bool tune_temperature = true;    // towards the entropy below; false: alpha stays
  double entropy_per_action = -1;  // target of the entropy, per action entry scaled to [-1, 1] (nats)
  double entropy_share = 0.5;      // of choices: the target as a share of log n, which is that of chance
  nn::BatchNormSettings batch_norm = {};  // of policy and critics, which then have no targets (CrossQ)
  double conservatism = 0;  // weight of the penalty on values of actions that were not taken; 0: none (SAC)
  int penalty_actions =
      10;  // of each kind per transition: uniform, the policy's, the policy's in the next state

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("policy", s.policy, "the policy's network");
    field("critic", s.critic, "each critic's network");
    field("adam", s.adam, "the optimiser of policy, critics and temperature");
    field("discount", s.discount, "of rewards, per step");
    field("tau", s.tau, "share of the critics that their targets take over per update");
    field("critics", s.critics, "critics");
    field("target_critics", s.target_critics,
          "critics drawn for the target of each update, whose smallest value counts");
    field("objective", s.objective, "what the policy climbs: the min of the critics or their mean");
    field("policy_delay", s.policy_delay, "updates of the critics per update of policy and temperature");
    field("temperature", s.temperature, "weight of the entropy at the beginning");
    field("tune_temperature", s.tune_temperature,
          "adapt the temperature to the target entropy; false: keep it");
    field("entropy_per_action", s.entropy_per_action,
          "target entropy per action entry, actions scaled to [-1, 1] (nats)");
    field("entropy_share", s.entropy_share,
          "where an action is one of n choices: target entropy as a share of log n, the entropy of chance");
    field("batch_norm", s.batch_norm,
          "batch renormalisation of policy and critics, which then have no targets (CrossQ)");
    field("conservatism", s.conservatism,
          "weight of the penalty on values of actions that were not taken (CQL); 0: none");
    field("penalty_actions", s.penalty_actions,
          "actions of each of three kinds per transition that this penalty is averaged over");
  }

  /// Throws mbrl::Error unless every value makes sense.
  void validate() const;
};

/// Of one update, means over the batch.
struct SacReport {
  double critic_loss = 0;  // mean squared error to the target, mean over the critics
  double policy_loss = 0;  // of alpha log pi - Q; 0 where the policy waits
  double value = 0;        // Q of the transitions, mean over the critics
  double target = 0;       // y
  // -log pi of fresh actions, actions scaled to [-1, 1]; of choices the policy's own; the targets' where the policy waits
  double entropy = 0;
  double temperature = 0;  // alpha after the update
  double penalty = 0;      // what actions that were not taken are worth above those that were; 0 without it
  bool finite() const;
};

/// With critics Q_i, their targets Q'_i, policy pi and actions a' ~ pi(s'):
///   y = r + gamma (1 - terminated) (min_{i in M} Q'_i(s', a') - alpha log pi(a' | s')),
///   critics: mean (Q_i(s, a) - y)^2;   policy: mean (alpha log pi(a | s) - min_i Q_i(s, a)), a ~ pi(s);
///   temperature: mean -log alpha (log pi(a | s) + H),   targets: Q' <- Q' + tau (Q - Q').
/// With batch_norm Q' is Q, in one pass with (s, a), whose moments are those of both; in the policy's loss critics have
/// their running moments and the policy those of its batch, and everywhere else all have the running ones.
/// With conservatism c the critics' loss has c mean (log mean_k exp Q_i(s, a_k) / p_k - Q_i(s, a)) besides: data that
/// cannot be added to do not correct values of actions they do not hold (CQL(H): Kumar, Zhou, Tucker, Levine,
/// "Conservative Q-learning for offline reinforcement learning", NeurIPS 2020, equation 4 and appendix F).
/// Critics and log-probabilities are those of actions scaled to [-1, 1]. A truncated step is not a terminated
/// one. Numbers are functions of (seed, number of the update, batch) and do not depend on the number of
/// threads. Nothing is allocated once a batch of the size has been seen. The pool must outlive it.
class Sac {
 public:
  using Policy = MlpPolicy;
  /// Throws mbrl::Error for settings that make no sense and for actions that are choices.
  Sac(int obs_dim, const ActionBounds& bounds, const SacSettings& settings, std::uint64_t seed,
      ThreadPool& pool);
  Sac(Sac&&) = default;
  /// As it is before the first update.
  static MlpPolicy new_policy(int obs_dim, const ActionBounds& bounds, const SacSettings& settings,
                              std::uint64_t seed);

  /// One step of everything. Throws mbrl::Error for a batch of other dimensions or without a column. Where a
  /// number is not finite (see SacReport::finite) the networks concerned are left as they were.
  SacReport update(const Transitions& batch);

  /// Smallest critic's value of each column.
  void values(ConstBatchRef<float> obs, ConstBatchRef<float> action, VecRef<float> out) const;

  const MlpPolicy& policy() const { return policy_; }
  const nn::Network& critic(int i) const { return critics_.network(i); }
  double temperature() const { return temperature_.value(); }
  std::int64_t updates() const { return updates_; }
  /// |Q - y| of each transition of the last update, mean over the critics, before it.
  const Vecf& errors() const { return errors_; }
  const SacSettings& settings() const { return settings_; }
  /// What log-densities of actions have to be raised by to be those of actions scaled to [-1, 1].
  float log_half() const { return log_half_; }

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws mbrl::Error unless the arrays are of this shape.
  void load(const StateDict& in, const std::string& prefix);

 private:
  // What a range of the batch needs beside its critics' part.
  struct Chunk {
    BatchRange range;
    AlignedFloats policy_gradient;
    Batchf action, action_gradient;
    Vecf log_prob, log_prob_weight, target, q;
    double target_sum = 0, policy_loss = 0, log_prob_sum = 0;
  };

  void make_chunks(Index batch);
  void sample(Chunk& c, MlpPolicy::Workspace& w, ConstBatchRef<float> obs, std::uint32_t step);
  void draw(Chunk& c, MlpPolicy::Workspace& w, ConstBatchRef<float> obs, const RandomStream& random,
            std::uint32_t number);
  std::span<const int> drawn() const {
    return std::span(drawn_).first(static_cast<std::size_t>(settings_.target_critics));
  }
  void find_target(Chunk& c, const Transitions& batch);
  void learn_critics(std::size_t k, const Transitions& batch);
  void learn_jointly(const Transitions& batch);
  void conserve(std::size_t k, const Transitions& batch);
  void climb(std::size_t k, const Transitions& batch);

  SacSettings settings_;
  ThreadPool& pool_;
  MlpPolicy policy_;
  nn::Adam policy_adam_;
  AlignedFloats policy_gradient_;
  std::vector<const AlignedFloats*> policy_parts_;
  Critics critics_;
  EntropyTemperature temperature_;
  std::int64_t updates_ = 0;
  std::uint64_t seed_;
  float log_half_ = 0;  // sum of log(half): densities of scaled actions
  std::vector<Chunk> chunks_;
  ScratchPool<MlpPolicy::Workspace> workspaces_;  // of chunks at work
  std::vector<std::uint32_t> ids_;
  std::vector<int> drawn_;  // the target's critics
  Index batch_ = 0;
  Vecf errors_;  // of the last batch
};

}  // namespace mbrl
