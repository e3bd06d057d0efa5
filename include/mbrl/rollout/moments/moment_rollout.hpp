// What a policy costs in expectation, by moments alone: no sample, and the exact gradient of what is computed.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/policy/moments/moment_policy.hpp"
#include "mbrl/rollout/moments/moment_dynamics.hpp"
#include "mbrl/task/saturating_cost.hpp"

namespace mbrl {

// clang-format off
/// A cost of F features, exact under a Gaussian:
///   expected(in, gradient): E c(x) under N(m, S), NaN where S is not a covariance, and unless null its gradient
///   validate(who): throws mbrl::Error for a cost that makes no sense
template <class C>
concept MomentCost = std::copy_constructible<C> &&
    requires(const C& cost, const GaussianMoments& in, GaussianMoments* gradient, const char* who) {
  { cost.dim() } -> std::convertible_to<Index>;  // F
  { cost.expected(in, gradient) } -> std::convertible_to<double>;
  cost.validate(who);
};
// clang-format on

/// J(theta) = sum_t E c(x_t), t = 1 ... horizon, with x_0 ~ `start` and every x_t matched by a Gaussian (Deisenroth and
/// Rasmussen, ICML 2011, equation 1); the cost is one of features. Holds a copy of all it is given but the pool.
template <MomentPolicy P, MomentCost C = SaturatingCost>
class MomentRollout {
 public:
  struct Workspace {
    std::vector<MomentDynamics::Tape> steps;   // horizon + 1
    std::vector<typename P::Tape> policy;      // horizon
    std::vector<GaussianMoments> by_features;  // of each step's cost
    typename P::Gradient gradient;
    std::vector<double> costs;  // E c(x_t), t = 1 ... horizon
    GaussianMoments next, by_next, by_state, by_policy;

    /// Of step t = 0 ... horizon, after `evaluate`.
    const GaussianMoments& state(int t) const { return steps.at(static_cast<std::size_t>(t)).state; }
    GaussianMoments features(int t) const {
      const MomentImage& f = steps.at(static_cast<std::size_t>(t)).features;
      return {f.mean, f.covariance};
    }
  };

  /// Throws mbrl::Error for dimensions that do not fit, and a horizon below 1.
  MomentRollout(MomentDynamics dynamics, C cost, GaussianMoments start, int horizon,
                ThreadPool* pool = nullptr)
      : dynamics_(std::move(dynamics)),
        cost_(std::move(cost)),
        start_(std::move(start)),
        horizon_(horizon),
        pool_(pool) {
    constexpr const char* kWho = "MomentRollout";
    require(horizon >= 1, kWho, ": the horizon is ", horizon, ", expected at least 1");
    cost_.validate(kWho);
    require_dim(kWho, "the cost's inputs (one a feature)", cost_.dim(), dynamics_.feature_dim());
    require_dim(kWho, "the start's mean", start_.mean.size(), dynamics_.state_dim());
    require_dim(kWho, "the start's covariance", start_.covariance.rows(), dynamics_.state_dim());
    require(start_.mean.allFinite() && start_.covariance.allFinite(), kWho,
            ": the start is not finite, expected numbers");
  }

  int horizon() const { return horizon_; }
  const GaussianMoments& start() const { return start_; }

  /// J; NaN where a covariance is none any more. `gradient` (null: not wanted) becomes dJ by the policy's parameters.
  /// Throws for a policy of other dimensions.
  double evaluate(const P& policy, Workspace& w, Vecd* gradient = nullptr) const {
    require_dim("MomentRollout", "the policy's inputs", policy.inputs(), dynamics_.feature_dim());
    require_dim("MomentRollout", "the policy's outputs", policy.outputs(), dynamics_.action_dim());
    const auto horizon = static_cast<std::size_t>(horizon_);
    w.steps.resize(horizon + 1);
    w.policy.resize(horizon);
    w.by_features.resize(horizon + 1);
    w.costs.resize(horizon);
    double total = 0.0;
    dynamics_.encode(start_, w.steps[0]);
    for (std::size_t t = 0; t < horizon; ++t) {
      MomentDynamics::Tape& step = w.steps[t];
      policy.forward({step.features.mean, step.features.covariance}, step.action, w.policy[t]);
      dynamics_.step(step, w.next, pool_);
      dynamics_.encode(w.next, w.steps[t + 1]);
      const MomentImage& features = w.steps[t + 1].features;
      w.costs[t] =
          cost_.expected({features.mean, features.covariance}, gradient ? &w.by_features[t + 1] : nullptr);
      total += w.costs[t];
      if (!std::isfinite(total)) break;
    }
    if (gradient) {
      if (std::isfinite(total))
        pull_back(policy, w, *gradient);
      else
        gradient->setConstant(policy.parameters().size(), total);
    }
    return total;
  }

 private:
  void pull_back(const P& policy, Workspace& w, Vecd& gradient) const {
    w.gradient.set_zero(policy);
    for (std::size_t t = w.steps.size(); t-- > 0;) {
      MomentDynamics::Tape& step = w.steps[t];
      const bool last = t + 1 == w.steps.size();
      if (t > 0) {
        step.feature_adjoint.mean += w.by_features[t].mean;
        step.feature_adjoint.covariance += w.by_features[t].covariance;
      }
      if (!last) {
        dynamics_.pull_back(w.by_next, step, w.by_state);
        policy.backward(step.action_adjoint, w.policy[t], w.by_policy, w.gradient);
        if (t == 0) break;
        step.feature_adjoint.mean += w.by_policy.mean;
        step.feature_adjoint.covariance += w.by_policy.covariance;
      }
      dynamics_.pull_back_features(step, w.by_next);
      if (last) continue;
      w.by_next.mean += w.by_state.mean;
      w.by_next.covariance += w.by_state.covariance;
    }
    gradient = policy.gradient(w.gradient);
  }

  MomentDynamics dynamics_;
  C cost_;
  GaussianMoments start_;
  int horizon_;
  ThreadPool* pool_;
};

}  // namespace mbrl
