// iLQR and DDP as planners, for the MPC loop.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/planning/ilqr.hpp"
#include "mbrl/planning/plan_sequence.hpp"
#include "mbrl/planning/planner.hpp"

namespace mbrl {

// Plans by Ilqr from the last plan's actions, shifted. The predicted return is minus the cost. Where the warm
// start diverges, the initial actions are tried; where they diverge too, they are the plan, and the predicted
// return is NaN.
template <DifferentiableModel Model, TrajectoryCost Cost>
class IlqrPlanner {
 public:
  using Scalar = double;
  using State = Vecd;

  // initial_action: what a fresh plan starts from at every step, nu (empty: zero).
  IlqrPlanner(Model model, Cost cost, int horizon, const IlqrSettings& settings = {},
              std::optional<ActionBounds> bounds = {}, Vecd initial_action = {}, ThreadPool* pool = nullptr)
      : solver_(std::move(model), std::move(cost), horizon, settings, std::move(bounds), pool),
        initial_action_(std::move(initial_action)) {
    const auto nu = static_cast<Index>(solver_.model().action_dim());
    if (initial_action_.size() == 0) initial_action_.setZero(nu);
    require_dim("ilqr", "the initial action", initial_action_.size(), nu);
    require(initial_action_.allFinite(), "ilqr: the initial action holds a number that is not finite");
    reset();
  }

  ActionPlan<double> plan(const State& state, int t) {
    ActionPlan<double> result;
    plan(state, t, result);
    return result;
  }
  // The same into memory that is there already.
  void plan(const State& state, int t, ActionPlan<double>& out) {
    out.report = {};
    IlqrReport report = solver_.solve(state, warm_start_, t);
    out.report.rollouts = report.forward_passes;
    out.report.unusable = report.diverged;
    if (report.status == IlqrStatus::kDivergedStart) {
      reset();
      report = solver_.solve(state, warm_start_, t);
      out.report.rollouts += report.forward_passes;
      out.report.unusable += report.diverged;
    }
    warm_start_ = solver_.actions();
    out.actions = warm_start_;
    out.predicted_return = -report.cost;
    out.report.iterations = report.iterations + report.rejected;
    out.report.best_return = out.report.mean_return = -report.cost;
    out.report.timed_out = report.status == IlqrStatus::kOutOfTime;
  }

  void set_deadline(const Deadline& deadline) { solver_.set_deadline(deadline); }
  void advance(int steps) {
    require(steps >= 0, "planner: advance by ", steps, " steps, expected 0 or more");
    shift_columns(warm_start_, steps);
  }
  void reset() { warm_start_ = initial_action_.rowwise().replicate(solver_.horizon()); }

  void save(StateDict& out, const std::string& prefix) const {
    out.put_matrix(prefix + "actions", warm_start_);
  }
  void load(const StateDict& in, const std::string& prefix) {
    Batchd actions = in.get_matrix<double>(prefix + "actions");
    require(actions.rows() == warm_start_.rows() && actions.cols() == warm_start_.cols(), "checkpoint: '",
            prefix, "actions' is ", actions.rows(), " x ", actions.cols(), ", expected ", warm_start_.rows(),
            " x ", warm_start_.cols());
    warm_start_ = std::move(actions);
  }

  // Trajectory, gains and report of the last plan.
  const Ilqr<Model, Cost>& solver() const { return solver_; }
  Ilqr<Model, Cost>& solver() { return solver_; }

 private:
  Ilqr<Model, Cost> solver_;
  Vecd initial_action_;
  Batchd warm_start_;
};

}  // namespace mbrl
