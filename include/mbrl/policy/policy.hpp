// What the library asks of a policy: actions for a batch of observations. Refinements add probabilities and
// gradients.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <span>

#include "mbrl/core/aligned_floats.hpp"
#include "mbrl/core/types.hpp"

namespace mbrl {

/// Names the random numbers of one call: those of column j are functions of (key, ids[j], step, entry) alone,
/// so that any split of a batch gives the same actions.
struct PolicyKey {
  std::array<std::uint32_t, 2> key{};
  std::uint32_t step = 0;
  std::span<const std::uint32_t> ids{};  // one a column; empty: 0, 1, ...

  std::uint32_t id(Index column) const {
    return ids.empty() ? static_cast<std::uint32_t>(column) : ids[static_cast<std::size_t>(column)];
  }
};

// clang-format off
/// act(obs, memory, key, action, workspace): obs obs_dim x batch, action action_dim x batch. `memory` (memory_dim x batch)
/// is read and overwritten; 0 at the beginning of an episode; a feed-forward policy has memory_dim 0. The policy is const
/// and scratch memory belongs to the caller, so one policy serves any number of threads without allocating. A column's
/// action must not depend on the columns beside it.
template <class P>
concept Policy = requires(const P& policy, ConstBatchRef<typename P::Scalar> obs, BatchRef<typename P::Scalar> memory,
                          const PolicyKey& key, BatchRef<typename P::Scalar> action, typename P::Workspace& workspace) {
  typename P::Scalar;                                        // float or double
  typename P::Workspace;                                     // default-constructible scratch memory; may be empty
  requires std::default_initializable<typename P::Workspace>;
  { policy.obs_dim() } -> std::convertible_to<int>;
  { policy.action_dim() } -> std::convertible_to<int>;
  { policy.memory_dim() } -> std::convertible_to<int>;
  policy.act(obs, memory, key, action, workspace);
};

/// mode: the action without noise. log_probability: the log-density of given actions, one a column; memory as before the
/// action, not changed.
template <class P>
concept StochasticPolicy = Policy<P> &&
    requires(const P& policy, ConstBatchRef<typename P::Scalar> obs, BatchRef<typename P::Scalar> memory,
             ConstBatchRef<typename P::Scalar> given, BatchRef<typename P::Scalar> action, VecRef<typename P::Scalar> out,
             typename P::Workspace& workspace) {
  policy.mode(obs, memory, action, workspace);
  policy.log_probability(obs, memory, given, out, workspace);
};

/// backward(weight, gradient, obs_gradient, workspace), after act with the same workspace: of a loss whose gradient with
/// respect to the actions is `weight` (action_dim x batch), the gradient with respect to the parameters (a block like
/// parameters(); null: not wanted) and to the observations (obs_dim x batch; no columns: not wanted). Noise is held.
template <class P>
concept DifferentiablePolicy = Policy<P> &&
    requires(const P& policy, P& mutable_policy, ConstBatchRef<typename P::Scalar> weight, AlignedFloats* gradient,
             BatchRef<typename P::Scalar> obs_gradient, typename P::Workspace& workspace) {
  { policy.parameters() } -> std::convertible_to<const AlignedFloats&>;
  { mutable_policy.parameters() } -> std::convertible_to<AlignedFloats&>;
  policy.backward(weight, gradient, obs_gradient, workspace);
};
// clang-format on

/// Scratch memory of a policy that needs none.
struct NoPolicyWorkspace {};

}  // namespace mbrl
