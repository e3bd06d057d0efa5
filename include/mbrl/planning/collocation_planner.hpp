// Direct collocation as a planner, for the MPC loop.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/planning/collocation.hpp"
#include "mbrl/planning/planner.hpp"

namespace mbrl {

// Plans `horizon` control steps by a Collocation over its duration: the actions are the solution's in the
// middle of each step. A fresh plan starts from the straight line between the state and the goal and from no
// action, later ones from the last solution, shifted; where that does not converge, a fresh one is tried. The
// predicted return is minus the cost, NaN where no solve converged: the plan is then the last iterate's.
// Costs that vary in time (see CollocationSettings::cost_step) count from the plan's start, not from the
// episode's.
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

  ActionPlan<double> plan(const State& state, int) {
    ActionPlan<double> out;
    const bool warm = states_.cols() > 0;
    CollocationReport report = warm ? solver_.solve(state, states_, actions_) : fresh(state);
    if (warm && report.status != ProgramStatus::kConverged) report = fresh(state);
    const bool converged = report.status == ProgramStatus::kConverged;
    const double dt = solver_.duration() / horizon_;
    out.actions.resize(solver_.model().action_dim(), horizon_);
    for (int t = 0; t < horizon_; ++t) out.actions.col(t) = solver_.action_at((t + 0.5) * dt);
    if (converged)
      sample();
    else
      reset();
    out.predicted_return = converged ? -report.cost : std::numeric_limits<double>::quiet_NaN();
    out.report.iterations = report.newton_steps;
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
    return solver_.solve(state, line, Batchd::Zero(solver_.model().action_dim(), 1));
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

}  // namespace mbrl
