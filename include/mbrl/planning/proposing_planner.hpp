// A planner with proposals: its plan and the action sequences of a policy are compared in the same rollouts, and the best
// one is executed. Sikchi, Zhou, Held, "Learning off-policy with online planning", CoRL 2021, section 4.1; Hansen, Wang,
// Su, "Temporal difference learning for model predictive control", ICML 2022, section 3.1 (there they join the planner's
// own candidates, as SamplingPlanner::set_proposals has it).
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <string>
#include <utility>

#include "mbrl/core/deadline.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/planning/planner.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"

namespace mbrl {

/// A Planner over another one and its evaluator, which must outlive it. The other one's warm start is its own plan.
template <Planner P, RolloutEvaluator E>
  requires std::same_as<typename P::State, typename E::State> &&
           std::same_as<typename P::Scalar, typename E::Scalar>
class ProposingPlanner {
 public:
  using Scalar = typename P::Scalar;
  using State = typename P::State;
  using Proposals = ActionProposals<State, Scalar>;

  /// Throws mbrl::Error without a function or for less than one proposal.
  ProposingPlanner(P planner, E& evaluator, Proposals proposals, int count)
      : planner_(std::move(planner)), evaluator_(evaluator), proposals_(std::move(proposals)) {
    require(count >= 1, "ProposingPlanner: ", count, " proposals, expected at least 1");
    require(static_cast<bool>(proposals_), "ProposingPlanner: no function that proposes was given");
    candidates_.resize(evaluator.horizon() * evaluator.action_dim(), count + 1);
    returns_.resize(count + 1);
  }

  ActionPlan<Scalar> plan(const State& state, int t) {
    ActionPlan<Scalar> result = planner_.plan(state, t);
    const Index proposed = returns_.size() - 1;
    candidates_.col(0) = result.actions.reshaped();
    proposals_(state, t, candidates_.rightCols(proposed));
    constexpr std::uint32_t kNoIteration = 0x40000000u;  // planners count iterations from 0
    evaluator_.evaluate(state, candidates_, {plans_++, kNoIteration, t}, returns_);
    result.report.rollouts += returns_.size();
    Index best = 0;
    for (Index i = 1; i <= proposed; ++i)
      if (std::isfinite(returns_(i)) && !(returns_(i) <= returns_(best))) best = i;
    proposed_now_ = best > 0;
    if (!proposed_now_) return result;
    result.actions = candidates_.col(best).reshaped(result.actions.rows(), result.actions.cols());
    result.predicted_return = returns_(best);
    result.report.mean_return = static_cast<double>(returns_(best));
    result.report.best_return = std::max(result.report.best_return, result.report.mean_return);
    return result;
  }
  /// Whether the last plan is a proposal.
  bool proposed_now() const { return proposed_now_; }

  void set_deadline(const Deadline& deadline) { planner_.set_deadline(deadline); }
  void advance(int steps) { planner_.advance(steps); }
  void reset() { planner_.reset(); }
  void save(StateDict& out, const std::string& prefix) const {
    planner_.save(out, prefix);
    out.put_scalar(prefix + "proposing_plans", static_cast<std::int64_t>(plans_));
  }
  void load(const StateDict& in, const std::string& prefix) {
    planner_.load(in, prefix);
    plans_ = static_cast<std::uint32_t>(in.get_scalar<std::int64_t>(prefix + "proposing_plans"));
  }

 private:
  P planner_;
  E& evaluator_;
  Proposals proposals_;
  Batch<Scalar> candidates_;
  Vec<Scalar> returns_;
  std::uint32_t plans_ = 0;
  bool proposed_now_ = false;
};

}  // namespace mbrl
