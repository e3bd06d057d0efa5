// Direct collocation as a planner, for the MPC loop.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/planning/action_bounds.hpp"
#include "mbrl/planning/collocation.hpp"
#include "mbrl/planning/planner.hpp"

namespace mbrl {

// A cost of control steps as the rate per second that collocation integrates, counted from the episode's step
// `t0` on: sum_t stage(x_t, u_t, t) is taken for int stage / dt.
template <TrajectoryCost Cost>
struct CostRate {
  Cost cost;
  double dt;  // s
  int t0 = 0;

  double stage(ConstVecRef<double> x, ConstVecRef<double> u, int t) const {
    return cost.stage(x, u, t0 + t) / dt;
  }
  double final_cost(ConstVecRef<double> x, int t) const { return cost.final_cost(x, t0 + t); }
  void stage_derivatives(ConstVecRef<double> x, ConstVecRef<double> u, int t, VecRef<double> gradient,
                         BatchRef<double> hessian) const {
    cost.stage_derivatives(x, u, t0 + t, gradient, hessian);
    gradient /= dt;
    hessian /= dt;
  }
  void final_derivatives(ConstVecRef<double> x, int t, VecRef<double> gradient,
                         BatchRef<double> hessian) const {
    cost.final_derivatives(x, t0 + t, gradient, hessian);
  }
};

// Plans `horizon` control steps by a Collocation over its duration: the actions are the solution's in the
// middle of each step, within the limits. A fresh plan starts from the straight line between the state and
// the goal and from the smallest action within the limits, later ones from the last solution, shifted; where
// that does not converge, a fresh one is tried. The predicted return is minus the cost; NaN where no solve
// converged (counted as unusable): the plan is then the last iterate's. A cost that varies in time (see
// CollocationSettings::cost_step) counts from the plan's start, a CostRate from the episode's. Deadlines are
// not heeded: what a solve has in between does not obey the dynamics.
template <ContinuousModel Model, TrajectoryCost Cost, TrajectoryConstraint Constraint = Unconstrained>
class CollocationPlanner {
 public:
  using Scalar = double;
  using State = Vecd;

  // goal: nx, where the line ends (empty: the state itself, held).
  CollocationPlanner(Collocation<Model, Cost, Constraint> solver, int horizon, Vecd goal = {})
      : solver_(std::move(solver)), goal_(std::move(goal)), horizon_(horizon) {
    require(horizon >= 1, "collocation: the horizon is ", horizon, ", expected at least 1");
    if (goal_.size() == 0) return;
    require_dim("collocation", "the goal", goal_.size(), solver_.model().obs_dim());
    require(goal_.allFinite(), "collocation: the goal holds a number that is not finite");
  }

  ActionPlan<double> plan(const State& state, [[maybe_unused]] int t) {
    if constexpr (requires { solver_.cost().t0; }) solver_.cost().t0 = t;
    ActionPlan<double> out;
    const bool warm = states_.cols() > 0;
    CollocationReport report = warm ? solver_.solve(state, states_, actions_) : fresh(state);
    if (warm && report.status != ProgramStatus::kConverged) report = fresh(state);
    const bool converged = report.status == ProgramStatus::kConverged;
    sample();
    if (!states_.allFinite() || !actions_.allFinite()) reset();
    const double dt = solver_.duration() / horizon_;
    out.actions.resize(solver_.model().action_dim(), horizon_);
    for (int k = 0; k < horizon_; ++k) {
      const Vecd action = solver_.action_at((k + 0.5) * dt);
      out.actions.col(k) = within_limits(action.allFinite() ? action : Vecd::Zero(action.size()));
    }
    out.predicted_return = converged ? -report.cost : std::numeric_limits<double>::quiet_NaN();
    out.report.iterations = report.newton_steps;
    out.report.unusable = converged ? 0 : 1;
    out.report.best_return = out.report.mean_return = out.predicted_return;
    return out;
  }

  void advance(int steps) {
    require(steps >= 0, "planner: advance by ", steps, " steps, expected 0 or more");
    const Index n = states_.cols(), moved = std::min<Index>(steps, std::max<Index>(0, n - 1));
    for (Index t = 0; t < n; ++t) {
      states_.col(t) = states_.col(std::min(t + moved, n - 1)).eval();
      actions_.col(t) = actions_.col(std::min(t + moved, n - 1)).eval();
    }
  }
  void reset() {
    states_.resize(solver_.model().obs_dim(), 0);
    actions_.resize(solver_.model().action_dim(), 0);
  }

  void save(StateDict& out, const std::string& prefix) const {
    out.put_matrix(prefix + "states", states_);
    out.put_matrix(prefix + "actions", actions_);
  }
  void load(const StateDict& in, const std::string& prefix) {
    Batchd states = in.get_matrix<double>(prefix + "states"),
           actions = in.get_matrix<double>(prefix + "actions");
    require(states.cols() == actions.cols() && (states.cols() == 0 || states.cols() == horizon_ + 1),
            "checkpoint: '", prefix, "states' and '", prefix, "actions' have ", states.cols(), " and ",
            actions.cols(), " columns, expected none or ", horizon_ + 1);
    if (states.cols() > 0) {
      require_dim("checkpoint", prefix + "states", states.rows(), solver_.model().obs_dim());
      require_dim("checkpoint", prefix + "actions", actions.rows(), solver_.model().action_dim());
    }
    states_ = std::move(states);
    actions_ = std::move(actions);
  }

  // Trajectory and report of the last plan.
  const Collocation<Model, Cost, Constraint>& solver() const { return solver_; }
  Collocation<Model, Cost, Constraint>& solver() { return solver_; }

 private:
  const CollocationReport& fresh(const State& state) {
    Batchd line(state.size(), 2);
    line.col(0) = state;
    line.col(1) = goal_.size() > 0 ? goal_ : state;
    return solver_.solve(state, line, within_limits(Vecd::Zero(solver_.model().action_dim())));
  }
  Vecd within_limits(Vecd action) const {
    const CollocationLimits& limits = solver_.limits();
    for (std::size_t i = 0; i < limits.action_low.size(); ++i) {
      double& a = action(static_cast<Index>(i));
      a = std::clamp(a, limits.action_low[i], limits.action_high[i]);
    }
    return action;
  }
  // The warm start: the solution at the control steps.
  void sample() {
    const double dt = solver_.duration() / horizon_;
    states_.resize(solver_.model().obs_dim(), horizon_ + 1);
    actions_.resize(solver_.model().action_dim(), horizon_ + 1);
    for (int t = 0; t <= horizon_; ++t) {
      states_.col(t) = solver_.state_at(t * dt);
      actions_.col(t) = solver_.action_at(t * dt);
    }
  }

  Collocation<Model, Cost, Constraint> solver_;
  Vecd goal_;
  int horizon_;
  Batchd states_, actions_;  // nx and nu x (horizon + 1); no column: none
};

// The planner for a cost that is counted in control steps of dt seconds: one segment a step, actions within
// the bounds. The settings' segments, refinements and cost_step do not matter.
template <ContinuousModel Model, TrajectoryCost Cost>
CollocationPlanner<Model, CostRate<Cost>> step_collocation(Model model, Cost cost, double dt, int horizon,
                                                           const ActionBounds& bounds,
                                                           CollocationSettings settings = {}) {
  require(std::isfinite(dt) && dt > 0, "collocation: dt is ", dt, ", expected more than 0");
  require(horizon >= 1, "collocation: the horizon is ", horizon, ", expected at least 1");
  bounds.validate("collocation", static_cast<int>(model.action_dim()));
  settings.segments = horizon;
  settings.refinements = 0;
  settings.cost_step = dt;
  CollocationLimits limits;
  limits.action_low = bounds.low;
  limits.action_high = bounds.high;
  return CollocationPlanner<Model, CostRate<Cost>>(
      Collocation<Model, CostRate<Cost>>(std::move(model), CostRate<Cost>{std::move(cost), dt}, dt * horizon,
                                         settings, std::move(limits)),
      horizon);
}

}  // namespace mbrl
