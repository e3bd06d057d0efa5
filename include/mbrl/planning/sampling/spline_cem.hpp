// The cross-entropy method over splines: a few numbers an action, interpolated over the horizon, in place of one
// a step. Sampling planners with knots: Howell, Gileadi, Tunyasuvunakool, Zakka, Erez, Tassa, "Predictive
// sampling: real-time behaviour synthesis with MuJoCo", arXiv:2212.00541, 2022; kept elites: Pinneri et al.,
// "Sample-efficient cross-entropy method for real-time planning", CoRL 2020.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "mbrl/math/ranking.hpp"
#include "mbrl/planning/action_sequence.hpp"
#include "mbrl/planning/planner_settings.hpp"
#include "mbrl/planning/sampling/sampling_planner.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

/// White noise around a plan averages out where an effect takes many steps of one sign (a pendulum that is
/// pumped up); a change that is linear between K knots, evenly spread over the horizon, does not, and leaves K
/// numbers an action to search. With the shifted previous plan b and W the horizon x K matrix of linear
/// interpolation, from mu = 0 and sigma = spline.std half action ranges on,
///   A^k = clip(b + W y^k),  y^k = mu + sigma z^k,  z^k ~ N(0, 1) truncated to [-2, 2],  k = 1..population
///   mu      <- alpha mu      + (1 - alpha) mean of the elites' y
///   sigma^2 <- alpha sigma^2 + (1 - alpha) variance of the elites' y
/// until max (sigma / half range)^2 <= epsilon. The knots move with the horizon, so that a plan, a sum of
/// splines of all plans before, may have any shape. The first candidate of an iteration is mu (the shifted plan
/// itself, at first), the next ones the `spline.keep` best of the last iteration, and the plan is the best of
/// all: a good plan is never lost. A candidate without a finite return is never an elite; an iteration without
/// any changes nothing. The evaluator must outlive the planner.
template <RolloutEvaluator E>
class SplineCem : public SamplingPlanner<SplineCem<E>, E, CemSettings> {
  using Base = SamplingPlanner<SplineCem<E>, E, CemSettings>;
  friend Base;

 public:
  using typename Base::Scalar;
  using typename Base::State;

  SplineCem(E& evaluator, const ActionBounds& bounds, const CemSettings& settings, std::uint64_t seed)
      : Base("cem", evaluator, bounds, checked(settings, evaluator.horizon()), seed),
        weights_(interpolation(evaluator.horizon(), settings.spline.knots)),
        half_range_((Scalar(0.5) * (box_.high() - box_.low()))
                        .head(box_.action_dim())
                        .replicate(settings.spline.knots, 1)) {}

 private:
  using Base::box_, Base::settings_, Base::noise_, Base::mean_, Base::candidates_, Base::returns_;

  bool begin(std::uint32_t) {
    base_ = mean_;
    centre_.setZero(half_range_.size());
    sigma_ = static_cast<Scalar>(settings_.spline.std) * half_range_;
    knots_.resize(half_range_.size(), settings_.population);
    kept_.resize(half_range_.size(), settings_.spline.keep);
    kept_count_ = 0;
    best_return_ = -std::numeric_limits<Scalar>::infinity();
    return false;
  }

  bool iterate(const State& state, RolloutKey key, PlanReport& report) {
    this->evaluate(state, key, settings_.population, report,
                   [&](Index first, Index count) { draw(key, first, count); });
    if (rank_candidates(returns_, this->elites_of_tried(settings_.elites), order_) == 0) return false;
    if (returns_(order_[0]) > best_return_) {
      best_return_ = returns_(order_[0]);
      mean_ = candidates_.col(order_[0]);
    }
    refit();
    return !((sigma_.array() / half_range_.array()).square().maxCoeff() >
             static_cast<Scalar>(settings_.epsilon));
  }

  static const CemSettings& checked(const CemSettings& s, int horizon) {
    require(s.elites >= 1 && s.elites <= s.population, "cem: elites is ", s.elites,
            ", expected 1 to the population, ", s.population);
    require(s.alpha >= 0 && s.alpha < 1, "cem: alpha is ", s.alpha, ", expected 0 <= alpha < 1");
    require(s.spline.knots >= 2 && s.spline.knots <= horizon, "cem: spline.knots is ", s.spline.knots,
            ", expected 2 to the horizon, ", horizon);
    require(s.spline.std > 0, "cem: spline.std is ", s.spline.std, ", expected more than 0");
    require(s.spline.keep >= 0 && s.spline.keep < s.population, "cem: spline.keep is ", s.spline.keep,
            ", expected 0 to less than the population, ", s.population);
    require(s.epsilon >= 0 && s.epsilon < s.spline.std * s.spline.std, "cem: epsilon is ", s.epsilon,
            ", expected 0 to less than spline.std squared, ", s.spline.std * s.spline.std,
            ": else there is one iteration only");
    return s;
  }

  // Knots 0 and K - 1 lie at the first and the last step.
  static Batch<Scalar> interpolation(int horizon, int knots) {
    Batch<Scalar> weights = Batch<Scalar>::Zero(horizon, knots);
    for (Index t = 0; t < horizon; ++t) {
      const Scalar at = static_cast<Scalar>(t * (knots - 1)) / static_cast<Scalar>(horizon - 1);
      const Index k = std::min<Index>(static_cast<Index>(at), knots - 2);
      weights(t, k) = Scalar(1) - (at - static_cast<Scalar>(k));
      weights(t, k + 1) = at - static_cast<Scalar>(k);
    }
    return weights;
  }

  void draw(RolloutKey key, Index first, Index count) {
    noise_.truncated_normal(Scalar(2), key.plan, key.iteration, knots_.middleCols(first, count), first);
    const Index a = box_.action_dim();
    for (Index k = first; k < first + count; ++k) {
      if (k == 0)
        knots_.col(k) = centre_;
      else if (k <= kept_count_)
        knots_.col(k) = kept_.col(k - 1);
      else
        knots_.col(k) = centre_ + sigma_.cwiseProduct(knots_.col(k));
      const Eigen::Map<const Batch<Scalar>> y(knots_.col(k).data(), a, weights_.cols());
      Eigen::Map<Batch<Scalar>>(candidates_.col(k).data(), a, box_.horizon()).noalias() =
          y.lazyProduct(weights_.transpose());
      candidates_.col(k) = this->inside(base_ + candidates_.col(k));
    }
  }

  void refit() {
    const auto count = static_cast<Scalar>(order_.size());
    const auto alpha = static_cast<Scalar>(settings_.alpha);
    elite_mean_.setZero(half_range_.size());
    for (const int k : order_) elite_mean_ += knots_.col(k) / count;
    elite_variance_.setZero(half_range_.size());
    for (const int k : order_)
      elite_variance_.array() += (knots_.col(k) - elite_mean_).array().square() / count;
    centre_ = alpha * centre_ + (Scalar(1) - alpha) * elite_mean_;
    sigma_ = (alpha * sigma_.array().square() + (Scalar(1) - alpha) * elite_variance_.array()).sqrt();
    kept_count_ = std::min<Index>(settings_.spline.keep, static_cast<Index>(order_.size()));
    for (Index i = 0; i < kept_count_; ++i) kept_.col(i) = knots_.col(order_[static_cast<std::size_t>(i)]);
  }

  Batch<Scalar> weights_;       // horizon x knots
  Vec<Scalar> half_range_;      // one for each knot of each action, as all below
  Vec<Scalar> base_;            // the sequence that the plan starts from
  Vec<Scalar> centre_, sigma_;  // of the knots' distribution
  Batch<Scalar> knots_;         // of the candidates
  Batch<Scalar> kept_;          // of the best of the last iteration: the leading columns
  Index kept_count_ = 0;
  Scalar best_return_ = 0;
  Vec<Scalar> elite_mean_, elite_variance_;
  std::vector<int> order_;
};

}  // namespace mbrl
