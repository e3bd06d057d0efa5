// The cross-entropy method as PETS uses it.
// Chua, Calandra, McAllister, Levine, "Deep reinforcement learning in a handful of trials using probabilistic
// dynamics models", NeurIPS 2018; Botev, Kroese, Rubinstein, L'Ecuyer, "The cross-entropy method for
// optimization", 2013.
#pragma once

#include <cstdint>
#include <vector>

#include "mbrl/math/ranking.hpp"
#include "mbrl/planning/action_sequence.hpp"
#include "mbrl/planning/planner_settings.hpp"
#include "mbrl/planning/sampling/sampling_planner.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

/// With mean mu (the shifted previous plan; mid-range in a new episode) and variance sigma^2 = (high - low)^2
/// / 16, repeat while max (2 sigma / (high - low))^2 > epsilon, at most `iterations` times:
///   sigma_c^2 = min(sigma^2, ((mu - low) / 2)^2, ((high - mu) / 2)^2)
///   A^k = mu + sigma_c z^k,  z^k ~ N(0, 1) truncated to [-2, 2],  k = 1..population
///   mu      <- alpha mu      + (1 - alpha) mean of the elites
///   sigma^2 <- alpha sigma^2 + (1 - alpha) variance of the elites
/// The plan is the final mean. A candidate without a finite return is never an elite; if fewer than `elites`
/// are finite, those are the elites, and an iteration without any leaves the distribution as it was. The
/// evaluator must outlive the planner.
template <RolloutEvaluator E>
class Cem : public SamplingPlanner<Cem<E>, E, CemSettings> {
  using Base = SamplingPlanner<Cem<E>, E, CemSettings>;
  friend Base;

 public:
  using Base::set_proposals;
  using typename Base::Scalar;
  using typename Base::State;

  Cem(E& evaluator, const ActionBounds& bounds, const CemSettings& settings, std::uint64_t seed)
      : Base("cem", evaluator, bounds, settings, seed),
        half_range_((box_.high() - box_.low()) * Scalar(0.5)) {
    require(settings.elites >= 1 && settings.elites <= settings.population, "cem: elites is ",
            settings.elites, ", expected 1 to the population, ", settings.population);
    require(settings.alpha >= 0 && settings.alpha < 1, "cem: alpha is ", settings.alpha,
            ", expected 0 <= alpha < 1");
    require(
        settings.epsilon >= 0 && settings.epsilon < 0.25, "cem: epsilon is ", settings.epsilon,
        ", expected 0 to less than 0.25, the first variance in half action ranges squared: else nothing is "
        "ever tried");
  }

  /// Standard deviation of the last plan's distribution around its actions (horizon x action_dim, stacked).
  Vec<Scalar> deviation() const { return variance_.cwiseSqrt(); }

 private:
  using Base::box_, Base::settings_, Base::noise_, Base::mean_, Base::candidates_, Base::returns_;

  bool begin(std::uint32_t) {
    variance_ = half_range_.array().square() / Scalar(4);
    return false;
  }

  bool iterate(const State& state, RolloutKey key, PlanReport& report) {
    sigma_ = variance_.array()
                 .min((Scalar(0.5) * (mean_ - box_.low())).array().square())
                 .min((Scalar(0.5) * (box_.high() - mean_)).array().square())
                 .sqrt();
    this->evaluate(state, key, settings_.population, report,
                   [&](Index first, Index count) { draw(key, first, count); });
    if (rank_candidates(returns_, this->elites_of_tried(settings_.elites), order_) > 0) refit();
    return converged();
  }

  bool converged() const {
    return !((variance_.array() / half_range_.array().square()).maxCoeff() >
             static_cast<Scalar>(settings_.epsilon));
  }

  void draw(RolloutKey key, Index first, Index count) {
    noise_.truncated_normal(Scalar(2), key.plan, key.iteration, candidates_.middleCols(first, count), first);
    // Two sigma reach the nearer bound exactly; the clamp takes off what rounding adds.
    for (Index k = first; k < first + count; ++k)
      candidates_.col(k) = this->inside(mean_ + sigma_.cwiseProduct(candidates_.col(k)));
  }

  void refit() {
    const auto count = static_cast<Scalar>(order_.size());
    const auto alpha = static_cast<Scalar>(settings_.alpha);
    elite_mean_.setZero(box_.size());
    for (const int k : order_) elite_mean_ += candidates_.col(k) / count;
    elite_variance_.setZero(box_.size());
    for (const int k : order_)
      elite_variance_.array() += (candidates_.col(k) - elite_mean_).array().square() / count;
    mean_ = this->inside(alpha * mean_ + (Scalar(1) - alpha) * elite_mean_);
    variance_ = alpha * variance_ + (Scalar(1) - alpha) * elite_variance_;
  }

  Vec<Scalar> half_range_, variance_, sigma_, elite_mean_, elite_variance_;
  std::vector<int> order_;
};

}  // namespace mbrl
