// Random shooting: the best of K uniformly random action sequences.
// Nagabandi, Kahn, Fearing, Levine, "Neural network dynamics for model-based deep reinforcement learning with
// model-free fine-tuning", ICRA 2018, section IV-C.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/planning/action_bounds.hpp"
#include "mbrl/planning/candidate_noise.hpp"
#include "mbrl/planning/deadline.hpp"
#include "mbrl/planning/finish_plan.hpp"
#include "mbrl/planning/plan_sequence.hpp"
#include "mbrl/planning/planner.hpp"
#include "mbrl/planning/ranking.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"

namespace mbrl {

struct RandomShootingSettings {
  int population = 2500;  // action sequences tried

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("population", s.population, "action sequences tried");
  }
};

// A^k ~ U[low, high]^H, k = 1..K;  the plan is argmax_k R(s, A^k). Mid-range actions if no return is usable.
// Plans do not depend on each other: there is no warm start. Under a deadline the candidates are evaluated in
// sixteen parts, one after the other. The evaluator must outlive the planner.
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
  // The same into memory that is there already.
  void plan(const State& state, int t, ActionPlan<Scalar>& result) {
    const auto plan = static_cast<std::uint32_t>(plan_index_++);
    candidates_.resize(box_.size(), settings_.population);
    returns_.resize(settings_.population);
    noise_.uniform(plan, 0, candidates_);
    for (Index k = 0; k < candidates_.cols(); ++k)
      candidates_.col(k) =
          (candidates_.col(k).cwiseProduct(range_) + box_.low()).cwiseMax(box_.low()).cwiseMin(box_.high());

    Pacer pace(deadline_);
    const int part = deadline_.given() ? (settings_.population + 15) / 16 : settings_.population;
    int tried = 0;
    while (tried < settings_.population && pace.another()) {
      const int count = std::min(part, settings_.population - tried);
      evaluator_->evaluate(state, candidates_.middleCols(tried, count),
                           {plan, 0, t},  // in all parts the same noise
                           returns_.segment(tried, count));
      tried += count;
    }

    result.report = {};
    const int usable = rank_candidates(returns_.head(tried), 1, order_);
    result.report.rollouts = static_cast<std::int64_t>(tried) * particles_of(*evaluator_);
    result.report.iterations = 1;
    result.report.timed_out = pace.stopped();
    result.report.unusable = tried - usable;
    best_ = box_.mid();
    if (usable > 0) best_ = candidates_.col(order_[0]);
    result.report.best_return =
        usable > 0 ? static_cast<double>(returns_(order_[0])) : std::numeric_limits<double>::quiet_NaN();
    finish_plan(*evaluator_, state, box_, best_, {plan, 1, t}, result);
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
  E* evaluator_;
  RandomShootingSettings settings_;
  SequenceBox<Scalar> box_;
  CandidateNoise<Scalar> noise_;
  std::int64_t plan_index_ = 0;
  Batch<Scalar> candidates_;
  Vec<Scalar> range_, best_, returns_;
  std::vector<int> order_;
};

}  // namespace mbrl
