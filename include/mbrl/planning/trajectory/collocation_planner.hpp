// Direct collocation as a planner, for the MPC loop.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "mbrl/core/deadline.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/planning/action_sequence.hpp"
#include "mbrl/planning/planner.hpp"
#include "mbrl/planning/trajectory/collocation.hpp"
#include "mbrl/planning/trajectory/multi_start.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

/// A cost of control steps as the rate per second that collocation integrates, counted from the episode's step
/// `t0` on: sum_t stage(x_t, u_t, t) is taken for int stage / dt.
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

/// Plans `horizon` control steps by a Collocation over its duration: the actions are the solution's in the
/// middle of each step, within the limits. A fresh plan starts from the straight line between the state and
/// the goal and from the smallest action within the limits, later ones from the last solution, shifted; where
/// that does not converge, a fresh one is tried. The predicted return is minus the cost; NaN where no solve
/// converged (counted as unusable): the plan is then the last iterate's. A cost that varies in time (see
/// CollocationSettings::cost_step) counts from the plan's start, a CostRate from the episode's.
///
/// Under a deadline a solve ends with the iterate it has, and the next plan goes on from there, as in the
/// real-time iterations of Diehl, Bock, Schloeder, SIAM J. Control and Optimization 43(5), 2005. Such an
/// iterate does not obey the dynamics yet, so that the plan is whichever costs less when rolled out: its
/// actions, or those of the plan before, shifted (the resting action in a new episode). Limits of states do
/// not count in that comparison.
///
/// With starts (`start_from_several`, step_collocation), for problems without limits of states, it also solves
/// from the trajectories of the best of sampled action sequences (MultiStart) and of suggested actions. The
/// plan is then whichever costs least when rolled out: the solutions' actions, the samples' or those of the
/// plan before, shifted; the predicted return is minus that cost.
template <ContinuousModel Model, TrajectoryCost Cost, TrajectoryConstraint Constraint = Unconstrained>
class CollocationPlanner : public Anytime {
 public:
  using Scalar = double;
  using State = Vecd;

  /// goal: nx, where the line ends (empty: the state itself, held).
  CollocationPlanner(Collocation<Model, Cost, Constraint> solver, int horizon, Vecd goal = {})
      : solver_(std::move(solver)), goal_(std::move(goal)), horizon_(horizon) {
    require(horizon >= 1, "collocation: the horizon is ", horizon, ", expected at least 1");
    if (goal_.size() == 0) return;
    require_dim("collocation", "the goal", goal_.size(), solver_.model().obs_dim());
    require(goal_.allFinite(), "collocation: the goal holds a number that is not finite");
  }

  /// See above; the seed is that of the samples.
  void start_from_several(const ActionBounds& bounds, const MultiStartSettings& starts, std::uint64_t seed) {
    const CollocationLimits& limits = solver_.limits();
    require(limits.state_low.empty() && limits.state_high.empty() && limits.final_low.empty() &&
                limits.final_high.empty(),
            "collocation: several starts are compared by their cost alone, but this problem has limits of "
            "states");
    starts_.emplace("collocation", bounds, static_cast<int>(solver_.model().action_dim()), horizon_, starts,
                    seed);
  }
  /// An action sequence (nu x horizon) that the next plan starts from, too; only with several starts.
  void suggest(ConstBatchRef<double> actions) {
    require(starts_.has_value(), "collocation: a suggestion needs several starts");
    require_dim("collocation", "the suggested actions", actions.rows(), solver_.model().action_dim());
    require_dim("collocation", "the suggested actions' columns", actions.cols(), horizon_);
    suggestion_ = actions;
  }

  ActionPlan<double> plan(const State& state, [[maybe_unused]] int t) {
    if constexpr (requires { solver_.cost().t0; }) solver_.cost().t0 = t;
    if (starts_) return best_of_several(state);
    ActionPlan<double> out;
    const bool warm = states_.cols() > 0;
    CollocationReport report =
        warm ? solver_.solve(state, states_, actions_, deadline_, unfinished_) : fresh(state);
    if (warm && report.status != ProgramStatus::kConverged && report.status != ProgramStatus::kOutOfTime)
      report = fresh(state);
    const bool converged = report.status == ProgramStatus::kConverged;
    const bool out_of_time = unfinished_ = report.status == ProgramStatus::kOutOfTime;
    sample();
    if (!states_.allFinite() || !actions_.allFinite()) reset();
    out.actions = solved_actions();
    out.predicted_return = converged ? -report.cost : std::numeric_limits<double>::quiet_NaN();
    if (out_of_time) {
      if (last_.cols() == 0) last_ = resting();
      out.report.timed_out = true;
      out.predicted_return = -rolled_out(state, out.actions);
      const double otherwise = -rolled_out(state, last_);
      if (!(out.predicted_return >= otherwise)) {
        out.actions = last_;
        out.predicted_return = otherwise;
      }
    }
    last_ = out.actions;
    out.report.iterations = report.newton_steps;
    out.report.unusable = std::isfinite(out.predicted_return) ? 0 : 1;
    out.report.best_return = out.report.mean_return = out.predicted_return;
    return out;
  }

  void advance(int steps) {
    require(steps >= 0, "planner: advance by ", steps, " steps, expected 0 or more");
    shift_columns(states_, 2 * Index{steps});  // a point in the middle of each segment, too
    shift_columns(actions_, 2 * Index{steps});
    shift_columns(last_, steps);
  }
  void reset() {
    unfinished_ = false;
    states_.resize(solver_.model().obs_dim(), 0);
    actions_.resize(solver_.model().action_dim(), 0);
    last_.resize(solver_.model().action_dim(), 0);
  }

  void save(StateDict& out, const std::string& prefix) const {
    out.put_matrix(prefix + "states", states_);
    out.put_matrix(prefix + "actions", actions_);
    out.put_matrix(prefix + "last", last_);
    if (starts_) starts_->save(out, prefix + "starts.");
  }
  void load(const StateDict& in, const std::string& prefix) {
    Batchd states = in.get_matrix<double>(prefix + "states"),
           actions = in.get_matrix<double>(prefix + "actions"), last = in.get_matrix<double>(prefix + "last");
    require(states.cols() == actions.cols() && (states.cols() == 0 || states.cols() == columns()),
            "checkpoint: '", prefix, "states' and '", prefix, "actions' have ", states.cols(), " and ",
            actions.cols(), " columns, expected none or ", columns());
    if (states.cols() > 0) {
      require_dim("checkpoint", prefix + "states", states.rows(), solver_.model().obs_dim());
      require_dim("checkpoint", prefix + "actions", actions.rows(), solver_.model().action_dim());
    }
    if (last.cols() > 0) {
      require_dim("checkpoint", prefix + "last", last.rows(), solver_.model().action_dim());
      require_dim("checkpoint", prefix + "last, its columns", last.cols(), horizon_);
    }
    if (starts_ && in.contains(prefix + "starts.seed")) starts_->load(in, prefix + "starts.");
    unfinished_ = false;
    states_ = std::move(states);
    actions_ = std::move(actions);
    last_ = std::move(last);
  }

  /// Trajectory and report of the last plan.
  const Collocation<Model, Cost, Constraint>& solver() const { return solver_; }
  Collocation<Model, Cost, Constraint>& solver() { return solver_; }

 private:
  Batchd resting() const {
    return within_limits(Vecd::Zero(solver_.model().action_dim())).replicate(1, horizon_);
  }
  // In the middle of each control step.
  Batchd solved_actions() const {
    const double dt = solver_.duration() / horizon_;
    Batchd actions(solver_.model().action_dim(), horizon_);
    for (int k = 0; k < horizon_; ++k) {
      const Vecd action = solver_.action_at((k + 0.5) * dt);
      actions.col(k) = within_limits(action.allFinite() ? action : Vecd::Zero(action.size()));
    }
    return actions;
  }

  ActionPlan<double> best_of_several(const State& state) {
    ActionPlan<double> out;
    out.predicted_return = out.report.best_return = std::numeric_limits<double>::quiet_NaN();
    Batchd best_states, best_actions;  // the next plan's warm start
    bool best_unfinished = false;
    // Keeps the actions if they cost least; whether they do.
    const auto keep = [&](const Batchd& actions, double cost) {
      if (!std::isfinite(cost)) {
        ++out.report.unusable;
        return false;
      }
      if (-cost <= out.predicted_return) return false;
      out.actions = actions;
      out.predicted_return = -cost;
      return true;
    };
    const auto roll_out = [&](const Batchd& actions) {
      ++out.report.rollouts;
      return rolled_out(state, actions);
    };
    const auto keep_sequence = [&](const Batchd& actions, double cost) {
      if (!keep(actions, cost)) return;
      std::tie(best_states, best_actions) = trajectory_of(state, actions);
      best_unfinished = false;
    };
    const auto keep_solution = [&](const CollocationReport& report) {
      out.report.iterations += report.newton_steps;
      const bool late = report.status == ProgramStatus::kOutOfTime;
      out.report.timed_out = out.report.timed_out || late;
      const Batchd actions = solved_actions();
      if (!keep(actions, roll_out(actions))) return;
      unfinished_ = late;
      sample();
      best_unfinished = late;
      best_states = std::exchange(states_, {});
      best_actions = std::exchange(actions_, {});
    };

    if (last_.cols() == 0) last_ = resting();
    const Vecd last = last_.reshaped();
    const Deadline search = MultiStart::search_until(deadline_);
    starts_->search(last, [&](ConstBatchRef<double> sequences, VecRef<double> costs) {
      costs.setConstant(std::numeric_limits<double>::quiet_NaN());
      for (Index k = 0; k < sequences.cols() && !search.passed(); ++k)
        costs(k) = roll_out(sequences.col(k).reshaped(last_.rows(), last_.cols()));
    });
    const Batchd warm_states = std::exchange(states_, {}), warm_actions = std::exchange(actions_, {});
    const bool warm = warm_states.cols() > 0 && warm_states.allFinite() && warm_actions.allFinite();
    bool converged = false;
    if (warm) {
      const CollocationReport& report =
          solver_.solve(state, warm_states, warm_actions, deadline_, unfinished_);
      converged = report.status == ProgramStatus::kConverged;
      keep_solution(report);
    }
    if (!converged && !(warm && deadline_.passed())) keep_solution(fresh(state));
    keep_sequence(last_, roll_out(last_));
    const auto solve_from = [&](const Batchd& actions, double cost) {
      keep_sequence(actions, cost);
      if (!std::isfinite(cost) || deadline_.passed()) return;
      const auto [states, controls] = trajectory_of(state, actions);
      keep_solution(solver_.solve(state, states, controls, deadline_));
    };
    if (suggestion_.cols() > 0 && suggestion_.allFinite()) solve_from(suggestion_, roll_out(suggestion_));
    suggestion_.resize(0, 0);
    for (int i = 0; i < starts_->count(); ++i)
      solve_from(starts_->start(i).reshaped(last_.rows(), last_.cols()), starts_->cost(i));
    if (out.actions.cols() == 0) out.actions = last_;
    last_ = out.actions;
    states_ = std::move(best_states);
    actions_ = std::move(best_actions);
    unfinished_ = best_unfinished;
    out.report.best_return = out.report.mean_return = out.predicted_return;
    return out;
  }
  // States and actions at columns() points of what actions (nu x horizon), each held for its step, lead to.
  std::pair<Batchd, Batchd> trajectory_of(const Vecd& start, const Batchd& actions) const {
    Batchd states(start.size(), columns()), controls(actions.rows(), columns());
    typename Model::Workspace workspace;
    Vecd x = start;
    states.col(0) = x;
    for (int k = 0; k < horizon_; ++k)
      for (const int half : {1, 2}) {
        step(x, actions.col(k), 0.5 * solver_.duration() / horizon_, workspace);
        states.col(2 * k + half) = x;
        controls.col(2 * k + half - 1) = actions.col(k);
      }
    controls.rightCols(1) = actions.rightCols(1);
    return {std::move(states), std::move(controls)};
  }
  // One step of RK4.
  void step(Vecd& x, const Vecd& u, double dt, typename Model::Workspace& workspace) const {
    Vecd k1(x.size()), k2(x.size()), k3(x.size()), k4(x.size());
    solver_.model().rate(x, u, k1, workspace);
    solver_.model().rate(Vecd(x + 0.5 * dt * k1), u, k2, workspace);
    solver_.model().rate(Vecd(x + 0.5 * dt * k2), u, k3, workspace);
    solver_.model().rate(Vecd(x + dt * k3), u, k4, workspace);
    x += dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
  }

  const CollocationReport& fresh(const State& state) {
    Batchd line(state.size(), 2);
    line.col(0) = state;
    line.col(1) = goal_.size() > 0 ? goal_ : state;
    return solver_.solve(state, line, within_limits(Vecd::Zero(solver_.model().action_dim())), deadline_);
  }
  // Cost of actions (nu x horizon), each held for its step: RK4, and the stage cost by the trapezoid rule.
  double rolled_out(Vecd x, const Batchd& actions) const {
    const double dt = solver_.duration() / horizon_;
    typename Model::Workspace workspace;
    double sum = 0;
    for (int t = 0; t < horizon_; ++t) {
      const Vecd u = actions.col(t);
      const int at = solver_.cost_time(t * dt);
      sum += 0.5 * dt * solver_.cost().stage(x, u, at);
      step(x, u, dt, workspace);
      sum += 0.5 * dt * solver_.cost().stage(x, u, at);
    }
    return sum + solver_.cost().final_cost(x, solver_.cost_time(solver_.duration()));
  }
  Vecd within_limits(Vecd action) const {
    const CollocationLimits& limits = solver_.limits();
    for (std::size_t i = 0; i < limits.action_low.size(); ++i) {
      double& a = action(static_cast<Index>(i));
      a = std::clamp(a, limits.action_low[i], limits.action_high[i]);
    }
    return action;
  }
  // Of the warm start: the solution at the control steps and half way between, where Hermite-Simpson has its
  // points.
  Index columns() const { return 2 * Index{horizon_} + 1; }
  void sample() {
    states_.resize(solver_.model().obs_dim(), columns());
    actions_.resize(solver_.model().action_dim(), columns());
    for (Index i = 0; i < columns(); ++i) {
      const double time = solver_.duration() * static_cast<double>(i) / static_cast<double>(columns() - 1);
      if (unfinished_) {
        const Vecd point = solver_.point_at(time);
        states_.col(i) = point.head(states_.rows());
        actions_.col(i) = point.tail(actions_.rows());
      } else {
        states_.col(i) = solver_.state_at(time);
        actions_.col(i) = solver_.action_at(time);
      }
    }
  }

  Collocation<Model, Cost, Constraint> solver_;
  Vecd goal_;
  int horizon_;
  Batchd states_, actions_;  // nx and nu x columns(), the warm start; no column: none
  Batchd last_;              // nu x horizon: the last plan, shifted
  bool unfinished_ = false;  // the last solve ran out of time
  std::optional<MultiStart> starts_;
  Batchd suggestion_;  // nu x horizon; no column: none
};

/// The planner for a cost that is counted in control steps of dt seconds: one segment a step, actions within
/// the bounds. The settings' segments, refinements and cost_step do not matter. By default it has one start,
/// see CollocationPlanner::start_from_several.
template <ContinuousModel Model, TrajectoryCost Cost>
CollocationPlanner<Model, CostRate<Cost>> step_collocation(Model model, Cost cost, double dt, int horizon,
                                                           const ActionBounds& bounds,
                                                           CollocationSettings settings = {},
                                                           const MultiStartSettings& starts = {.starts = 1},
                                                           std::uint64_t seed = 0) {
  require(std::isfinite(dt) && dt > 0, "collocation: dt is ", dt, ", expected more than 0");
  require(horizon >= 1, "collocation: the horizon is ", horizon, ", expected at least 1");
  bounds.validate("collocation", static_cast<int>(model.action_dim()));
  settings.segments = horizon;
  settings.refinements = 0;
  settings.cost_step = dt;
  CollocationLimits limits;
  limits.action_low = bounds.low;
  limits.action_high = bounds.high;
  CollocationPlanner<Model, CostRate<Cost>> planner(
      Collocation<Model, CostRate<Cost>>(std::move(model), CostRate<Cost>{std::move(cost), dt}, dt * horizon,
                                         settings, std::move(limits)),
      horizon);
  if (starts.starts > 1) planner.start_from_several(bounds, starts, seed);
  return planner;
}

}  // namespace mbrl
