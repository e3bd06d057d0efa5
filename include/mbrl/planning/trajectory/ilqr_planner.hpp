// iLQR and DDP as planners, for the MPC loop.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/planning/action_sequence.hpp"
#include "mbrl/planning/planner.hpp"
#include "mbrl/planning/trajectory/ilqr.hpp"
#include "mbrl/planning/trajectory/multi_start.hpp"

namespace mbrl {

/// Plans by Ilqr, from the last plan's actions, shifted, and, where the actions are limited, from the best of
/// sampled action sequences (MultiStart); the plan is the cheapest trajectory found. The predicted return is
/// minus its cost. Where every start diverges, the initial actions are tried; where they diverge too, they are
/// the plan, and the predicted return is NaN. Under a deadline a further start is tried only if an iteration
/// from it will be ready. Between plans `track` closes the loop by the plan's feedback
/// gains.
template <DifferentiableModel Model, TrajectoryCost Cost>
class IlqrPlanner : public Anytime {
 public:
  using Scalar = double;
  using State = Vecd;

  /// initial_action: what a fresh plan starts from at every step, nu (empty: zero). The seed is that of the
  /// samples.
  IlqrPlanner(Model model, Cost cost, int horizon, const IlqrSettings& settings = {},
              std::optional<ActionBounds> bounds = {}, Vecd initial_action = {}, ThreadPool* pool = nullptr,
              const MultiStartSettings& starts = {}, std::uint64_t seed = 0)
      : solver_(std::move(model), std::move(cost), horizon, settings, bounds, pool),
        bounds_(std::move(bounds)),
        initial_action_(std::move(initial_action)) {
    const auto nu = static_cast<Index>(solver_.model().action_dim());
    if (initial_action_.size() == 0) initial_action_.setZero(nu);
    require_dim("ilqr", "the initial action", initial_action_.size(), nu);
    require(initial_action_.allFinite(), "ilqr: the initial action holds a number that is not finite");
    MultiStart::checked("ilqr", starts);
    most_rollouts_ = starts.rollouts;
    if (bounds_) starts_.emplace("ilqr", *bounds_, static_cast<int>(nu), horizon, starts, seed);
    solver_.exchange(best_);
    solver_.exchange(best_);
    start_.setZero(nu, horizon);
    last_.setZero(nu * horizon);
    reset();
  }

  ActionPlan<double> plan(const State& state, int t) {
    ActionPlan<double> result;
    plan(state, t, result);
    return result;
  }
  /// The same into memory that is there already.
  void plan(const State& state, int t, ActionPlan<double>& out) {
    out.report = {};
    left_ = most_rollouts_;
    if (starts_) look_for_starts(state, t, out.report);
    solver_.set_deadline(aim());
    int remaining = 1 + (suggested_ ? 1 : 0) + (starts_ ? starts_->count() : 0);
    found_ = false;
    solve_from(warm_start_, state, t, remaining--, out.report);
    if (std::exchange(suggested_, false)) solve_from(suggestion_, state, t, remaining--, out.report);
    for (int i = 0; remaining > 0; ++i) {
      if (found_ && !solver_.has_time()) {
        out.report.timed_out = true;
        break;
      }
      start_ = starts_->start(i).reshaped(start_.rows(), start_.cols());
      solve_from(start_, state, t, remaining--, out.report);
    }
    if (!found_) {
      reset();
      solve_from(warm_start_, state, t, 1, out.report);
    }
    if (found_) solver_.exchange(best_);
    const IlqrReport& report = solver_.report();
    warm_start_ = solver_.actions();
    planned_ = true;
    out.actions = warm_start_;
    out.predicted_return = -report.cost;
    out.report.best_return = out.report.mean_return = -report.cost;
  }

  /// An action sequence (nu x horizon) that the next plan starts from, too.
  void suggest(ConstBatchRef<double> actions) {
    require_dim("ilqr", "the suggested actions", actions.rows(), start_.rows());
    require_dim("ilqr", "the suggested actions' columns", actions.cols(), start_.cols());
    suggestion_ = actions;
    suggested_ = suggestion_.allFinite();
  }

  /// The action of step k of the last plan for the state x that has been reached: u_k + K_k (x - x_k), within
  /// the limits.
  void track(const State& x, int k, VecRef<double> action) const {
    if (!planned_) return;
    action = solver_.actions().col(k);
    const auto gain = solver_.gain(k);  // by columns: a product with a difference would allocate it
    for (Index j = 0; j < x.size(); ++j) action += gain.col(j) * (x(j) - solver_.states()(j, k));
    if (!bounds_) return;
    for (std::size_t i = 0; i < bounds_->low.size(); ++i) {
      double& a = action(static_cast<Index>(i));
      a = std::clamp(a, bounds_->low[i], bounds_->high[i]);
    }
  }

  void advance(int steps) {
    require(steps >= 0, "planner: advance by ", steps, " steps, expected 0 or more");
    shift_columns(warm_start_, steps);
  }
  void reset() { warm_start_ = initial_action_.rowwise().replicate(solver_.horizon()); }

  void save(StateDict& out, const std::string& prefix) const {
    out.put_matrix(prefix + "actions", warm_start_);
    if (starts_) starts_->save(out, prefix + "starts.");
    if (!planned_) return;
    out.put_matrix(prefix + "plan.actions", solver_.actions());
    out.put_matrix(prefix + "plan.states", solver_.states());
    Batchd gains(solver_.states().rows(), solver_.actions().size());
    for (int k = 0; k < solver_.horizon(); ++k)
      gains.middleCols(k * start_.rows(), start_.rows()) = solver_.gain(k).transpose();
    out.put_matrix(prefix + "plan.gains", gains);
  }
  void load(const StateDict& in, const std::string& prefix) {
    const auto matrix = [&](const char* name, Index rows, Index columns) {
      Batchd m = in.get_matrix<double>(prefix + name);
      require(m.rows() == rows && m.cols() == columns, "checkpoint: '", prefix, name, "' is ", m.rows(),
              " x ", m.cols(), ", expected ", rows, " x ", columns);
      return m;
    };
    const Index nu = warm_start_.rows(), n = warm_start_.cols(), nx = solver_.states().rows();
    Batchd actions = matrix("actions", nu, n);
    typename Ilqr<Model, Cost>::Solution solution;
    const bool planned = in.contains(prefix + "plan.actions");
    if (planned) {
      solution.actions = matrix("plan.actions", nu, n);
      solution.states = matrix("plan.states", nx, n + 1);
      solution.gains_t = matrix("plan.gains", nx, nu * n);
    }
    if (starts_ && in.contains(prefix + "starts.seed")) starts_->load(in, prefix + "starts.");
    if (planned) solver_.exchange(solution);
    planned_ = planned;
    warm_start_ = std::move(actions);
  }

  /// Trajectory, gains and report of the last plan.
  const Ilqr<Model, Cost>& solver() const { return solver_; }
  Ilqr<Model, Cost>& solver() { return solver_; }

 private:
  void look_for_starts(const State& state, int t, PlanReport& report) {
    last_ = warm_start_.reshaped();
    solver_.set_deadline(MultiStart::search_until(aim()));
    starts_->search(last_, [&](ConstBatchRef<double> sequences, VecRef<double> costs) {
      const std::int64_t rollouts = solver_.costs_of(state, sequences, t, costs);
      report.rollouts += rollouts;
      report.unusable += rollouts - costs.array().isFinite().template cast<std::int64_t>().sum();
      if (most_rollouts_ > 0) left_ = std::max<std::int64_t>(left_ - rollouts, 1);
    });
  }

  // Keeps the solution if it is the cheapest so far. `remaining` starts share the rollouts that are left.
  void solve_from(const Batchd& actions, const State& state, int t, int remaining, PlanReport& report) {
    if (most_rollouts_ > 0) solver_.limit_rollouts(std::max<std::int64_t>(1, left_ / remaining));
    const IlqrReport& solved = solver_.solve(state, actions, t);
    left_ -= solved.forward_passes;
    report.rollouts += solved.forward_passes;
    report.unusable += solved.diverged;
    report.iterations += solved.iterations + solved.rejected;
    report.timed_out = report.timed_out || solved.status == IlqrStatus::kOutOfTime;
    if (!std::isfinite(solved.cost) || (found_ && !(solved.cost < best_.report.cost))) return;
    solver_.exchange(best_);
    found_ = true;
  }

  Ilqr<Model, Cost> solver_;
  std::optional<ActionBounds> bounds_;
  Vecd initial_action_;
  std::optional<MultiStart> starts_;
  std::int64_t most_rollouts_ = 0, left_ = 0;  // of a plan; 0: any number
  typename Ilqr<Model, Cost>::Solution best_;  // of the plan being made
  bool found_ = false;                         // whether there is one
  bool planned_ = false;                       // whether the solver holds a plan
  bool suggested_ = false;
  Batchd warm_start_, suggestion_, start_;
  Vecd last_;
};

}  // namespace mbrl
