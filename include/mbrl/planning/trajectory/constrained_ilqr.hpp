// iLQR and DDP under general constraints, equalities and inequalities, by the augmented Lagrangian.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/planning/trajectory/ilqr.hpp"
#include "mbrl/task/trajectory_constraint.hpp"

namespace mbrl {

/// cost + rho/2 sum |r|^2 with r = g + y/rho - [g + y/rho], [.] clamping to the limits: the augmented
/// Lagrangian (Rockafellar 1974) as a TrajectoryCost. `exact` takes the constraints' second derivatives too,
/// else the Hessian is Gauss and Newton's, rho J'J.
template <TrajectoryCost Cost, TrajectoryConstraint Constraint>
class AugmentedCost {
 public:
  static constexpr int kStage = Constraint::kStageDim, kFinal = Constraint::kFinalDim;

  AugmentedCost(Cost cost, Constraint constraint, int horizon, bool exact)
      : cost_(std::move(cost)),
        constraint_(std::move(constraint)),
        exact_(exact),
        stage_multipliers_(kStage, horizon),
        final_multipliers_(kFinal) {
    clear(1.0);
  }

  double stage(ConstVecRef<double> x, ConstVecRef<double> u, int t) const {
    const double cost = cost_.stage(x, u, t);
    if constexpr (kStage == 0) return cost;
    Values<kStage> g;
    constraint_.stage(x, u, t, g);
    return cost + penalty(g, stage_multipliers_.col(column(t)), constraint_.stage_limits());
  }
  double final_cost(ConstVecRef<double> x, int t) const {
    const double cost = cost_.final_cost(x, t);
    if constexpr (kFinal == 0) return cost;
    Values<kFinal> g;
    constraint_.final_values(x, t, g);
    return cost + penalty(g, final_multipliers_, constraint_.final_limits());
  }
  void stage_derivatives(ConstVecRef<double> x, ConstVecRef<double> u, int t, VecRef<double> gradient,
                         BatchRef<double> hessian) const {
    cost_.stage_derivatives(x, u, t, gradient, hessian);
    if constexpr (kStage > 0) {
      Values<kStage> g;
      constraint_.stage(x, u, t, g);
      Rows<kStage> jacobian(kStage, gradient.size());
      constraint_.stage_jacobian(x, u, t, jacobian);
      const Values<kStage> y = add_derivatives(g, stage_multipliers_.col(column(t)),
                                               constraint_.stage_limits(), jacobian, gradient, hessian);
      if (exact_) {
        Batchd curvature(gradient.size(), gradient.size());
        constraint_.stage_hessian(x, u, t, y, curvature);
        hessian += curvature;
      }
    }
  }
  void final_derivatives(ConstVecRef<double> x, int t, VecRef<double> gradient,
                         BatchRef<double> hessian) const {
    cost_.final_derivatives(x, t, gradient, hessian);
    if constexpr (kFinal > 0) {
      Values<kFinal> g;
      constraint_.final_values(x, t, g);
      Rows<kFinal> jacobian(kFinal, gradient.size());
      constraint_.final_jacobian(x, t, jacobian);
      const Values<kFinal> y =
          add_derivatives(g, final_multipliers_, constraint_.final_limits(), jacobian, gradient, hessian);
      if (exact_) {
        Batchd curvature(gradient.size(), gradient.size());
        constraint_.final_hessian(x, t, y, curvature);
        hessian += curvature;
      }
    }
  }

  void clear(double rho) {
    stage_multipliers_.setZero();
    final_multipliers_.setZero();
    rho_ = rho;
  }
  void set_start(int t0) { t0_ = t0; }
  void set_penalty(double rho) { rho_ = rho; }
  double penalty() const { return rho_; }

  struct Violation {
    double limits = 0;           // largest distance of a constraint from its limits
    double complementarity = 0;  // the same for g and [g + y / rho]
  };
  /// Of a trajectory; y <- rho r where `update` says so.
  template <class States, class Actions>
  Violation violation(const States& states, const Actions& actions, bool update) {
    Violation worst;
    if constexpr (kStage > 0) {
      Values<kStage> g;
      for (Index t = 0; t < actions.cols(); ++t) {
        constraint_.stage(states.col(t), actions.col(t), t0_ + static_cast<int>(t), g);
        account(g, stage_multipliers_.col(t), constraint_.stage_limits(), update, worst);
      }
    }
    if constexpr (kFinal > 0) {
      Values<kFinal> g;
      constraint_.final_values(states.col(actions.cols()), t0_ + static_cast<int>(actions.cols()), g);
      account(g, final_multipliers_, constraint_.final_limits(), update, worst);
    }
    return worst;
  }

  const Batchd& stage_multipliers() const { return stage_multipliers_; }
  const Vecd& final_multipliers() const { return final_multipliers_; }
  const Cost& cost() const { return cost_; }
  Cost& cost() { return cost_; }
  const Constraint& constraint() const { return constraint_; }

 private:
  template <int N>
  using Values = Eigen::Matrix<double, N, 1>;
  template <int N>
  using Rows = Eigen::Matrix<double, N, Eigen::Dynamic, N == 1 ? Eigen::RowMajor : Eigen::ColMajor>;

  Index column(int t) const {
    return std::clamp<Index>(static_cast<Index>(t) - t0_, 0, stage_multipliers_.cols() - 1);
  }
  template <class G, class Y, class L>
  double penalty(const G& g, const Y& y, const L& limits) const {
    double sum = 0;
    for (Index i = 0; i < g.size(); ++i) {
      const double moved = g(i) + y(i) / rho_, r = moved - limits.clamped(static_cast<std::size_t>(i), moved);
      sum += r * r;
    }
    return 0.5 * rho_ * sum;
  }
  // Returns the multipliers that this point suggests.
  template <class G, class Y, class L, class J>
  G add_derivatives(const G& g, const Y& y, const L& limits, const J& jacobian, VecRef<double>& gradient,
                    BatchRef<double>& hessian) const {
    G suggested;
    for (Index i = 0; i < g.size(); ++i) {
      const auto k = static_cast<std::size_t>(i);
      const double moved = g(i) + y(i) / rho_, r = moved - limits.clamped(k, moved);
      suggested(i) = rho_ * r;
      if (r == 0.0 && limits.low[k] != limits.high[k]) continue;
      gradient += suggested(i) * jacobian.row(i).transpose();
      hessian.noalias() += rho_ * jacobian.row(i).transpose().lazyProduct(jacobian.row(i));
    }
    return suggested;
  }
  template <class G, class Y, class L>
  void account(const G& g, Y&& y, const L& limits, bool update, Violation& worst) const {
    for (Index i = 0; i < g.size(); ++i) {
      const auto k = static_cast<std::size_t>(i);
      const double moved = g(i) + y(i) / rho_, to = limits.clamped(k, moved);
      worst.limits = std::max(worst.limits, std::abs(g(i) - limits.clamped(k, g(i))));
      worst.complementarity = std::max(worst.complementarity, std::abs(g(i) - to));
      if (update) y(i) = rho_ * (moved - to);
    }
  }

  Cost cost_;
  Constraint constraint_;
  bool exact_;
  double rho_ = 1;
  int t0_ = 0;
  Batchd stage_multipliers_;  // kStage x N
  Vecd final_multipliers_;    // kFinal
};

struct ConstrainedIlqrSettings {
  IlqrSettings ilqr = {};        // of the solves inside; second_order takes the constraints' curvature too
  int outer_iterations = 30;     // updates of the multipliers at most
  double feasibility = 1e-6;     // largest violation of a constraint
  double initial_penalty = 1.0;  // rho
  double penalty_factor = 10.0;  // of rho where the violation shrinks too slowly
  double shrink = 0.25;          // too slowly: to more than this share
  double max_penalty = 1e8;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("ilqr", s.ilqr, "of the solves inside");
    field("outer_iterations", s.outer_iterations, "updates of the multipliers at most");
    field("feasibility", s.feasibility, "largest violation of a constraint");
    field("initial_penalty", s.initial_penalty, "penalty at the start");
    field("penalty_factor", s.penalty_factor, "growth of the penalty where the violation shrinks too slowly");
    field("shrink", s.shrink, "share of the last violation that is slow enough for that");
    field("max_penalty", s.max_penalty, "largest penalty");
  }
};

enum class ConstrainedIlqrStatus : int {
  kConverged = 0,
  kIterationLimit = 1,
  kInfeasible = 2,    // the largest penalty does not bring the constraints about
  kInnerFailure = 3,  // the last solve inside failed: see its report
};

constexpr auto enum_names(ConstrainedIlqrStatus) {
  return std::array{std::pair{ConstrainedIlqrStatus::kConverged, "converged"},
                    std::pair{ConstrainedIlqrStatus::kIterationLimit, "iteration limit"},
                    std::pair{ConstrainedIlqrStatus::kInfeasible, "infeasible"},
                    std::pair{ConstrainedIlqrStatus::kInnerFailure, "inner failure"}};
}

struct ConstrainedIlqrReport {
  ConstrainedIlqrStatus status = ConstrainedIlqrStatus::kIterationLimit;
  double cost = 0;       // without penalty and multipliers
  double violation = 0;  // largest of the constraints
  double penalty = 0;
  int outer_iterations = 0;
  int iterations = 0;  // of iLQR, all together
  int rejected = 0;
  IlqrReport inner;  // of the last solve
};

/// Minimises the cost under the constraints: Ilqr on the augmented Lagrangian, then
///   y <- rho r,  rho <- penalty_factor rho unless the violation fell to `shrink` of the last one,
/// as in `minimize` (Howell, Jackson, Manchester, "ALTRO: a fast solver for constrained trajectory
/// optimization", IROS 2019, without its last, projecting phase). Limits on the actions are the solver's own
/// and kept exactly. The start need not be feasible. What goes wrong on the way is told by the report, never
/// thrown.
template <DifferentiableModel Model, TrajectoryCost Cost, TrajectoryConstraint Constraint>
  requires std::same_as<typename Model::Scalar, double>
class ConstrainedIlqr {
 public:
  using Augmented = AugmentedCost<Cost, Constraint>;

  ConstrainedIlqr(Model model, Cost cost, Constraint constraint, int horizon,
                  const ConstrainedIlqrSettings& settings = {}, std::optional<ActionBounds> bounds = {},
                  ThreadPool* pool = nullptr)
      : settings_(checked(settings, horizon)),
        solver_(std::move(model),
                Augmented(std::move(cost), std::move(constraint), horizon, settings.ilqr.second_order),
                horizon, settings.ilqr, std::move(bounds), pool),
        actions_(solver_.actions()) {}

  /// As Ilqr::solve. keep_multipliers: starts from the multipliers and the penalty of the last solve.
  const ConstrainedIlqrReport& solve(ConstVecRef<double> x0, ConstBatchRef<double> initial_actions,
                                     int t0 = 0, bool keep_multipliers = false) {
    Augmented& augmented = solver_.cost();
    if (!keep_multipliers) augmented.clear(settings_.initial_penalty);
    augmented.set_start(t0);
    report_ = {};
    double last = 0;
    for (int outer = 0; outer < settings_.outer_iterations; ++outer) {
      if (outer == 0) {
        report_.inner = solver_.solve(x0, initial_actions, t0);
      } else {
        actions_ = solver_.actions();
        report_.inner = solver_.solve(x0, actions_, t0);
      }
      ++report_.outer_iterations;
      report_.iterations += report_.inner.iterations;
      report_.rejected += report_.inner.rejected;
      report_.penalty = augmented.penalty();
      const IlqrStatus status = report_.inner.status;
      if (status == IlqrStatus::kDivergedStart || status == IlqrStatus::kNotFinite ||
          status == IlqrStatus::kIndefinite) {
        report_.cost = report_.inner.cost;
        report_.status = ConstrainedIlqrStatus::kInnerFailure;
        return report_;
      }
      const auto worst = augmented.violation(solver_.states(), solver_.actions(), true);
      report_.violation = worst.limits;
      const bool feasible = worst.complementarity <= settings_.feasibility;
      if (feasible && status == IlqrStatus::kConverged) {
        report_.status = ConstrainedIlqrStatus::kConverged;
        break;
      }
      if (!feasible && outer > 0 && worst.complementarity > settings_.shrink * last) {
        if (augmented.penalty() >= settings_.max_penalty) {
          report_.status = ConstrainedIlqrStatus::kInfeasible;
          break;
        }
        augmented.set_penalty(
            std::min(settings_.max_penalty, augmented.penalty() * settings_.penalty_factor));
      }
      last = worst.complementarity;
    }
    report_.cost = plain_cost(t0);
    return report_;
  }

  const ConstrainedIlqrReport& report() const { return report_; }
  const auto& states() const { return solver_.states(); }    // nx x (N + 1)
  const auto& actions() const { return solver_.actions(); }  // nu x N
  auto gain(int t) const { return solver_.gain(t); }         // nu x nx, of the last backward pass
  // y of the Lagrangian cost + y'g, stage by stage (kStageDim x N) and at the end (kFinalDim); above 0 at an
  // upper limit, below at a lower.
  const Batchd& stage_multipliers() const { return solver_.cost().stage_multipliers(); }
  const Vecd& final_multipliers() const { return solver_.cost().final_multipliers(); }
  const Ilqr<Model, Augmented>& solver() const { return solver_; }
  Cost& cost() { return solver_.cost().cost(); }  // the cost may be changed between two solves

 private:
  static const ConstrainedIlqrSettings& checked(const ConstrainedIlqrSettings& s, int horizon) {
    require(horizon >= 1, "constrained ilqr: the horizon is ", horizon, ", expected at least 1");
    require(s.outer_iterations >= 1, "constrained ilqr: outer_iterations is ", s.outer_iterations,
            ", expected at least 1");
    require(s.feasibility > 0, "constrained ilqr: feasibility is ", s.feasibility, ", expected more than 0");
    require(s.initial_penalty > 0 && s.max_penalty >= s.initial_penalty,
            "constrained ilqr: initial_penalty and max_penalty are ", s.initial_penalty, " and ",
            s.max_penalty, ", expected 0 < initial_penalty <= max_penalty");
    require(s.penalty_factor > 1, "constrained ilqr: penalty_factor is ", s.penalty_factor,
            ", expected more than 1");
    require(s.shrink > 0 && s.shrink < 1, "constrained ilqr: shrink is ", s.shrink,
            ", expected 0 < shrink < 1");
    return s;
  }
  double plain_cost(int t0) const {
    const Cost& cost = solver_.cost().cost();
    double sum = 0;
    for (int t = 0; t < solver_.horizon(); ++t)
      sum += cost.stage(solver_.states().col(t), solver_.actions().col(t), t0 + t);
    return sum + cost.final_cost(solver_.states().col(solver_.horizon()), t0 + solver_.horizon());
  }

  ConstrainedIlqrSettings settings_;
  Ilqr<Model, Augmented> solver_;
  Batchd actions_;
  ConstrainedIlqrReport report_;
};

}  // namespace mbrl
