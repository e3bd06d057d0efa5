// Random shooting: the best of K uniformly random action sequences.
// Nagabandi, Kahn, Fearing, Levine, "Neural network dynamics for model-based deep reinforcement learning with
// model-free fine-tuning", ICRA 2018, section IV-C.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "mbrl/core/deadline.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/math/candidate_noise.hpp"
#include "mbrl/math/ranking.hpp"
#include "mbrl/planning/action_sequence.hpp"
#include "mbrl/planning/planner.hpp"
#include "mbrl/planning/planner_settings.hpp"
#include "mbrl/planning/sampling/finish_plan.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

/// A^k ~ U[low, high]^H (of choices: each as likely), k = 1..K;  the plan is argmax_k R(s, A^k). Mid-range
/// actions if no return is usable. Plans do not depend on each other: there is no warm start. Under a deadline
/// the candidates are evaluated in parts, as many as will be ready in time together with the final evaluation
/// of the plan. The evaluator must outlive the planner.
template <RolloutEvaluator E>
class RandomShooting : public Anytime {
 public:
  using Scalar = typename E::Scalar;
  using State = typename E::State;

  RandomShooting(E& evaluator, const ActionBounds& bounds, const RandomShootingSettings& settings,
                 std::uint64_t seed)
      : evaluator_(&evaluator),
        settings_(settings),
        box_("random shooting", bounds, evaluator.action_dim(), evaluator.horizon()),
        noise_(seed),
        range_(box_.high() - box_.low()) {
    require(settings.population >= 1, "random shooting: population is ", settings.population,
            ", expected at least 1");
  }

  ActionPlan<Scalar> plan(const State& state, int t) {
    ActionPlan<Scalar> result;
    plan(state, t, result);
    return result;
  }
  /// The same into memory that is there already.
  void plan(const State& state, int t, ActionPlan<Scalar>& result) {
    const auto plan = static_cast<std::uint32_t>(plan_index_++);
    candidates_.resize(box_.size(), settings_.population);
    returns_.resize(settings_.population);
    const int particles = particles_of(*evaluator_);
    Pacer pace(deadline_);
    // The end of the plan: its evaluation and the choice of the best; nothing is known of it at first.
    if (pace.limited() && std::isfinite(cost_.seconds(particles)))
      pace.reserve(cost_.seconds(particles) + overhead_.seconds(1));
    Index tried = 0;
    pace.timed_rest(overhead_, [&] {
      tried = pace.in_parts(settings_.population, particles, cost_, [&](Index first, Index count) {
        draw(plan, first, count);
        evaluator_->evaluate(state, candidates_.middleCols(first, count),
                             {plan, 0, t},  // in all parts the same noise
                             returns_.segment(first, count));
      });
    });

    if (tried == 0) {
      cost_.doubt();
      overhead_.doubt();
    }

    result.report = {};
    const int usable = rank_candidates(returns_.head(tried), 1, order_);
    result.report.rollouts = tried * particles;
    result.report.iterations = 1;
    result.report.timed_out = pace.stopped();
    result.report.unusable = static_cast<std::int64_t>(tried) - usable;
    best_ = box_.mid();
    if (usable > 0) best_ = candidates_.col(order_[0]);
    result.report.best_return =
        usable > 0 ? static_cast<double>(returns_(order_[0])) : std::numeric_limits<double>::quiet_NaN();
    pace.timed(particles, cost_, [&] { finish_plan(*evaluator_, state, box_, best_, {plan, 1, t}, result); });
  }

  void advance(int steps) {
    require(steps >= 0, "planner: advance by ", steps, " steps, expected 0 or more");
  }
  void reset() {}

  void save(StateDict& out, const std::string& prefix) const {
    out.put_scalar(prefix + "seed", noise_.seed());
    out.put_scalar(prefix + "plan_index", plan_index_);
  }
  void load(const StateDict& in, const std::string& prefix) {
    noise_ = CandidateNoise<Scalar>(in.get_scalar<std::uint64_t>(prefix + "seed"));
    plan_index_ = in.get_scalar<std::int64_t>(prefix + "plan_index");
  }

  const RandomShootingSettings& settings() const { return settings_; }

 private:
  void draw(std::uint32_t plan, Index first, Index count) {
    noise_.uniform(plan, 0, candidates_.middleCols(first, count), first);
    for (Index k = first; k < first + count; ++k) {
      auto x = candidates_.col(k);
      if (box_.choices() > 0)
        x = (x * static_cast<Scalar>(box_.choices())).array().ceil() - Scalar(1);
      else
        x = x.cwiseProduct(range_) + box_.low();
      x = x.cwiseMax(box_.low()).cwiseMin(box_.high());
    }
  }

  E* evaluator_;
  RandomShootingSettings settings_;
  SequenceBox<Scalar> box_;
  CandidateNoise<Scalar> noise_;
  std::int64_t plan_index_ = 0;
  Batch<Scalar> candidates_;
  Vec<Scalar> range_, best_, returns_;
  std::vector<int> order_;
  WorkCost cost_, overhead_;  // of particle rollouts; of a plan, but for its rollouts
};

}  // namespace mbrl
