// What planners and imagination ask of a task, as batched functions: reward, termination and terminal value,
// given by the task or written by the user.
#pragma once

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

#include "mbrl/core/types.hpp"

namespace mbrl {

/// Called as reward(obs, action, next_obs, t, out): obs, next_obs obs_dim x batch; action action_dim x batch;
/// t the control step since the start of the episode (time-varying rewards); out one reward a column. Must be
/// thread-safe.
template <class F, class S>
concept RewardModel =
    std::is_invocable_v<const F&, ConstBatchRef<S>, ConstBatchRef<S>, ConstBatchRef<S>, int, VecRef<S>>;

/// Called as done(obs, action, next_obs, t, out), arguments as a reward's: writes 1 where the episode ends,
/// else 0. Must be thread-safe.
template <class F, class S>
concept TerminationModel =
    std::is_invocable_v<const F&, ConstBatchRef<S>, ConstBatchRef<S>, ConstBatchRef<S>, int, VecRef<S>>;

/// Most tasks end by where they arrive: done(next_obs, out).
template <class F, class S>
concept NextObsTermination = std::is_invocable_v<const F&, ConstBatchRef<S>, VecRef<S>>;

/// Type-erased: one call serves a whole block of particles, so the indirection costs nothing measurable.
template <class S>
using RewardFunction = std::function<void(ConstBatchRef<S> obs, ConstBatchRef<S> action,
                                          ConstBatchRef<S> next_obs, int t, VecRef<S> out)>;

/// Any TerminationModel or NextObsTermination behind one type; empty: never terminates.
template <class S>
class TerminationFunction {
 public:
  TerminationFunction() = default;
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, TerminationFunction> &&
             (TerminationModel<std::remove_cvref_t<F>, S> || NextObsTermination<std::remove_cvref_t<F>, S>))
  TerminationFunction(F&& f) {
    using Given = std::remove_cvref_t<F>;
    if constexpr (TerminationModel<Given, S>)
      f_ = std::forward<F>(f);
    else
      f_ = [given = Given(std::forward<F>(f))](ConstBatchRef<S>, ConstBatchRef<S>, ConstBatchRef<S> next_obs,
                                               int, VecRef<S> done) { given(next_obs, done); };
  }

  explicit operator bool() const { return static_cast<bool>(f_); }
  void operator()(ConstBatchRef<S> obs, ConstBatchRef<S> action, ConstBatchRef<S> next_obs, int t,
                  VecRef<S> done) const {
    f_(obs, action, next_obs, t, done);
  }

 private:
  std::function<void(ConstBatchRef<S> obs, ConstBatchRef<S> action, ConstBatchRef<S> next_obs, int t,
                     VecRef<S> done)>
      f_;
};

/// What a last observation is worth beyond the horizon: called as value(obs, t, out) with obs obs_dim x batch,
/// t the control step it is reached at, out one value a column. Must be thread-safe.
template <class S>
using TerminalValueFunction = std::function<void(ConstBatchRef<S> obs, int t, VecRef<S> out)>;

}  // namespace mbrl
