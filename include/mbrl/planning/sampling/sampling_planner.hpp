// The loop of every planner that refines one action sequence by sampling around it, and what such a planner
// keeps.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "mbrl/core/deadline.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/math/candidate_noise.hpp"
#include "mbrl/planning/action_sequence.hpp"
#include "mbrl/planning/planner.hpp"
#include "mbrl/planning/sampling/finish_plan.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

/// To be inherited by a planner, Derived, which writes two functions (and makes this class its friend, if
/// they are private):
///   bool begin(std::uint32_t plan)
///       before the first iteration of a plan: the distribution as it is then
///   bool iterate(const State& state, RolloutKey key, PlanReport& report)
///       has candidates_ (a column each) drawn and evaluated, and moves mean_
/// True says that nothing is left to refine. `chosen` may be replaced where the plan is not mean_. Settings
/// have `iterations` and `pad`. A plan starts from the last one, shifted; mid-range at first. The evaluator
/// must outlive the planner.
///
/// Under a deadline a plan first evaluates what it starts from. Candidates are evaluated in parts, as many as
/// will be ready in time together with the final evaluation of the plan, by what rollouts have cost so far; a
/// further iteration is made only if at least half of its candidates will be. A first iteration that is cut
/// short goes by those candidates alone that are better than what the plan started from: a plan in no time
/// at all is the last one, shifted.
/// A planner that makes set_proposals public has a policy's action sequences among the candidates of every iteration:
/// the drawn ones are the same with them and without, and under a deadline they come first.
/// kPlansChoices: actions may be choices (ActionBounds::choices).
template <class Derived, RolloutEvaluator E, class Settings, bool kPlansChoices = false>
class SamplingPlanner : public Anytime {
 public:
  using Scalar = typename E::Scalar;
  using State = typename E::State;

  using Proposals = ActionProposals<State, Scalar>;

  ActionPlan<Scalar> plan(const State& state, int t) {
    ActionPlan<Scalar> result;
    plan(state, t, result);
    return result;
  }
  /// The same into memory that is there already.
  void plan(const State& state, int t, ActionPlan<Scalar>& result) {
    RolloutKey key{static_cast<std::uint32_t>(plan_index_++), 0, t};
    PlanReport& report = result.report = {};
    report.best_return = std::numeric_limits<double>::quiet_NaN();
    Pacer pace(deadline_);
    pace_ = &pace;
    const auto most = static_cast<std::uint32_t>(settings_.iterations);
    propose(state, t);
    bool converged = derived().begin(key.plan);
    look_at_start(state, key, pace, report);
    for (; key.iteration < most && !converged && another(pace); ++key.iteration) {
      const std::int64_t before = report.rollouts;
      pace.timed_rest(overhead_, [&] { converged = derived().iterate(state, key, report); });
      iteration_rollouts_ = report.rollouts - before;
    }
    report.iterations = static_cast<int>(key.iteration);
    report.timed_out = pace.stopped();
    if (report.timed_out && report.iterations == 0) {
      cost_.doubt();
      overhead_.doubt();
    }
    pace.timed(particles_of(*evaluator_), cost_,
               [&] { finish_plan(*evaluator_, state, box_, derived().chosen(), key, result); });
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
        mean_(box_.mid()),
        proposals_(box_.size(), 0) {
    require(
        bounds.choices == 0 || kPlansChoices, name, ": the actions are a choice of ", bounds.choices,
        ", and this planner plans numbers; expected CategoricalCem, RandomShooting or make_planner, which "
        "rounds for the others");
    require(settings.iterations >= 1, name, ": iterations is ", settings.iterations, ", expected at least 1");
  }

  /// From now on `count` proposals join the candidates of every iteration (Hansen, Wang, Su, "Temporal difference learning
  /// for model predictive control", ICML 2022, section 3.1); those outside the bounds are moved to the
  /// nearest inside. An empty function or 0: none.
  void set_proposals(Proposals proposals, int count) {
    require(count >= 0, "planner: ", count, " proposals, expected at least 0");
    proposals_.resize(box_.size(), proposals ? count : 0);
    propose_ = std::move(proposals);
  }

  // Fills returns_, one for each of candidates_, and adds to the report what that cost and how good the best
  // one is. Candidates that there is no time for have a return of NaN.
  void evaluate(const State& state, RolloutKey key, PlanReport& report) {
    evaluate(state, key, candidates_.cols(), report, [](Index, Index) {});
  }
  // The same with `count` candidates which draw(first, number) writes into those columns of candidates_, so
  // that under a deadline none are drawn in vain.
  template <class Draw>
  void evaluate(const State& state, RolloutKey key, Index count, PlanReport& report, Draw&& draw) {
    const Index proposed = proposals_.cols();
    candidates_.resize(box_.size(), count + proposed);
    candidates_.rightCols(proposed) = proposals_;
    returns_.setConstant(count + proposed, std::numeric_limits<Scalar>::quiet_NaN());
    const int particles = particles_of(*evaluator_);
    Index drawn = 0;
    const Index tried = pace_->in_parts(count + proposed, particles, cost_, [&](Index first, Index number) {
      const Index of_proposals = std::clamp<Index>(proposed - first, 0, number);
      if (of_proposals > 0) derived().roll_out(state, count + first, of_proposals, key);
      if (of_proposals == number) return;
      draw(drawn, number - of_proposals);
      derived().roll_out(state, drawn, number - of_proposals, key);
      drawn += number - of_proposals;
    });
    report.rollouts += tried * particles;
    const auto judge = [&](ConstVecRef<Scalar> returns) {
      for (const Scalar value : returns) {
        if (std::isfinite(value))
          report.best_return = std::fmax(report.best_return, static_cast<double>(value));
        else
          ++report.unusable;
      }
    };
    judge(returns_.head(drawn));
    judge(returns_.segment(count, tried - drawn));
    candidates_.middleCols(drawn, count - drawn).setZero();  // must not make a weighted mean NaN
    keep_better_than_start(key, tried, count + proposed, returns_);
  }

  // Fills those of returns_; may be replaced where the evaluator has a part in what is drawn.
  void roll_out(const State& state, Index first, Index number, RolloutKey key) {
    evaluator_->evaluate(state, candidates_.middleCols(first, number), key, returns_.segment(first, number));
  }

  // For evaluate and whoever does its work: says how many of the candidates of an iteration were evaluated.
  // If not all of a plan's first, those no better than the plan's start are given up.
  void keep_better_than_start(RolloutKey key, Index tried, Index count, VecRef<Scalar> returns) {
    tried_ = tried;
    planned_ = count;
    if (tried == count || key.iteration > 0) return;
    for (Scalar& value : returns)
      if (!(value > start_return_) && std::isfinite(start_return_))
        value = std::numeric_limits<Scalar>::quiet_NaN();
  }

  // The same share of the candidates evaluated as `elites` are of all.
  int elites_of_tried(int elites) const {
    return tried_ == planned_
               ? elites
               : std::max(1, static_cast<int>(static_cast<std::int64_t>(elites) * tried_ / planned_));
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
  Pacer* pace_ = nullptr;          // of the plan in the making
  WorkCost cost_;                  // of particle rollouts
  Index tried_ = 0, planned_ = 0;  // candidates of the last iteration
  Batch<Scalar> proposals_;        // of this plan

 private:
  void propose(const State& state, int t) {
    if (proposals_.cols() == 0) return;
    propose_(state, t, proposals_);
    for (Index k = 0; k < proposals_.cols(); ++k) proposals_.col(k) = inside(proposals_.col(k));
  }

  // What the plan would be if there were no time for anything, and the first measurement of a rollout's cost.
  void look_at_start(const State& state, RolloutKey key, Pacer& pace, PlanReport& report) {
    if (!pace.limited()) return;
    tried_ = planned_ = 0;
    iteration_rollouts_ = 0;
    const int particles = particles_of(*evaluator_);
    const double one = cost_.seconds(particles);
    Eigen::Map<Vec<Scalar>> value(&start_return_, 1);
    value(0) = std::numeric_limits<Scalar>::quiet_NaN();
    if (!pace.time_for(std::isfinite(one) ? 2 * one : 0)) return;
    pace.timed(particles, cost_, [&] { evaluator_->evaluate(state, mean_, key, value); });
    report.rollouts += particles;
  }

  // Whether there is time for a further iteration, at least half of the last one's rollouts, and the end of
  // the plan.
  bool another(Pacer& pace) const {
    if (!pace.limited()) return true;
    const int particles = particles_of(*evaluator_);
    const double own = overhead_.seconds(1);
    pace.reserve(cost_.seconds(particles) + (std::isfinite(own) ? own : 0));
    return pace.time_for(
        cost_.seconds(std::max<double>(particles, 0.5 * static_cast<double>(iteration_rollouts_))));
  }

  Derived& derived() { return static_cast<Derived&>(*this); }

  Proposals propose_;
  WorkCost overhead_;                    // of an iteration, but for its rollouts
  Scalar start_return_ = 0;              // of what the plan starts from; under a deadline
  std::int64_t iteration_rollouts_ = 0;  // particle rollouts of it
};

}  // namespace mbrl
