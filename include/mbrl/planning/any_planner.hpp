// Any planner behind one type: chosen by name at run time. The call is made once a plan, so it costs nothing.
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "mbrl/core/deadline.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/planning/planner.hpp"

namespace mbrl {

template <class StateType, class S>
class AnyPlanner {
 public:
  using Scalar = S;
  using State = StateType;

  template <class P>
    requires(!std::same_as<std::remove_cvref_t<P>, AnyPlanner> && Planner<P> && Checkpointable<P> &&
             std::same_as<typename P::State, StateType> && std::same_as<typename P::Scalar, S>)
  explicit AnyPlanner(P planner) : self_(std::make_unique<Model<P>>(std::move(planner))) {}

  ActionPlan<S> plan(const State& state, int t) {
    ActionPlan<S> result;
    plan(state, t, result);
    return result;
  }
  /// The same into memory that is there already, where the planner can.
  void plan(const State& state, int t, ActionPlan<S>& result) { self_->plan(state, t, result); }
  /// Without effect on a planner that cannot stop early.
  void set_deadline(const Deadline& deadline) { self_->set_deadline(deadline); }
  /// Moves `action`, of step k of the last plan, by the planner's feedback for the state that has been
  /// reached; leaves it as it is where the planner has no feedback.
  void track(const State& state, int k, VecRef<S> action) const { self_->track(state, k, action); }
  void advance(int steps) { self_->advance(steps); }
  void reset() { self_->reset(); }
  void save(StateDict& out, const std::string& prefix) const { self_->save(out, prefix); }
  void load(const StateDict& in, const std::string& prefix) { self_->load(in, prefix); }

  /// The planner inside, or null if it is of another type.
  template <class P>
  P* target() {
    auto* model = dynamic_cast<Model<P>*>(self_.get());
    return model ? &model->planner : nullptr;
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual void plan(const State& state, int t, ActionPlan<S>& result) = 0;
    virtual void set_deadline(const Deadline& deadline) = 0;
    virtual void track(const State& state, int k, VecRef<S>& action) const = 0;
    virtual void advance(int steps) = 0;
    virtual void reset() = 0;
    virtual void save(StateDict& out, const std::string& prefix) const = 0;
    virtual void load(const StateDict& in, const std::string& prefix) = 0;
  };
  template <class P>
  struct Model final : Interface {
    explicit Model(P p) : planner(std::move(p)) {}
    void plan(const State& state, int t, ActionPlan<S>& result) override {
      if constexpr (requires { planner.plan(state, t, result); })
        planner.plan(state, t, result);
      else
        result = planner.plan(state, t);
    }
    void set_deadline([[maybe_unused]] const Deadline& deadline) override {
      if constexpr (requires { planner.set_deadline(deadline); }) planner.set_deadline(deadline);
    }
    void track([[maybe_unused]] const State& state, [[maybe_unused]] int k,
               [[maybe_unused]] VecRef<S>& action) const override {
      if constexpr (requires { planner.track(state, k, action); }) planner.track(state, k, action);
    }
    void advance(int steps) override { planner.advance(steps); }
    void reset() override { planner.reset(); }
    void save(StateDict& out, const std::string& prefix) const override { planner.save(out, prefix); }
    void load(const StateDict& in, const std::string& prefix) override { planner.load(in, prefix); }
    P planner;
  };
  std::unique_ptr<Interface> self_;
};

}  // namespace mbrl
