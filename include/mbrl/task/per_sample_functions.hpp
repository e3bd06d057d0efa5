// Rewards and terminations from functions of one sample, in place of functions of whole batches.
#pragma once

#include <utility>

#include "mbrl/task/task_functions.hpp"

namespace mbrl {

/// A RewardModel in float and in double. F is called as f(obs, action, next_obs) or f(obs, action, next_obs,
/// t) with Eigen vectors and gives a number. Thread-safe if F is.
template <class F>
class PerSampleReward {
 public:
  explicit PerSampleReward(F f) : f_(std::move(f)) {}

  void operator()(ConstBatchRef<float> obs, ConstBatchRef<float> action, ConstBatchRef<float> next_obs, int t,
                  VecRef<float> out) const {
    fill(obs, action, next_obs, t, out);
  }
  void operator()(ConstBatchRef<double> obs, ConstBatchRef<double> action, ConstBatchRef<double> next_obs,
                  int t, VecRef<double> out) const {
    fill(obs, action, next_obs, t, out);
  }

 private:
  template <class Batches, class Out>
  void fill(const Batches& obs, const Batches& action, const Batches& next_obs, int t, Out& out) const {
    using S = typename Out::Scalar;
    for (Index i = 0; i < out.size(); ++i) {
      const auto s = obs.col(i), a = action.col(i), next = next_obs.col(i);
      if constexpr (std::is_invocable_v<const F&, decltype(s)&, decltype(a)&, decltype(next)&, int>)
        out(i) = static_cast<S>(f_(s, a, next, t));
      else
        out(i) = static_cast<S>(f_(s, a, next));
    }
  }

  F f_;
};

/// A TerminationModel in float and in double. F is called as f(next_obs), f(obs, action, next_obs) or f(obs,
/// action, next_obs, t) and says whether the episode ends.
template <class F>
class PerSampleTermination {
 public:
  explicit PerSampleTermination(F f) : f_(std::move(f)) {}

  void operator()(ConstBatchRef<float> obs, ConstBatchRef<float> action, ConstBatchRef<float> next_obs, int t,
                  VecRef<float> done) const {
    fill(obs, action, next_obs, t, done);
  }
  void operator()(ConstBatchRef<double> obs, ConstBatchRef<double> action, ConstBatchRef<double> next_obs,
                  int t, VecRef<double> done) const {
    fill(obs, action, next_obs, t, done);
  }

 private:
  template <class Batches, class Out>
  void fill(const Batches& obs, const Batches& action, const Batches& next_obs, int t, Out& done) const {
    using S = typename Out::Scalar;
    for (Index i = 0; i < done.size(); ++i) {
      const auto next = next_obs.col(i);
      if constexpr (std::is_invocable_v<const F&, decltype(next)&>) {
        done(i) = f_(next) ? S(1) : S(0);
      } else {
        const auto s = obs.col(i), a = action.col(i);
        if constexpr (std::is_invocable_v<const F&, decltype(s)&, decltype(a)&, decltype(next)&, int>)
          done(i) = f_(s, a, next, t) ? S(1) : S(0);
        else
          done(i) = f_(s, a, next) ? S(1) : S(0);
      }
    }
  }

  F f_;
};

/// spec.reward = per_sample_reward([](const auto& s, const auto& a, const auto& next) { return -next(0) *
/// next(0); });
template <class F>
PerSampleReward<F> per_sample_reward(F f) {
  return PerSampleReward<F>(std::move(f));
}

/// spec.termination = per_sample_termination([](const auto& next) { return next(2) < 0.7; });
template <class F>
PerSampleTermination<F> per_sample_termination(F f) {
  return PerSampleTermination<F>(std::move(f));
}

}  // namespace mbrl
