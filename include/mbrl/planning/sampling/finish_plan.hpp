// How a sampling planner hands over its result: the sequence and what the model predicts for it.
#pragma once

#include "mbrl/planning/action_sequence.hpp"
#include "mbrl/planning/planner.hpp"
#include "mbrl/planning/sampling/particles.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"

namespace mbrl {

/// Evaluates the sequence that will be executed, under noise of its own: the returns by which candidates were
/// selected are too high on average, since selection prefers lucky noise. Adds the cost to the report.
template <RolloutEvaluator E>
void finish_plan(E& evaluator, const typename E::State& state, const SequenceBox<typename E::Scalar>& box,
                 const Vec<typename E::Scalar>& sequence, RolloutKey key,
                 ActionPlan<typename E::Scalar>& result) {
  Eigen::Map<Vec<typename E::Scalar>> value(&result.predicted_return, 1);
  evaluator.evaluate(state, sequence, key, value);
  result.actions = sequence.reshaped(box.action_dim(), box.horizon());
  result.report.mean_return = static_cast<double>(result.predicted_return);
  result.report.rollouts += particles_of(evaluator);
}

}  // namespace mbrl
