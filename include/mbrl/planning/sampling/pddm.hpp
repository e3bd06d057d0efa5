// PDDM's planner: candidates smooth in time, weighted by their returns.
// Nagabandi, Konolige, Levine, Kumar, "Deep dynamics models for learning dexterous manipulation", CoRL 2019,
// section 3.2.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/math/return_weights.hpp"
#include "mbrl/planning/action_sequence.hpp"
#include "mbrl/planning/planner_settings.hpp"
#include "mbrl/planning/sampling/sampling_planner.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

/// With the mean sequence mu (the shifted previous plan) and the last executed action a_{-1} (mid-range at
/// first), an iteration is, with eps ~ N(0, sigma^2) and k = 1..population,
///   a^k_t = beta (mu_t + eps^k_t) + (1 - beta) a^k_{t-1}                                     (actions), or
///   n^k_t = beta eps^k_t + (1 - beta) n^k_{t-1},  n^k_{-1} = 0,  a^k_t = mu_t + n^k_t        (noise),
/// clipped to the bounds once all steps are drawn, and
///   mu <- sum_k w^k a^k / sum_k w^k,  w^k = exp(kappa (R^k - max R)).
/// beta = 1 is MPPI with temperature 1 / kappa. Candidates without a finite return weigh nothing; an iteration
/// without any usable one changes nothing. The evaluator must outlive the planner.
template <RolloutEvaluator E>
class Pddm : public SamplingPlanner<Pddm<E>, E, PddmSettings> {
  using Base = SamplingPlanner<Pddm<E>, E, PddmSettings>;
  friend Base;

 public:
  using typename Base::Scalar;
  using typename Base::State;

  Pddm(E& evaluator, const ActionBounds& bounds, const PddmSettings& settings, std::uint64_t seed)
      : Base("pddm", evaluator, bounds, checked(settings), seed),
        sigma_(static_cast<Scalar>(0.5 * settings.sigma) * (box_.high() - box_.low())),
        executed_(box_.mid().head(box_.action_dim())) {}

  /// The plan's actions are taken for the executed ones.
  void advance(int steps) {
    if (steps > 0) {
      const Index last = static_cast<Index>(std::min(steps, box_.horizon())) - 1;
      executed_ = mean_.segment(last * box_.action_dim(), box_.action_dim());
    }
    Base::advance(steps);
  }
  void reset() {
    Base::reset();
    executed_ = box_.mid().head(box_.action_dim());
  }

  void save(StateDict& out, const std::string& prefix) const {
    Base::save(out, prefix);
    box_.save(out, prefix + "executed", executed_);
  }
  void load(const StateDict& in, const std::string& prefix) {
    const auto executed = in.get<Scalar>(prefix + "executed");
    require_dim("checkpoint: '" + prefix + "executed'", "an action", executed.size(), box_.action_dim());
    Base::load(in, prefix);
    executed_ = Eigen::Map<const Vec<Scalar>>(executed.data(), box_.action_dim());
  }

 private:
  using Base::box_, Base::settings_, Base::noise_, Base::mean_, Base::candidates_, Base::returns_;

  static const PddmSettings& checked(const PddmSettings& s) {
    require(s.population >= 1, "pddm: population is ", s.population, ", expected at least 1");
    require(s.kappa > 0, "pddm: kappa is ", s.kappa, ", expected more than 0");
    require(s.sigma > 0, "pddm: sigma is ", s.sigma, ", expected more than 0");
    require(s.beta > 0 && s.beta <= 1, "pddm: beta is ", s.beta, ", expected more than 0, at most 1");
    return s;
  }

  bool begin(std::uint32_t) { return false; }

  bool iterate(const State& state, RolloutKey key, PlanReport& report) {
    this->evaluate(state, key, settings_.population, report,
                   [&](Index first, Index count) { draw(key, first, count); });
    if (reward_weights(returns_, settings_.kappa, settings_.relative_kappa, weights_) > 0) {
      mean_.noalias() = candidates_ * weights_;
      mean_ = this->inside(mean_);
    }
    return false;
  }

  void draw(RolloutKey key, Index first, Index count) {
    noise_.normal(key.plan, key.iteration, candidates_.middleCols(first, count), first);
    const auto beta = static_cast<Scalar>(settings_.beta);
    const bool smooth_noise = settings_.filter == PddmFilter::kNoise;
    const Index a = box_.action_dim();
    for (Index k = first; k < first + count; ++k) {
      auto x = candidates_.col(k);
      for (Index i = 0; i < box_.size(); ++i) {
        const Scalar before = i >= a ? x(i - a) : (smooth_noise ? Scalar(0) : executed_(i));
        x(i) =
            beta * (sigma_(i) * x(i) + (smooth_noise ? Scalar(0) : mean_(i))) + (Scalar(1) - beta) * before;
      }
      if (smooth_noise) x += mean_;
      x = this->inside(x);
    }
  }

  Vec<Scalar> sigma_;
  Vec<Scalar> executed_;  // the last action executed
  Vec<Scalar> weights_;
};

}  // namespace mbrl
