// Model-predictive path integral control.
// Williams, Wagener, Goldfain, Drews, Rehg, Boots, Theodorou, "Information theoretic MPC for model-based
// reinforcement learning", ICRA 2017, algorithm 2; Williams, Drews, Goldfain, Rehg, Theodorou, "Information-
// theoretic model predictive control: theory and applications to autonomous driving", IEEE T-RO 34(6), 2018.
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <cmath>
#include <cstdint>
#include <vector>

#include "mbrl/math/return_weights.hpp"
#include "mbrl/planning/action_sequence.hpp"
#include "mbrl/planning/planner_settings.hpp"
#include "mbrl/planning/sampling/sampling_planner.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

/// With the mean sequence u (the shifted previous plan) and the middle m of the action range, an iteration is
///   v^k_t = clip(u_t + eps^k_t),  eps ~ N(0, Sigma),  k = 1..population
///   S^k = -R(s, v^k) + gamma sum_t (u_t - m)' Sigma^-1 (v^k_t - u_t)
///   w^k = exp(-(S^k - min S) / lambda) / sum,  u <- sum_k w^k v^k
/// The paper's base distribution is that of the uncontrolled system, u = 0; here it lies mid-range, which is
/// the same for symmetric bounds. Averaging clipped actions keeps u inside the bounds (the paper averages the
/// noise before clipping). gamma = lambda makes the result independent of u, by importance sampling.
/// Candidates without a finite return weigh nothing; an iteration without any usable one changes nothing. The
/// evaluator must outlive the planner.
template <RolloutEvaluator E>
class Mppi : public SamplingPlanner<Mppi<E>, E, MppiSettings> {
  using Base = SamplingPlanner<Mppi<E>, E, MppiSettings>;
  friend Base;

 public:
  using Base::set_proposals;
  using typename Base::Scalar;
  using typename Base::State;

  Mppi(E& evaluator, const ActionBounds& bounds, const MppiSettings& settings, std::uint64_t seed)
      : Base("mppi", evaluator, bounds, checked(settings), seed) {
    const int a = box_.action_dim();
    const Vecd half = 0.5 * (box_.high() - box_.low()).head(a).template cast<double>();
    Batchd covariance = (settings.noise_std * half).array().square().matrix().asDiagonal();
    if (!settings.noise_covariance.empty()) {
      require_dim("mppi", "noise_covariance (action_dim x action_dim)", settings.noise_covariance.size(),
                  a * a);
      covariance = Eigen::Map<const Batchd>(settings.noise_covariance.data(), a, a);
      require(covariance == covariance.transpose(), "mppi: noise_covariance is not symmetric");
      covariance.array() *= (half * half.transpose()).array();
    }
    const Eigen::LLT<Batchd> factor(covariance);
    require(covariance.allFinite() && factor.info() == Eigen::Success,
            "mppi: noise_covariance is not positive definite");
    noise_factor_ = Batchd(factor.matrixL()).template cast<Scalar>();
    precision_ = Batchd(covariance.inverse()).template cast<Scalar>();
  }

 private:
  using Base::box_, Base::settings_, Base::noise_, Base::mean_, Base::candidates_, Base::returns_;

  static const MppiSettings& checked(const MppiSettings& s) {
    require(s.population >= 1, "mppi: population is ", s.population, ", expected at least 1");
    require(s.temperature > 0, "mppi: temperature is ", s.temperature, ", expected more than 0");
    require(s.noise_std > 0, "mppi: noise_std is ", s.noise_std, ", expected more than 0");
    require(s.noise_decay > 0 && s.noise_decay <= 1, "mppi: noise_decay is ", s.noise_decay,
            ", expected more than 0, at most 1");
    require(s.control_cost >= 0, "mppi: control_cost is ", s.control_cost, ", expected 0 or more");
    return s;
  }

  bool begin(std::uint32_t) {
    scale_ = 1;
    return false;
  }

  bool iterate(const State& state, RolloutKey key, PlanReport& report) {
    white_.resize(box_.size(), settings_.population);
    this->evaluate(state, key, settings_.population, report,
                   [&](Index first, Index count) { draw(key, static_cast<Scalar>(scale_), first, count); });
    if (settings_.control_cost > 0) add_control_cost(static_cast<Scalar>(scale_));
    const int usable =
        reward_weights(returns_, 1 / settings_.temperature, settings_.relative_temperature, weights_);
    if (usable > 0) {
      mean_.noalias() = candidates_ * weights_;
      mean_ = this->inside(mean_);
    }
    scale_ *= settings_.noise_decay;
    return false;
  }

  void draw(RolloutKey key, Scalar scale, Index first, Index count) {
    noise_.normal(key.plan, key.iteration, white_.middleCols(first, count), first);
    for (Index k = first; k < first + count; ++k) {
      const Eigen::Map<const Batch<Scalar>> white(white_.col(k).data(), box_.action_dim(), box_.horizon());
      Eigen::Map<Batch<Scalar>> noise(candidates_.col(k).data(), box_.action_dim(), box_.horizon());
      noise = noise_factor_.lazyProduct(white);
      candidates_.col(k) = this->inside(mean_ + scale * candidates_.col(k));
    }
  }

  // returns -= gamma (u - m)' Sigma^-1 (v - u), Sigma being this iteration's.
  void add_control_cost(Scalar scale) {
    price_.resize(box_.size());
    offset_ = mean_ - box_.mid();
    for (Index first = 0; first < box_.size(); first += box_.action_dim())
      price_.segment(first, box_.action_dim()) =
          precision_.lazyProduct(offset_.segment(first, box_.action_dim()));
    price_ *= static_cast<Scalar>(settings_.control_cost) / (scale * scale);
    for (Index k = 0; k < candidates_.cols(); ++k) returns_(k) -= price_.dot(candidates_.col(k) - mean_);
  }

  double scale_ = 1;                        // of this iteration's noise
  Batch<Scalar> noise_factor_, precision_;  // L with L L' = Sigma; Sigma^-1
  Vec<Scalar> weights_, offset_, price_;
  Batch<Scalar> white_;
};

}  // namespace mbrl
