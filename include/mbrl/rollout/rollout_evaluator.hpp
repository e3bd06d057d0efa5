// The boundary for speed: candidate action sequences in, returns out. Sampling planners see nothing else.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"

namespace mbrl {

/// Fixes every random number of an evaluation: noise is a function of (key, candidate, particle, step,
/// dimension), so a candidate's particles can be evaluated in any split, now or later, with the same result.
struct RolloutKey {
  std::uint32_t plan = 0;       // which plan of the run
  std::uint32_t iteration = 0;  // which iteration of the planner
  int t = 0;  // control step of the episode at which the rollouts start (time-varying rewards)
};

/// Counted over the life of an evaluator: the cause of a poisoned prediction is kept, not hidden.
struct RolloutCounts {
  std::uint64_t rows = 0;         // model steps: candidates x particles x horizon
  std::uint64_t particles = 0;    // particle rollouts
  std::uint64_t out_of_data = 0;  // particle rollouts stopped for leaving the range of the data
  std::uint64_t not_finite = 0;   // particle rollouts stopped because a number was NaN or infinite
  std::uint64_t held = 0;         // particle rollouts made again and held at its edge: it had stopped all

  RolloutCounts& operator+=(const RolloutCounts& other) {
    rows += other.rows;
    particles += other.particles;
    out_of_data += other.out_of_data;
    not_finite += other.not_finite;
    held += other.held;
    return *this;
  }
};

/// Throws mbrl::Error unless rewards can be discounted by that factor a step.
inline void check_discount(const char* where, double discount) {
  require(discount > 0.0 && discount <= 1.0, where, ": discount is ", discount,
          ", expected 0 < discount <= 1");
}

/// Action sequences are (horizon * action_dim) x candidates: column k is [a_0; a_1; ...; a_{H-1}] of candidate
/// k. A return that is NaN means "no usable prediction"; planners rank it last.
// clang-format off
template <class E>
concept RolloutEvaluator = requires(E& evaluator, const E& cevaluator, const typename E::State& state, RolloutKey key,
                                    ConstBatchRef<typename E::Scalar> actions, VecRef<typename E::Scalar> returns) {
  typename E::Scalar;                                             // float or double
  typename E::State;                                              // opaque to planners
  { cevaluator.horizon() } -> std::convertible_to<int>;
  { cevaluator.action_dim() } -> std::convertible_to<int>;
  evaluator.evaluate(state, actions, key, returns);               // fills returns (one a candidate)
};

/// An evaluator that averages over particles and can evaluate a part of them, so that planners can race candidates.
/// returns: (last - first) x candidates. Candidate ids name the noise: evaluating a subset of candidates with their own
/// ids gives the numbers the full evaluation gives.
template <class E>
concept ParticleEvaluator = RolloutEvaluator<E> &&
    requires(E& evaluator, const E& cevaluator, const typename E::State& state, RolloutKey key,
             ConstBatchRef<typename E::Scalar> actions, const std::uint32_t* candidate_ids, int first, int last,
             BatchRef<typename E::Scalar> returns) {
  { cevaluator.particles() } -> std::convertible_to<int>;
  evaluator.evaluate_particles(state, actions, candidate_ids, key, first, last, returns);
};
// clang-format on

/// An evaluator of a learned model M: it has to be told when the model has changed, and counts what was unusable.
template <class E, class M>
concept LearnedEvaluator = RolloutEvaluator<E> && requires(E& evaluator, const M& model) {
  evaluator.set_model(model);
  { evaluator.counts() } -> std::convertible_to<RolloutCounts>;
  evaluator.reset_counts();
};

}  // namespace mbrl
