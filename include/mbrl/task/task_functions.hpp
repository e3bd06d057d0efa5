// Rewards and terminations as batched functions of a transition: given by the task, or written by the user.
#pragma once

#include <functional>
#include <type_traits>

#include "mbrl/core/types.hpp"

namespace mbrl {

// Called as reward(obs, action, next_obs, t, out): obs, next_obs obs_dim x batch; action action_dim x batch;
// t the control step since the start of the episode (time-varying rewards); out one reward a column. Must be
// thread-safe.
template <class F, class S>
concept RewardModel = std::is_invocable_v < const F&,
        ConstBatchRef<S>, ConstBatchRef<S>, ConstBatchRef<S>,
int, VecRef < S >> ;

// Called as done(next_obs, out): writes 1 where the episode ends, else 0. Must be thread-safe.
template <class F, class S>
concept TerminationModel = std::is_invocable_v<const F&, ConstBatchRef<S>, VecRef<S>>;

// Type-erased: one call serves a whole block of particles, so the indirection costs nothing measurable.
template <class S>
using RewardFunction = std::function<void(ConstBatchRef<S> obs, ConstBatchRef<S> action,
                                          ConstBatchRef<S> next_obs, int t, VecRef<S> out)>;
template <class S>
using TerminationFunction = std::function<void(ConstBatchRef<S> next_obs, VecRef<S> done)>;

}  // namespace mbrl
