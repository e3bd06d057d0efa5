// Model-predictive control: plan, execute the first actions, shift the plan, plan again from where one has
// come out.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/planning/latency_recorder.hpp"
#include "mbrl/planning/planner.hpp"

namespace mbrl {

struct MpcSettings {
  int replan_every = 1;      // control steps executed of a plan before the next
  int cold_start_plans = 1;  // plans made at an episode's first step, each starting from the last: a planner
                             // that lives on its warm start has none there

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("replan_every", s.replan_every, "control steps executed of a plan before the next");
    field("cold_start_plans", s.cold_start_plans,
          "plans made at an episode's first step, each starting from the last");
  }
};

template <Planner P>
class Mpc {
 public:
  using Scalar = typename P::Scalar;
  using State = typename P::State;

  explicit Mpc(P planner, const MpcSettings& settings = {})
      : planner_(std::move(planner)), settings_(settings) {
    require(settings.replan_every >= 1, "mpc: replan_every is ", settings.replan_every,
            ", expected at least 1");
    require(settings.cold_start_plans >= 1, "mpc: cold_start_plans is ", settings.cold_start_plans,
            ", expected at least 1");
  }

  // The action (action_dim) for the next control step. Call once a step, `reset` before an episode's first.
  Vec<Scalar> act(const State& state) {
    if (executed_ == settings_.replan_every || plan_.actions.cols() == 0) {
      if (executed_ > 0) planner_.advance(executed_);
      plan_ = latency_.time(
          [&] { return plan_.actions.cols() == 0 ? cold_start(state) : planner_.plan(state, t_); });
      require(plan_.actions.cols() >= settings_.replan_every, "mpc: replan_every is ", settings_.replan_every,
              ", expected 1 to the planning horizon, ", plan_.actions.cols());
      executed_ = 0;
    }
    ++t_;
    return plan_.actions.col(executed_++);
  }

  // A new episode: forgets the plan, the planner's warm start and the time.
  void reset() {
    planner_.reset();
    plan_ = {};
    executed_ = 0;
    t_ = 0;
  }

  const ActionPlan<Scalar>& last_plan() const { return plan_; }  // empty before the first
  bool planned_now() const { return executed_ == 1; }            // whether the last `act` made a plan
  int step() const { return t_; }                                // control steps of this episode so far
  P& planner() { return planner_; }
  const P& planner() const { return planner_; }
  const MpcSettings& settings() const { return settings_; }
  // Planning times since construction or `latency().clear()`; not saved.
  LatencyRecorder& latency() { return latency_; }
  const LatencyRecorder& latency() const { return latency_; }

  void save(StateDict& out, const std::string& prefix) const requires Checkpointable<P> {
    planner_.save(out, prefix + "planner.");
    out.put_matrix(prefix + "actions", plan_.actions);
    out.put_scalar(prefix + "predicted_return", plan_.predicted_return);
    const double returns[] = {plan_.report.best_return, plan_.report.mean_return};
    out.put(prefix + "returns", returns, {2});
    const std::int64_t counts[] = {plan_.report.rollouts, plan_.report.iterations, plan_.report.unusable,
                                   executed_, t_};
    out.put(prefix + "counts", counts, {5});
  }
  void load(const StateDict& in, const std::string& prefix) requires Checkpointable<P> {
    ActionPlan<Scalar> plan;
    plan.actions = in.get_matrix<Scalar>(prefix + "actions");
    plan.predicted_return = in.get_scalar<Scalar>(prefix + "predicted_return");
    const auto returns = in.get<double>(prefix + "returns");
    require_dim("checkpoint: '" + prefix + "returns'", "the array", returns.size(), 2);
    const auto counts = in.get<std::int64_t>(prefix + "counts");
    require_dim("checkpoint: '" + prefix + "counts'", "the array", counts.size(), 5);
    plan.report = {counts[0], static_cast<int>(counts[1]), counts[2], returns[0], returns[1]};
    require(counts[3] >= 0 && counts[3] <= plan.actions.cols(), "checkpoint: '", prefix,
            "counts': ", counts[3], " actions executed of a plan of ", plan.actions.cols());
    planner_.load(in, prefix + "planner.");
    plan_ = std::move(plan);
    executed_ = static_cast<int>(counts[3]);
    t_ = static_cast<int>(counts[4]);
  }

 private:
  // The last of several plans; its report counts the rollouts of all.
  ActionPlan<Scalar> cold_start(const State& state) {
    ActionPlan<Scalar> plan;
    std::int64_t rollouts = 0;
    for (int i = 0; i < settings_.cold_start_plans; ++i) {
      plan = planner_.plan(state, t_);
      rollouts += plan.report.rollouts;
    }
    plan.report.rollouts = rollouts;
    return plan;
  }

  P planner_;
  MpcSettings settings_;
  ActionPlan<Scalar> plan_;
  int executed_ = 0;  // actions of `plan_` handed out
  int t_ = 0;
  LatencyRecorder latency_;
};

}  // namespace mbrl
