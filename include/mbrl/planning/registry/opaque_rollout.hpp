// Any RolloutEvaluator as one type, the type of its states included: planners that are compiled once, in the
// library, plan through it.
#pragma once

#include <cstdint>
#include <memory>

#include "mbrl/core/types.hpp"
#include "mbrl/planning/sampling/particles.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

/// The address of a state, which planners hand on and the evaluator alone reads.
struct OpaqueState {
  const void* address = nullptr;
};

/// Refers to an evaluator, which must outlive it. An evaluator that averages over particles can still be asked
/// for a part of them, so candidates race as they do without this. A call through it costs nothing beside an
/// evaluation.
template <class S>
class OpaqueRollout {
 public:
  using Scalar = S;
  using State = OpaqueState;

  template <RolloutEvaluator E>
  explicit OpaqueRollout(E& evaluator) : evaluator_(&evaluator), calls_(&kCalls<E>) {}

  int horizon() const { return calls_->horizon(evaluator_); }
  int action_dim() const { return calls_->action_dim(evaluator_); }
  int particles() const { return calls_->particles(evaluator_); }
  bool can_race() const { return calls_->can_race(evaluator_); }

  void evaluate(const State& state, ConstBatchRef<S> actions, RolloutKey key, VecRef<S> returns) {
    calls_->evaluate(evaluator_, state, chosen(actions), key, returns);
  }
  void evaluate_particles(const State& state, ConstBatchRef<S> actions, const std::uint32_t* candidate_ids,
                          RolloutKey key, int first, int last, BatchRef<S> returns) {
    calls_->evaluate_particles(evaluator_, state, chosen(actions), candidate_ids, key, first, last, returns);
  }

  /// From now on actions are choices of 0 ... n - 1: the evaluator sees the nearest. 0: they are what they
  /// are.
  void set_choices(int n) { choices_ = n; }

 private:
  struct Calls {
    int (*horizon)(const void*);
    int (*action_dim)(const void*);
    int (*particles)(const void*);
    bool (*can_race)(const void*);
    void (*evaluate)(void*, const State&, const ConstBatchRef<S>&, RolloutKey, VecRef<S>&);
    void (*evaluate_particles)(void*, const State&, const ConstBatchRef<S>&, const std::uint32_t*, RolloutKey,
                               int, int, BatchRef<S>&);
  };
  template <class E>
  static const E& read(const void* evaluator) {
    return *static_cast<const E*>(evaluator);
  }
  template <class E>
  static const typename E::State& state_of(const State& state) {
    return *static_cast<const typename E::State*>(state.address);
  }
  template <class E>
  static constexpr Calls kCalls{
      [](const void* e) -> int { return read<E>(e).horizon(); },
      [](const void* e) -> int { return read<E>(e).action_dim(); },
      [](const void* e) { return particles_of(read<E>(e)); },
      [](const void* e) { return mbrl::can_race(read<E>(e)); },
      [](void* e, const State& state, const ConstBatchRef<S>& actions, RolloutKey key, VecRef<S>& returns) {
        static_cast<E*>(e)->evaluate(state_of<E>(state), actions, key, returns);
      },
      []([[maybe_unused]] void* e, [[maybe_unused]] const State& state,
         [[maybe_unused]] const ConstBatchRef<S>& actions, [[maybe_unused]] const std::uint32_t* ids,
         [[maybe_unused]] RolloutKey key, [[maybe_unused]] int first, [[maybe_unused]] int last,
         [[maybe_unused]] BatchRef<S>& returns) {
        if constexpr (ParticleEvaluator<E>)
          static_cast<E*>(e)->evaluate_particles(state_of<E>(state), actions, ids, key, first, last, returns);
        else
          fail("OpaqueRollout: the evaluator has no particles to ask for");
      }};

  ConstBatchRef<S> chosen(const ConstBatchRef<S>& actions) {
    if (choices_ == 0) return actions;
    rounded_.resize(actions.rows(), actions.cols());
    for (Index i = 0; i < actions.size(); ++i)
      rounded_.data()[i] = nearest_choice(actions(i % actions.rows(), i / actions.rows()), choices_);
    return rounded_;
  }

  void* evaluator_;
  const Calls* calls_;
  int choices_ = 0;
  Batch<S> rounded_;
};

}  // namespace mbrl
