// The cross-entropy method for actions that are a choice of n: a distribution over choices in place of a
// normal one. De Boer, Kroese, Mannor, Rubinstein, "A tutorial on the cross-entropy method", Annals of
// Operations Research 134, 2005, section 4.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/math/ranking.hpp"
#include "mbrl/planning/action_sequence.hpp"
#include "mbrl/planning/planner_settings.hpp"
#include "mbrl/planning/sampling/sampling_planner.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

/// With the probability p_i(c) of choice c for entry i of the sequence, 1 / n at the start of every plan,
/// repeat while some p_i leaves more than epsilon to the choices that are not its likeliest, at most
/// `iterations` times:
///   A^k_i ~ p_i,  k = 1..population;  p <- alpha p + (1 - alpha) frequencies among the elites.
/// The first candidate is the best sequence known: at first the shifted previous plan. The plan is the best
/// sequence of all iterations; a candidate without a finite return is never an elite. Choices must be all
/// entries' (ActionBounds::choice_of). The evaluator must outlive the planner.
template <RolloutEvaluator E>
class CategoricalCem : public SamplingPlanner<CategoricalCem<E>, E, CemSettings, true> {
  using Base = SamplingPlanner<CategoricalCem<E>, E, CemSettings, true>;
  friend Base;

 public:
  using typename Base::Scalar;
  using typename Base::State;

  CategoricalCem(E& evaluator, const ActionBounds& bounds, const CemSettings& settings, std::uint64_t seed)
      : Base("cem", evaluator, bounds, settings, seed) {
    require(bounds.choices >= 2,
            "cem: the actions are no choices, expected ActionBounds::choice_of(2 or more)");
    require(settings.elites >= 1 && settings.elites <= settings.population, "cem: elites is ",
            settings.elites, ", expected 1 to the population, ", settings.population);
    require(settings.alpha >= 0 && settings.alpha < 1, "cem: alpha is ", settings.alpha,
            ", expected 0 <= alpha < 1");
    require(settings.epsilon >= 0 && settings.epsilon < 0.5, "cem: epsilon is ", settings.epsilon,
            ", expected 0 to less than 0.5: else nothing is ever tried");
  }

 private:
  using Base::box_, Base::settings_, Base::noise_, Base::mean_, Base::candidates_, Base::returns_;

  bool begin(std::uint32_t) {
    probabilities_.setConstant(box_.choices(), box_.size(), Scalar(1) / static_cast<Scalar>(box_.choices()));
    best_return_ = -std::numeric_limits<Scalar>::infinity();
    return false;
  }

  bool iterate(const State& state, RolloutKey key, PlanReport& report) {
    this->evaluate(state, key, settings_.population, report,
                   [&](Index first, Index count) { draw(key, first, count); });
    if (rank_candidates(returns_, this->elites_of_tried(settings_.elites), order_) == 0) return false;
    frequencies_.setZero(probabilities_.rows(), probabilities_.cols());
    const Scalar share = Scalar(1) / static_cast<Scalar>(order_.size());
    for (const int k : order_)
      for (Index i = 0; i < box_.size(); ++i) frequencies_(static_cast<Index>(candidates_(i, k)), i) += share;
    const auto alpha = static_cast<Scalar>(settings_.alpha);
    probabilities_ = alpha * probabilities_ + (Scalar(1) - alpha) * frequencies_;
    if (returns_(order_[0]) > best_return_) {
      best_return_ = returns_(order_[0]);
      mean_ = candidates_.col(order_[0]);
    }
    return Scalar(1) - probabilities_.colwise().maxCoeff().minCoeff() <=
           static_cast<Scalar>(settings_.epsilon);
  }

  void draw(RolloutKey key, Index first, Index count) {
    noise_.uniform(key.plan, key.iteration, candidates_.middleCols(first, count), first);
    for (Index k = first; k < first + count; ++k)
      for (Index i = 0; i < box_.size(); ++i) candidates_(i, k) = choice(candidates_(i, k), i);
    if (first == 0) candidates_.col(0) = mean_;
  }

  // Of entry i, by a number uniform in (0, 1].
  Scalar choice(Scalar u, Index i) const {
    Index c = 0;
    for (; c + 1 < probabilities_.rows(); ++c) {
      u -= probabilities_(c, i);
      if (u <= 0) break;
    }
    return static_cast<Scalar>(c);
  }

  Batch<Scalar> probabilities_, frequencies_;  // choices x entries
  Scalar best_return_ = 0;
  std::vector<int> order_;
};

}  // namespace mbrl
