// The loop of every planner that refines one action sequence by sampling around it, and what such a planner
// keeps.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/planning/action_bounds.hpp"
#include "mbrl/planning/candidate_noise.hpp"
#include "mbrl/planning/deadline.hpp"
#include "mbrl/planning/finish_plan.hpp"
#include "mbrl/planning/plan_sequence.hpp"
#include "mbrl/planning/planner.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"

namespace mbrl {

// To be inherited by a planner, Derived, which writes two functions (and makes this class its friend, if they
// are private):
//   bool begin(std::uint32_t plan)
//       before the first iteration of a plan: the distribution as it is then
//   bool iterate(const State& state, RolloutKey key, PlanReport& report)
//       draws candidates_ (a column each), has them evaluated, and moves mean_
// True says that nothing is left to refine. `chosen` may be replaced where the plan is not mean_. Settings
// have `iterations` and `pad`. A plan starts from the last one, shifted; mid-range at first. Under a
// deadline, a further iteration is made only if it will be ready in time. The evaluator must outlive the
// planner.
template <class Derived, RolloutEvaluator E, class Settings>
class SamplingPlanner : public Anytime {
 public:
  using Scalar = typename E::Scalar;
  using State = typename E::State;

  ActionPlan<Scalar> plan(const State& state, int t) {
    ActionPlan<Scalar> result;
    plan(state, t, result);
    return result;
  }
  // The same into memory that is there already.
  void plan(const State& state, int t, ActionPlan<Scalar>& result) {
    RolloutKey key{static_cast<std::uint32_t>(plan_index_++), 0, t};
    PlanReport& report = result.report = {};
    report.best_return = std::numeric_limits<double>::quiet_NaN();
    Pacer pace(deadline_);
    const auto most = static_cast<std::uint32_t>(settings_.iterations);
    for (bool converged = derived().begin(key.plan); key.iteration < most && !converged && pace.another();
         ++key.iteration)
      converged = derived().iterate(state, key, report);
    report.iterations = static_cast<int>(key.iteration);
    report.timed_out = pace.stopped();
    finish_plan(*evaluator_, state, box_, derived().chosen(), key, result);
  }

  void advance(int steps) { box_.shift(mean_, steps, settings_.pad); }
  void reset() { mean_ = box_.mid(); }

  void save(StateDict& out, const std::string& prefix) const {
    WarmStart<Scalar>{noise_.seed(), plan_index_, mean_}.save(out, prefix);
  }
  void load(const StateDict& in, const std::string& prefix) {
    const auto kept = WarmStart<Scalar>::load(in, prefix, box_);
    noise_ = CandidateNoise<Scalar>(kept.seed);
    plan_index_ = kept.plan_index;
    mean_ = kept.mean;
  }

  const Settings& settings() const { return settings_; }

 protected:
  // `name` is what errors begin with.
  SamplingPlanner(const char* name, E& evaluator, const ActionBounds& bounds, const Settings& settings,
                  std::uint64_t seed)
      : evaluator_(&evaluator),
        settings_(settings),
        box_(name, bounds, evaluator.action_dim(), evaluator.horizon()),
        noise_(seed),
        mean_(box_.mid()) {
    require(settings.iterations >= 1, name, ": iterations is ", settings.iterations, ", expected at least 1");
  }

  // Fills returns_, one a candidate, and adds to the report what that cost and how good the best one is.
  void evaluate(const State& state, RolloutKey key, PlanReport& report) {
    returns_.resize(candidates_.cols());
    evaluator_->evaluate(state, candidates_, key, returns_);
    report.rollouts += candidates_.cols() * particles_of(*evaluator_);
    for (const Scalar value : returns_) {
      if (std::isfinite(value))
        report.best_return = std::fmax(report.best_return, static_cast<double>(value));
      else
        ++report.unusable;
    }
  }

  // The nearest sequence inside the bounds.
  template <class Sequence>
  auto inside(const Sequence& sequence) const {
    return sequence.cwiseMax(box_.low()).cwiseMin(box_.high());
  }

  const Vec<Scalar>& chosen() const { return mean_; }

  E* evaluator_;
  Settings settings_;
  SequenceBox<Scalar> box_;
  CandidateNoise<Scalar> noise_;
  std::int64_t plan_index_ = 0;
  Vec<Scalar> mean_;  // the plan; between plans the warm start of the next one
  Batch<Scalar> candidates_;
  Vec<Scalar> returns_;

 private:
  Derived& derived() { return static_cast<Derived&>(*this); }
};

}  // namespace mbrl
