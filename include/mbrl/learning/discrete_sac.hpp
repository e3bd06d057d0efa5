// Soft actor-critic where an action is one of n choices: expectations over the choices replace samples.
// Christodoulou, "Soft actor-critic for discrete action settings", arXiv 1910.07207, equations 4 to 12.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/learning/critics.hpp"
#include "mbrl/learning/sac.hpp"
#include "mbrl/nn/adam.hpp"
#include "mbrl/nn/distributions.hpp"
#include "mbrl/nn/network.hpp"
#include "mbrl/nn/rows.hpp"
#include "mbrl/policy/categorical_policy.hpp"
#include "mbrl/policy/entropy_temperature.hpp"
#include "mbrl/task/action_bounds.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

/// With critics Q_i and their targets Q'_i, which map an observation to a value for each choice, and policy pi:
///   y = r + gamma (1 - terminated) sum_a pi(a | s') (min_{i in M} Q'_i(s', a) - alpha log pi(a | s')),
///   critics: mean (Q_i(s, a) - y)^2;   policy: mean sum_a pi(a | s) (alpha log pi(a | s) - min_i Q_i(s, a));
///   temperature: mean -log alpha sum_a pi(a | s) (log pi(a | s) + H), H = entropy_share log n;
///   targets: Q' <- Q' + tau (Q - Q').
/// A truncated step is not a terminated one. Numbers are functions of (seed, number of the update, batch) and do
/// not depend on the number of threads. Nothing is allocated once a batch of the size has been seen. The pool must
/// outlive it.
class DiscreteSac {
 public:
  using Policy = CategoricalPolicy;

  /// Throws mbrl::Error for settings that make no sense, conservatism among them, and for actions that are not one
  /// choice.
  DiscreteSac(int obs_dim, const ActionBounds& bounds, const SacSettings& settings, std::uint64_t seed,
              ThreadPool& pool);
  DiscreteSac(DiscreteSac&&) = default;
  /// As it is before the first update.
  static CategoricalPolicy new_policy(int obs_dim, const ActionBounds& bounds, const SacSettings& settings,
                                      std::uint64_t seed);

  /// One step of everything. Throws mbrl::Error for a batch of other dimensions, without a column or with an action
  /// that is no choice. Where a number is not finite (see SacReport::finite) the networks concerned are left as they
  /// were.
  SacReport update(const Transitions& batch);

  /// Smallest critic's value of each column's choice.
  void values(ConstBatchRef<float> obs, ConstBatchRef<float> action, VecRef<float> out) const;

  const CategoricalPolicy& policy() const { return policy_; }
  const nn::Network& critic(int i) const { return critics_.at(static_cast<std::size_t>(i)).network; }
  double temperature() const { return temperature_.value(); }
  std::int64_t updates() const { return updates_; }
  /// |Q - y| of each transition of the last update, mean over the critics, before it.
  const Vecf& errors() const { return errors_; }
  const SacSettings& settings() const { return settings_; }

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws mbrl::Error unless the arrays are of this shape.
  void load(const StateDict& in, const std::string& prefix);

 private:
  // Scratch memory of a range of the batch.
  struct Chunk {
    BatchRange range;
    nn::Pass policy;
    std::vector<nn::Pass> critics{};
    AlignedFloats policy_gradient{};
    std::vector<AlignedFloats> gradients{};   // of the critics
    nn::RowBatch<float> log_pi{}, pi{}, q{};  // choices x columns
    Vecf target{};
    double critic_loss = 0, value = 0, target_sum = 0, policy_loss = 0, entropy = 0;  // sums
  };

  void make_chunks(Index batch);
  nn::DropoutKey dropout(std::uint32_t use, std::size_t i, const Chunk& c) const;
  void distribution(Chunk& c, ConstBatchRef<float> obs) const;
  void learn_critics(Chunk& c, const Transitions& batch);
  void fit_critic(Chunk& c, std::size_t i, const Transitions& batch);
  void climb(Chunk& c, const Transitions& batch) const;
  void critics_of_objective(Chunk& c, ConstBatchRef<float> obs) const;

  SacSettings settings_;
  ThreadPool& pool_;
  CategoricalPolicy policy_;
  nn::Categorical<float> head_;
  nn::Adam policy_adam_;
  AlignedFloats policy_gradient_;
  std::vector<const AlignedFloats*> policy_parts_;
  std::vector<Critic> critics_;
  EntropyTemperature temperature_;
  std::int64_t updates_ = 0;
  std::uint64_t seed_;
  std::vector<Chunk> chunks_;
  std::vector<int> drawn_;  // the target's critics
  std::vector<int> taken_;  // the batch's choices
  Vecf errors_;             // of the last batch
};

}  // namespace mbrl
