// What a learning loop asks of the evaluator that its planner plans with.
#pragma once

#include <concepts>

#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"

namespace mbrl {

/// An evaluator of a learned model M: it has to be told when the model has changed.
template <class E, class M = MlpEnsemble>
concept LearnedEvaluator = RolloutEvaluator<E> && requires(E& evaluator, const M& model) {
  evaluator.set_model(model);
  { evaluator.counts() } -> std::convertible_to<RolloutCounts>;
  evaluator.reset_counts();
};

}  // namespace mbrl
