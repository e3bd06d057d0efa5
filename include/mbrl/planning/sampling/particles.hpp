// What planners ask of evaluators that average over particles.
#pragma once

#include <concepts>

#include "mbrl/rollout/propagation.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"

namespace mbrl {

/// Particle rollouts one candidate costs.
template <RolloutEvaluator E>
int particles_of(const E& evaluator) {
  if constexpr (ParticleEvaluator<E>) return evaluator.particles();
  return 1;
}

/// Whether a candidate's particles can be evaluated in parts: there are several, they do not depend on each other, and
/// their mean alone decides.
template <RolloutEvaluator E>
bool can_race(const E& evaluator) {
  if constexpr (requires {
                  { evaluator.can_race() } -> std::same_as<bool>;
                }) {
    return evaluator.can_race();
  } else if constexpr (ParticleEvaluator<E>) {
    if constexpr (requires {
                    { evaluator.settings().propagation } -> std::convertible_to<Propagation>;
                  })
      if (evaluator.settings().propagation == Propagation::kMomentMatching) return false;
    if constexpr (requires {
                    { evaluator.settings().risk } -> std::convertible_to<double>;
                  })
      if (evaluator.settings().risk != 0.0) return false;
    return evaluator.particles() > 1;
  }
  return false;
}

}  // namespace mbrl
