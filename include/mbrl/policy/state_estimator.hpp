// From what was observed to what a policy or planner is given: nothing done, or the last observations
// stacked.
#pragma once

#include <concepts>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"

namespace mbrl {

// clang-format off
/// observe(last_action, obs) gives the state after obs (obs_dim) was seen, which last_action (action_dim) led to; 0 at the
/// first observation of an episode.
template <class E>
concept StateEstimator = requires(E& estimator, const E& cestimator, ConstVecRef<double> last_action, ConstVecRef<double> obs) {
  { cestimator.state_dim() } -> std::convertible_to<int>;
  estimator.reset();                                                       // a new episode
  { estimator.observe(last_action, obs) } -> std::convertible_to<Vecd>;    // state_dim numbers
};
// clang-format on

/// The observation is the state.
class IdentityEstimator {
 public:
  explicit IdentityEstimator(int obs_dim) : state_(Vecd::Zero(obs_dim)) {}
  int state_dim() const { return static_cast<int>(state_.size()); }
  void reset() {}
  const Vecd& observe(ConstVecRef<double>, ConstVecRef<double> obs) {
    require_dim("IdentityEstimator", "obs", obs.size(), state_.size());
    state_ = obs;
    return state_;
  }

 private:
  Vecd state_;
};

/// The last `count` observations, oldest first; the first of an episode fills all places, as
/// StackedObservations does.
class FrameStack {
 public:
  /// Throws mbrl::Error unless count >= 1.
  FrameStack(int obs_dim, int count) : obs_dim_(obs_dim) {
    require(count >= 1, "FrameStack: count is ", count, ", expected 1 or more");
    state_.setZero(obs_dim * count);
  }
  int state_dim() const { return static_cast<int>(state_.size()); }
  void reset() { begun_ = false; }
  const Vecd& observe(ConstVecRef<double>, ConstVecRef<double> obs) {
    require_dim("FrameStack", "obs", obs.size(), obs_dim_);
    const Index kept = state_.size() - obs_dim_;
    for (Index i = 0; i < kept; ++i) state_(i) = begun_ ? state_(i + obs_dim_) : obs(i % obs_dim_);
    state_.tail(obs_dim_) = obs;
    begun_ = true;
    return state_;
  }

 private:
  int obs_dim_;
  bool begun_ = false;
  Vecd state_;
};

}  // namespace mbrl
