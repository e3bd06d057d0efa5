// Critics with target networks: what soft actor-critic, TD3 and their kin have in common. A batch is cut into
// chunks that threads share out, so that numbers do not depend on how many there are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/scratch_pool.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/nn/adam.hpp"
#include "mbrl/nn/network.hpp"
#include "mbrl/task/action_bounds.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

/// What a policy climbs: the smallest critic (SAC), their mean (REDQ) or the first one (TD3).
enum class PolicyObjective : int { kMin = 0, kMean = 1, kFirst = 2 };

constexpr auto enum_names(PolicyObjective) {
  return std::array{std::pair{PolicyObjective::kMin, "min"}, std::pair{PolicyObjective::kMean, "mean"},
                    std::pair{PolicyObjective::kFirst, "first"}};
}

/// A range of a batch.
struct BatchRange {
  Index first = 0, count = 0;
};
/// In ranges of at most 128 columns: enough for the products, and a batch of 256 is two threads' work.
std::vector<BatchRange> batch_ranges(Index batch);

/// Throws mbrl::Error unless there is a column, of these dimensions, with a reward and an end, and discounts and
/// weights for all of them or none.
void check_batch(const char* where, const Transitions& batch, int obs_dim, int action_dim);

/// r + (1 - terminated) discount (value of next_obs), one a column of the range; `discount` where the batch has
/// none. `value` and `target` may be the same.
void bellman_targets(const Transitions& batch, BatchRange range, float discount, const Vecf& value,
                     Vecf& target);

/// One step of the optimiser along the sum of the parts, in their order. `sum` is scratch memory.
void sum_and_step(nn::Network& network, nn::Adam& adam, AlignedFloats& sum,
                  const std::vector<const AlignedFloats*>& parts);

/// The first `count` of `critics` become those that are drawn for this update, each subset as likely (Fisher and
/// Yates); where all are meant nothing is done.
void draw_critics(std::vector<int>& critics, int count, std::uint64_t seed, std::int64_t update);

/// A network, its target and its optimiser. With batch_norm there is no target.
struct Critic {
  nn::Network network, target;
  nn::Adam adam;
  AlignedFloats gradient;                   // scratch memory of step
  std::vector<const AlignedFloats*> parts;  // what it has learned: gradients of a batch's ranges

  Critic(int in, int out, const nn::NetworkSettings& settings, const nn::AdamSettings& optimiser,
         std::uint64_t seed, std::uint32_t index)
      : network(in, out, settings, seed, index), adam(network, optimiser) {
    if (!settings.batch_norm.on) target = network;
  }

  /// Along all parts.
  void step() { sum_and_step(network, adam, gradient, parts); }
  /// Q' <- Q' + tau (Q - Q').
  void move_target(double tau) { nn::move_towards(target, network, tau); }

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);
};

/// Of several, by their numbers.
void save_critics(const std::vector<Critic>& critics, StateDict& out, const std::string& prefix);
void load_critics(std::vector<Critic>& critics, const StateDict& in, const std::string& prefix);

/// Names the units that critic i leaves out in one pass of an update; `first`: number of the pass's first column.
namespace critic_use {
inline constexpr std::uint32_t kTarget = 0, kLearn = 1, kConserve = 2, kClimb = 3, kCount = 4;
}
nn::DropoutKey critic_dropout(std::uint64_t seed, std::uint32_t update, std::uint32_t use, std::size_t i,
                              Index first);

/// Q_i(s, a) and its target Q'_i. Actions are scaled to [-1, 1] on the way in.
class Critics {
 public:
  /// Scratch memory of one range of a batch; made by make_chunks, of which the critics keep track.
  struct Chunk {
    std::vector<AlignedFloats> gradients;  // one a critic
    Batchf input;                          // [obs; scaled action]
    std::vector<std::size_t> smallest;     // critic of each column
    double loss = 0, value = 0;            // sums over critics and columns, of the last learn
    Vecf error;                            // of each column, |Q - target|, mean over the critics
    Index first = 0;                       // column of the batch that is its first
    // Of a conservative penalty: actions, `count` columns of a range behind each other as often as `samples`
    // says, and their log-densities (scaled to [-1, 1]).
    Batchf penalty_action;
    Vecf penalty_log_density;
    double penalty = 0;  // sum over critics and columns
    std::optional<nn::Pass> penalty_pass;
    Batchf penalty_input;
    AlignedFloats penalty_gradient;
    std::vector<float> share;  // of each sample
    // Of critics without targets: one a critic, for the batch and what follows on it.
    std::vector<nn::Pass> joint_passes;
    Batchf joint_input;
  };

  /// Weights are functions of (seed, index); indices from 1 on are taken, one a critic.
  Critics(int obs_dim, const ActionBounds& bounds, int count, const nn::NetworkSettings& network,
          const nn::AdamSettings& adam, std::uint64_t seed);

  const nn::Network& network(int i) const { return critics_.at(static_cast<std::size_t>(i)).network; }
  const nn::Network& target(int i) const { return critics_.at(static_cast<std::size_t>(i)).target; }
  /// Middle, and half the width, of each action's bounds.
  const std::vector<float>& mid() const { return mid_; }
  const std::vector<float>& half() const { return half_; }

  /// For the next batches of these ranges, of which no more than `at_a_time` are worked on at a time: what follows
  /// borrows the memory of its passes from as many.
  void make_chunks(const std::vector<BatchRange>& ranges, int at_a_time);
  /// The number of the update that comes: where the network's settings have a dropout, the units that target_values,
  /// learn, conserve and climb leave out are functions of (seed, number, which of them, critic, column of the batch).
  void begin_update(std::int64_t number) { update_ = static_cast<std::uint32_t>(number); }
  Chunk& chunk(std::size_t k) { return chunks_[k]; }
  const std::vector<Chunk>& chunks() const { return chunks_; }

  /// Smallest value of the targets `which`, one a column.
  void target_values(Chunk& c, ConstBatchRef<float> obs, ConstBatchRef<float> action,
                     std::span<const int> which, Vecf& out) const;
  /// Gradients of `weight` / 2 times the squared differences of the range's columns to `target` (one a column),
  /// times the batch's own weights, for step.
  void learn(Chunk& c, const Transitions& batch, BatchRange range, const Vecf& target, float weight) const;
  /// The same without targets, in two steps, for critics with batch_norm and a chunk that is the whole batch:
  /// (s, a) and (s', `action`) go through critic i together, in the moments of both. Bhatt et al., "CrossQ: batch
  /// normalization in deep reinforcement learning for greater sample efficiency and simplicity", ICLR 2024, figure 2.
  /// First set_joint, then evaluate_joint for every i, which threads may share out, and joint_values: the smallest of
  /// the critics `which` at (s', action). Then learn_joint for every i, and critic i's running moments follow.
  void set_joint(Chunk& c, const Transitions& batch, ConstBatchRef<float> action) const;
  void evaluate_joint(Chunk& c, int i) const;
  void joint_values(const Chunk& c, std::span<const int> which, Vecf& out) const;
  void learn_joint(Chunk& c, const Transitions& batch, const Vecf& target, float weight, int i);
  /// After them: the chunk's loss, value and error.
  void sum_joint(Chunk& c, const Vecf& target) const;
  /// After learn, adds the gradients of `weight` times
  ///   log mean_k (exp Q_i(s, a_k) / p_k) - Q_i(s, a),
  /// with the chunk's penalty_action and penalty_log_density as a_k and log p_k: what actions that were not taken
  /// are worth above those that were (conservative Q-learning: Kumar et al., NeurIPS 2020, equation 4).
  void conserve(Chunk& c, const Transitions& batch, BatchRange range, float weight) const;
  /// What the objective is worth, one a column, into `q`, and into `action_gradient` `weight` times its gradient
  /// with respect to the actions, downhill; into `obs_gradient`, unless null, that with respect to the observations.
  void climb(Chunk& c, ConstBatchRef<float> obs, ConstBatchRef<float> action, PolicyObjective objective,
             float weight, Vecf& q, Batchf& action_gradient, Batchf* obs_gradient = nullptr) const;
  /// Critic i along what all chunks have learned.
  void step(int i) { critics_[static_cast<std::size_t>(i)].step(); }
  /// Q' <- Q' + tau (Q - Q').
  void move_target(int i, double tau) { critics_[static_cast<std::size_t>(i)].move_target(tau); }

  /// Smallest critic's value of each column.
  void values(ConstBatchRef<float> obs, ConstBatchRef<float> action, VecRef<float> out) const;

  void save(StateDict& out, const std::string& prefix) const { save_critics(critics_, out, prefix); }
  void load(const StateDict& in, const std::string& prefix) { load_critics(critics_, in, prefix); }

 private:
  void scaled(ConstBatchRef<float> obs, ConstBatchRef<float> action, Batchf& input) const;
  nn::DropoutKey dropout(std::uint32_t use, std::size_t i, Index first) const {
    return critic_dropout(seed_, update_, use, i, first);
  }

  std::uint64_t seed_;
  std::uint32_t update_ = 0;
  std::vector<float> mid_, half_;
  std::vector<Critic> critics_;
  std::vector<Chunk> chunks_;
  mutable ScratchPool<std::vector<nn::Pass>> passes_;  // of a chunk at work, one a critic
};

}  // namespace mbrl
