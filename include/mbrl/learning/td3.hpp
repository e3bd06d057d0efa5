// TD3: a deterministic policy that climbs a critic, learned from replayed transitions. Fujimoto, van Hoof, Meger,
// "Addressing function approximation error in actor-critic methods", ICML 2018, algorithm 1. With one critic, no
// delay and no noise on the target's action it is DDPG: Lillicrap et al., "Continuous control with deep
// reinforcement learning", ICLR 2016, algorithm 1.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/scratch_pool.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/learning/critics.hpp"
#include "mbrl/nn/adam.hpp"
#include "mbrl/nn/network.hpp"
#include "mbrl/policy/mlp_policy.hpp"
#include "mbrl/task/action_bounds.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

struct Td3Settings {
  nn::NetworkSettings policy = {}, critic = {};         // 2 x 256, relu
  nn::AdamSettings policy_adam = {}, critic_adam = {};  // optimisers
  double discount = 0.99;                               // gamma
  double tau = 0.005;                                   // share that the targets take over per move
  int critics = 2;                                      // the smallest target counts
  int policy_delay = 2;            // updates of the critics per update of policy and targets
  double target_noise = 0.2;       // standard deviation, actions scaled to [-1, 1]
  double target_noise_clip = 0.5;  // bound of that noise
  PolicyObjective objective = PolicyObjective::kFirst;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("policy", s.policy, "the policy's network");
    field("critic", s.critic, "each critic's network");
    field("policy_adam", s.policy_adam, "the optimiser of the policy");
    field("critic_adam", s.critic_adam, "the optimiser of the critics");
    field("discount", s.discount, "of rewards, per step");
    field("tau", s.tau, "share of the networks that their targets take over per move");
    field("critics", s.critics, "critics; the smallest of their targets counts");
    field("policy_delay", s.policy_delay, "updates of the critics per update of policy and targets");
    field("target_noise", s.target_noise,
          "standard deviation of the noise on the target's action, actions scaled to [-1, 1]; 0: none");
    field("target_noise_clip", s.target_noise_clip, "bound of that noise");
    field("objective", s.objective, "what the policy climbs: the first critic, the min or the mean of all");
  }

  /// Throws mbrl::Error unless every value makes sense.
  void validate() const;
};

/// The settings that make it DDPG.
Td3Settings ddpg_settings();

/// Of one update, means over the batch.
struct Td3Report {
  double critic_loss = 0;  // mean squared error to the target, mean over the critics
  double value = 0;        // Q of the transitions, mean over the critics
  double target = 0;       // y
  double policy_loss = 0;  // -Q of the policy's actions; of the last update of the policy
  bool policy_moved = false;
  bool finite() const;
};

/// With critics Q_i, policy mu and their targets Q'_i, mu':
///   a' = clip(mu'(s') + clip(N(0, sigma), -c, c), bounds),   y = r + gamma (1 - terminated) min_i Q'_i(s', a'),
///   critics: mean (Q_i(s, a) - y)^2;   every policy_delay updates the policy: mean -Q_1(s, mu(s)), and the targets.
/// A truncated step is not a terminated one. Numbers are functions of (seed, number of the update, batch) and do
/// not depend on the number of threads. Nothing is allocated once a batch of the size has been seen. The pool must
/// outlive it.
class Td3 {
 public:
  /// Throws mbrl::Error for settings that make no sense and for actions that are choices.
  Td3(int obs_dim, const ActionBounds& bounds, const Td3Settings& settings, std::uint64_t seed,
      ThreadPool& pool);
  Td3(Td3&&) = default;
  /// As it is before the first update.
  static MlpPolicy new_policy(int obs_dim, const ActionBounds& bounds, const Td3Settings& settings,
                              std::uint64_t seed);

  /// Throws mbrl::Error for a batch of other dimensions or without a column. Where a number is not finite (see
  /// Td3Report::finite) the networks concerned are left as they were.
  Td3Report update(const Transitions& batch) { return update(batch, batch.obs.cols()); }
  /// The same with a policy that climbs at the first `climbed` columns alone, where the critics learn from all.
  /// Throws mbrl::Error unless there are that many, and at least one.
  Td3Report update(const Transitions& batch, Index climbed) { return update(batch, climbed, nullptr); }
  /// The same with the critics' targets given, one a column: y = target. Throws mbrl::Error for another number.
  Td3Report update(const Transitions& batch, const Vecf& target) {
    return update(batch, batch.obs.cols(), &target);
  }

  /// Smallest critic's value of each column.
  void values(ConstBatchRef<float> obs, ConstBatchRef<float> action, VecRef<float> out) const {
    critics_.values(obs, action, out);
  }

  const MlpPolicy& policy() const { return policy_; }
  const MlpPolicy& policy_target() const { return policy_target_; }
  const nn::Network& critic(int i) const { return critics_.network(i); }
  const nn::Network& critic_target(int i) const { return critics_.target(i); }
  std::int64_t updates() const { return updates_; }
  /// |Q - y| of each transition of the last update, mean over the critics, before it.
  const Vecf& errors() const { return errors_; }
  const Td3Settings& settings() const { return settings_; }

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws mbrl::Error unless the arrays are of this shape.
  void load(const StateDict& in, const std::string& prefix);

 private:
  struct Chunk {
    BatchRange range;
    AlignedFloats policy_gradient;
    Batchf action, action_gradient;
    Vecf target, q;
    double target_sum = 0, policy_loss = 0;
  };

  Td3Report update(const Transitions& batch, Index climbed, const Vecf* target);
  void make_chunks(Index batch, Index climbed);
  void find_target(std::size_t k, const Transitions& batch);
  void learn_critics(std::size_t k, const Transitions& batch, const Vecf* target);
  void climb(std::size_t k, const Transitions& batch);

  Td3Settings settings_;
  ThreadPool& pool_;
  MlpPolicy policy_, policy_target_;
  nn::Adam policy_adam_;
  AlignedFloats policy_gradient_;
  std::vector<const AlignedFloats*> policy_parts_;
  Critics critics_;
  std::vector<int> all_;  // critics
  std::int64_t updates_ = 0;
  std::uint64_t seed_;
  std::vector<float> low_, high_;
  std::vector<Chunk> chunks_;
  ScratchPool<MlpPolicy::Workspace> workspaces_;  // of chunks at work
  Index batch_ = 0, climbed_ = 0;
  int climbing_ = 0;  // of the chunks, the first
  Vecf errors_;       // of the last batch
  double policy_loss_ = 0;
};

}  // namespace mbrl
