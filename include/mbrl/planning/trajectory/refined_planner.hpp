// A sampling planner whose plan is refined by one that descends: the one finds the valley, the other its
// bottom.
#pragma once

#include <string>
#include <utility>

#include "mbrl/core/deadline.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/planning/planner.hpp"

namespace mbrl {

/// Plans with Sampler, then with Local, which starts from that plan as well as from its own last one. Local
/// offers suggest(actions) (IlqrPlanner, GradientPlanner, CollocationPlanner). Under a deadline the sampler
/// has half of the time. Both must plan for the same problem. By name: icem+ilqr (known_dynamics.hpp).
template <Planner Sampler, Planner Local>
class RefinedPlanner {
 public:
  using Scalar = typename Local::Scalar;
  using State = typename Local::State;

  RefinedPlanner(Sampler sampler, Local local) : sampler_(std::move(sampler)), local_(std::move(local)) {}

  ActionPlan<Scalar> plan(const State& state, int t) {
    ActionPlan<Scalar> result;
    plan(state, t, result);
    return result;
  }
  /// The same into memory that is there already.
  void plan(const State& state, int t, ActionPlan<Scalar>& result) {
    sampler_.plan(state, t, sampled_);
    if (sampled_.status() != PlanStatus::kUnusable) local_.suggest(sampled_.actions);
    if constexpr (requires { local_.plan(state, t, result); })
      local_.plan(state, t, result);
    else
      result = local_.plan(state, t);
    result.report.rollouts += sampled_.report.rollouts;
    result.report.unusable += sampled_.report.unusable;
    result.report.timed_out = result.report.timed_out || sampled_.report.timed_out;
  }

  void set_deadline(const Deadline& deadline) {
    local_.set_deadline(deadline);
    if (!deadline.given()) {
      sampler_.set_deadline(deadline);
    } else {
      const double now = deadline.now();
      sampler_.set_deadline(deadline.at_time(now + 0.5 * (deadline.at() - now)));
    }
  }
  void track(const State& state, int k, VecRef<Scalar> action) const {
    if constexpr (requires { local_.track(state, k, action); }) local_.track(state, k, action);
  }
  void advance(int steps) {
    sampler_.advance(steps);
    local_.advance(steps);
  }
  void reset() {
    sampler_.reset();
    local_.reset();
  }
  void save(StateDict& out, const std::string& prefix) const {
    sampler_.save(out, prefix + "sampler.");
    local_.save(out, prefix + "local.");
  }
  void load(const StateDict& in, const std::string& prefix) {
    sampler_.load(in, prefix + "sampler.");
    local_.load(in, prefix + "local.");
  }

  const Sampler& sampler() const { return sampler_; }
  const Local& local() const { return local_; }

 private:
  Sampler sampler_;
  Local local_;
  ActionPlan<Scalar> sampled_;
};

}  // namespace mbrl
