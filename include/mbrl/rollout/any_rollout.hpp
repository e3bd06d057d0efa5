// Any RolloutEvaluator behind one type, so that planners are compiled once for all of them. The call is made
// once an iteration, so it costs nothing.
#pragma once

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

#include "mbrl/rollout/rollout_evaluator.hpp"

namespace mbrl {

/// Owns the evaluator. Particles cannot be asked for one by one through it: candidates do not race.
template <class StateType, class S>
class AnyRollout {
 public:
  using Scalar = S;
  using State = StateType;

  template <RolloutEvaluator E>
    requires(!std::same_as<std::remove_cvref_t<E>, AnyRollout> &&
             std::same_as<typename E::State, StateType> && std::same_as<typename E::Scalar, S>)
  explicit AnyRollout(E evaluator) : self_(std::make_unique<Model<E>>(std::move(evaluator))) {}

  int horizon() const { return self_->horizon(); }
  int action_dim() const { return self_->action_dim(); }
  void evaluate(const State& state, ConstBatchRef<S> actions, RolloutKey key, VecRef<S> returns) {
    self_->evaluate(state, actions, key, returns);
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual int horizon() const = 0;
    virtual int action_dim() const = 0;
    virtual void evaluate(const State& state, const ConstBatchRef<S>& actions, RolloutKey key,
                          VecRef<S>& returns) = 0;
  };
  template <class E>
  struct Model final : Interface {
    explicit Model(E e) : evaluator(std::move(e)) {}
    int horizon() const override { return evaluator.horizon(); }
    int action_dim() const override { return evaluator.action_dim(); }
    void evaluate(const State& state, const ConstBatchRef<S>& actions, RolloutKey key,
                  VecRef<S>& returns) override {
      evaluator.evaluate(state, actions, key, returns);
    }
    E evaluator;
  };
  std::unique_ptr<Interface> self_;
};

}  // namespace mbrl
