// Direct collocation as a planner of control steps, for costs that are counted in them.
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

// Plans by Collocation over `horizon` control steps of dt seconds, one segment a step, from the last plan's
// states and actions, shifted. An action of the plan is that of the solution in the middle of its step. The
// predicted return is minus the cost; NaN where the solver stopped without meeting its tolerances (counted as
// unusable), and then the plan is what it had. Deadlines are not heeded: what a solve has in between does not
// obey the dynamics.
template <ContinuousModel Model, TrajectoryCost Cost>
class StepCollocation {
 public:
  using Scalar = double;
  using State = Vecd;

  // The settings' segments and cost_step are those of the control steps.
  StepCollocation(Model model, Cost cost, double dt, int horizon, const ActionBounds& bounds,
                  const CollocationSettings& settings = {})
      : solver_(std::move(model), CostRate<Cost>{std::move(cost), dt}, checked(dt, horizon),
                with_steps(settings, dt, horizon), limits(bounds)),
        dt_(dt),
        horizon_(horizon) {
    const Index nu = solver_.model().action_dim();
    bounds.validate("collocation", static_cast<int>(nu));
    low_ = Eigen::Map<const Vecd>(bounds.low.data(), nu);
    high_ = Eigen::Map<const Vecd>(bounds.high.data(), nu);
    reset();
  }

  ActionPlan<double> plan(const State& state, int t) {
    if (states_.cols() == 0) {  // nothing is known yet: at rest where one is
      states_ = state.rowwise().replicate(horizon_ + 1);
      actions_ = Vecd(0.5 * (low_ + high_)).rowwise().replicate(horizon_ + 1);
    }
    solver_.cost().t0 = t;
    const CollocationReport& report = solver_.solve(state, states_, actions_);
    ActionPlan<double> out;
    out.actions.resize(low_.size(), horizon_);
    const bool solved = report.status == ProgramStatus::kConverged;
    for (int k = 0; k < horizon_; ++k) {
      out.actions.col(k) = solver_.action_at(dt_ * (k + 0.5)).cwiseMax(low_).cwiseMin(high_);
      if (!out.actions.col(k).allFinite()) out.actions.col(k) = 0.5 * (low_ + high_);
    }
    states_ = solver_.states();
    actions_ = solver_.actions();
    if (!states_.allFinite() || !actions_.allFinite()) reset();
    out.predicted_return = solved ? -report.cost : std::numeric_limits<double>::quiet_NaN();
    out.report.iterations = report.newton_steps;
    out.report.unusable = solved ? 0 : 1;
    out.report.best_return = out.report.mean_return = out.predicted_return;
    return out;
  }

  void advance(int steps) {
    require(steps >= 0, "planner: advance by ", steps, " steps, expected 0 or more");
    const auto shift = [&](Batchd& m) {
      const Index n = m.cols(), moved = std::min<Index>(steps, n);
      for (Index k = 0; k + moved < n; ++k) m.col(k) = m.col(k + moved);
      for (Index k = std::max<Index>(1, n - moved); k < n; ++k) m.col(k) = m.col(k - 1);
    };
    shift(states_);
    shift(actions_);
  }
  void reset() {
    states_.resize(solver_.model().obs_dim(), 0);
    actions_.resize(low_.size(), 0);
  }

  void save(StateDict& out, const std::string& prefix) const {
    out.put_matrix(prefix + "states", states_);
    out.put_matrix(prefix + "actions", actions_);
  }
  void load(const StateDict& in, const std::string& prefix) {
    Batchd states = in.get_matrix<double>(prefix + "states"),
           actions = in.get_matrix<double>(prefix + "actions");
    require(states.rows() == states_.rows() && actions.rows() == actions_.rows() &&
                states.cols() == actions.cols() && (states.cols() == 0 || states.cols() == horizon_ + 1),
            "checkpoint: '", prefix, "states' is ", states.rows(), " x ", states.cols(), ", expected ",
            states_.rows(), " x ", horizon_ + 1);
    states_ = std::move(states);
    actions_ = std::move(actions);
  }

  const Collocation<Model, CostRate<Cost>>& solver() const { return solver_; }  // of the last plan

 private:
  static double checked(double dt, int horizon) {
    require(std::isfinite(dt) && dt > 0, "collocation: dt is ", dt, ", expected more than 0");
    require(horizon >= 1, "collocation: the horizon is ", horizon, ", expected at least 1");
    return dt * horizon;
  }
  // Meshes made anew have other knots: the guess is read at even times.
  static CollocationSettings with_steps(CollocationSettings s, double dt, int horizon) {
    s.segments = horizon;
    s.refinements = 0;
    s.cost_step = dt;
    return s;
  }
  static CollocationLimits limits(const ActionBounds& bounds) {
    CollocationLimits limits;
    limits.action_low = bounds.low;
    limits.action_high = bounds.high;
    return limits;
  }

  Collocation<Model, CostRate<Cost>> solver_;
  double dt_;
  int horizon_;
  Vecd low_, high_;
  Batchd states_, actions_;  // warm start at the knots; no columns: none
};

}  // namespace mbrl
