// A policy in one environment: an Actor (policy/actor.hpp) that keeps state and memory from step to step.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <utility>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/policy/policy.hpp"
#include "mbrl/policy/state_estimator.hpp"

namespace mbrl {

/// Whether a stochastic policy draws its actions or takes the mode.
enum class ActMode : int { kSample = 0, kMode = 1 };

constexpr auto enum_names(ActMode) {
  return std::array{std::pair{ActMode::kSample, "sample"}, std::pair{ActMode::kMode, "mode"}};
}

/// Random numbers are functions of (the seed of the episode, t). Owns copies of policy and estimator.
template <Policy P, StateEstimator E = IdentityEstimator>
class PolicyActor {
 public:
  using Scalar = typename P::Scalar;

  /// Throws mbrl::Error unless the policy takes what the estimator gives, and a mode is asked of a policy
  /// that has one.
  PolicyActor(P policy, E estimator, ActMode mode = ActMode::kSample)
      : policy_(std::move(policy)), estimator_(std::move(estimator)), mode_(mode) {
    require_dim("PolicyActor", "the estimated state", estimator_.state_dim(), policy_.obs_dim());
    if constexpr (!StochasticPolicy<P>)
      require(mode == ActMode::kSample, "PolicyActor: the policy has no mode, expected ActMode::kSample");
    begin(0);
  }
  explicit PolicyActor(const P& policy, ActMode mode = ActMode::kSample)
    requires std::constructible_from<E, int>
      : PolicyActor(policy, E(policy.obs_dim()), mode) {}

  void begin(std::uint64_t seed) {
    estimator_.reset();
    memory_.setZero(policy_.memory_dim(), 1);
    action_.setZero(policy_.action_dim(), 1);
    last_action_.setZero(policy_.action_dim());
    key_ = RandomStream(seed, Stream::kPolicy).key();
  }

  /// The action (action_dim) at control step t; it does not move with later calls.
  const Vecd& act(ConstVecRef<double> obs, int t) {
    state_ = estimator_.observe(last_action_, obs).template cast<Scalar>();
    if constexpr (StochasticPolicy<P>) {
      if (mode_ == ActMode::kMode) {
        policy_.mode(state_, memory_, action_, workspace_);
        return last_action_ = action_.col(0).template cast<double>();
      }
    }
    policy_.act(state_, memory_, {key_, static_cast<std::uint32_t>(t), {}}, action_, workspace_);
    return last_action_ = action_.col(0).template cast<double>();
  }

  const P& policy() const { return policy_; }

 private:
  P policy_;
  E estimator_;
  ActMode mode_;
  std::array<std::uint32_t, 2> key_{};
  Batch<Scalar> state_, memory_, action_;
  Vecd last_action_;
  typename P::Workspace workspace_;
};

}  // namespace mbrl
