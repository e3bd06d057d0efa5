// Trajectory optimisation by direct collocation: states and actions are found together, the dynamics are
// constraints.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/augmented_lagrangian.hpp"
#include "mbrl/models/analytic/continuous_model.hpp"
#include "mbrl/planning/trajectory/collocation_mesh.hpp"
#include "mbrl/planning/trajectory/collocation_program.hpp"
#include "mbrl/planning/trajectory/collocation_settings.hpp"
#include "mbrl/task/trajectory_constraint.hpp"
#include "mbrl/task/trajectory_cost.hpp"

namespace mbrl {

/// minimise  int_0^T stage(x, u, t) dt + final_cost(x(T))  subject to dx/dt = f(x, u), x(0) = x0, limits and
/// constraints (here the stage cost is a rate, per second). In every segment of length h the dynamics are
/// interpolated through f at s_i = 0, 1 (trapezoid) or 0, 1/2, 1 (Hermite-Simpson); with the Lagrange
/// polynomials L_i and I_i(s) = int_0^s L_i
///   x(s) = x_k + h sum_i I_i(s) f_i,   u(s) = sum_i L_i(s) u_i,   cost h sum_i I_i(1) stage_i,
/// and the equations ("defects") are that x(s_j) is the state at point j. For Hermite-Simpson that is
/// x_m = (x_k + x_{k+1}) / 2 + h/8 (f_k - f_{k+1}), x_{k+1} = x_k + h/6 (f_k + 4 f_m + f_{k+1}) rearranged:
/// Hargraves and Paris, Journal of Guidance 1987; Kelly, "An introduction to trajectory optimization", SIAM
/// Review 2017. As f enters linearly, exact second derivatives cost one weighted Hessian of f a point. The
/// programme is solved by `minimize` (augmented Lagrangian, sparse Newton steps). Segments whose error is
/// above its tolerance are split, and the solve repeated from the last solution (Betts, "Practical methods for
/// optimal control", 2010, section 4.7). Nothing is thrown for a solve that fails: the report has its status.
template <ContinuousModel Model, TrajectoryCost Cost, TrajectoryConstraint Constraint = Unconstrained>
class Collocation {
 public:
  /// duration: T in seconds. Throws on settings and limits out of range and of wrong dimensions.
  Collocation(Model model, Cost cost, double duration, const CollocationSettings& settings = {},
              CollocationLimits limits = {}, Constraint constraint = Constraint())
      : model_(std::move(model)),
        cost_(std::move(cost)),
        constraint_(std::move(constraint)),
        settings_(settings),
        limits_(std::move(limits)),
        duration_(duration),
        nx_(model_.obs_dim()),
        nu_(model_.action_dim()) {
    require(std::isfinite(duration) && duration > 0, "collocation: the duration is ", duration,
            ", expected more than 0");
    settings.validate();
    limits_.validate(nx_, nu_);
  }

  /// From state x0. The guess: states (nx x any) and actions (nu x any) spread evenly over the time, straight
  /// lines between; two columns make one line, one a constant. Under a deadline the solve ends with the
  /// iterate it has; `go_on` starts with the multipliers, penalty and regularisation of the last solve. Throws
  /// on wrong dimensions and numbers that are not finite.
  const CollocationReport& solve(ConstVecRef<double> x0, ConstBatchRef<double> guess_states,
                                 ConstBatchRef<double> guess_actions, const Deadline& deadline = {},
                                 bool go_on = false) {
    require_dim("collocation", "the state", x0.size(), nx_);
    require_dim("collocation", "the guessed states", guess_states.rows(), nx_);
    require_dim("collocation", "the guessed actions", guess_actions.rows(), nu_);
    require(guess_states.cols() >= 1 && guess_actions.cols() >= 1, "collocation: the guess has no column");
    require(x0.allFinite(), "collocation: the state holds a number that is not finite");
    require(guess_states.allFinite() && guess_actions.allFinite(),
            "collocation: the guess holds a number that is not finite");
    x0_ = x0;
    report_ = {};
    mesh_ = CollocationMesh(settings_.method, settings_.segments, duration_);
    Batchd z(nx_ + nu_, mesh_.points());
    for (Index i = 0; i < z.cols(); ++i) {
      z.col(i).head(nx_) = on_line(guess_states, mesh_.point_time(i) / duration_);
      z.col(i).tail(nu_) = on_line(guess_actions, mesh_.point_time(i) / duration_);
    }
    AugmentedLagrangianSettings solver = settings_.solver;
    const bool resumed = go_on && points_.cols() == z.cols();
    if (resumed) {
      solver.initial_penalty = penalty_;
      solver.initial_regularization = regularization_;
    }
    solve_mesh(z, solver, resumed ? multipliers_ : Vecd(), deadline);
    while (report_.status == ProgramStatus::kConverged && report_.refinements < settings_.refinements &&
           report_.error > settings_.error_tolerance) {
      refine(z);
      solver.initial_penalty = std::max(settings_.solver.initial_penalty, 0.1 * penalty_);
      ++report_.refinements;
      solve_mesh(z, solver, multipliers_, deadline);
    }
    return report_;
  }

  const CollocationReport& report() const { return report_; }
  /// The mesh, N + 1 times from 0 to T, and states (nx x (N + 1)) and actions (nu x (N + 1)) there.
  const std::vector<double>& times() const { return mesh_.times(); }
  Batchd states() const { return knots(points_.topRows(nx_)); }
  Batchd actions() const { return knots(points_.bottomRows(nu_)); }
  /// Errors of the N segments, as in the settings.
  const std::vector<double>& errors() const { return errors_; }
  /// Of the solution, at any time of [0, T].
  Vecd state_at(double time) const { return interpolated(time, true); }
  Vecd action_at(double time) const { return interpolated(time, false); }
  /// [x; u] on straight lines between the collocation points: to go on from an iterate that does not obey the
  /// dynamics yet, where the interpolation above jumps.
  Vecd point_at(double time) const {
    const auto [k, s] = located(time);
    const double at = s * mesh_.stride();
    const Index i = std::min<Index>(static_cast<Index>(at), mesh_.stride() - 1),
                column = k * mesh_.stride() + i;
    const double share = at - static_cast<double>(i);
    return (1 - share) * points_.col(column) + share * points_.col(column + 1);
  }

  /// The states (nx x (N + 1)) at the mesh's times that the interpolated actions lead to from x0, by RK4 with
  /// `steps` steps a segment.
  Batchd roll_out(int steps = 10) const {
    require(steps >= 1, "collocation: steps is ", steps, ", expected at least 1");
    Batchd out(nx_, mesh_.segments() + 1);
    out.col(0) = x0_;
    Vecd x = x0_;
    typename Model::Workspace workspace;
    const auto rate = [&](const Vecd& at, double time) {
      Vecd dx(nx_);
      model_.rate(at, action_at(time), dx, workspace);
      return dx;
    };
    for (Index k = 0; k < mesh_.segments(); ++k) {
      const double h = mesh_.length(k) / steps;
      for (int i = 0; i < steps; ++i) {
        const double t = mesh_.time(k) + i * h;
        const Vecd a = rate(x, t), b = rate(x + 0.5 * h * a, t + 0.5 * h),
                   c = rate(x + 0.5 * h * b, t + 0.5 * h), d = rate(x + h * c, t + h);
        x += h / 6 * (a + 2 * b + 2 * c + d);
      }
      out.col(k + 1) = x;
    }
    return out;
  }

  /// The t that the stage cost is given at a time of [0, T].
  int cost_time(double time) const {
    return settings_.cost_step > 0 ? static_cast<int>(std::floor(time / settings_.cost_step + 1e-9)) : 0;
  }

  double duration() const { return duration_; }
  const CollocationLimits& limits() const { return limits_; }
  const Model& model() const { return model_; }
  Cost& cost() { return cost_; }  // the cost may be changed between two solves
  const Cost& cost() const { return cost_; }
  const CollocationSettings& settings() const { return settings_; }

 private:
  using Weights = CollocationMesh::Weights;

  static Vecd on_line(const ConstBatchRef<double>& columns, double share) {
    const double at = share * static_cast<double>(columns.cols() - 1);
    const Index i = std::min<Index>(static_cast<Index>(at), std::max<Index>(0, columns.cols() - 2));
    if (columns.cols() == 1) return columns.col(0);
    const double s = at - static_cast<double>(i);
    return (1 - s) * columns.col(i) + s * columns.col(i + 1);
  }

  template <class P>
  Batchd knots(const P& points) const {
    Batchd out(points.rows(), mesh_.segments() + 1);
    for (Index k = 0; k < out.cols(); ++k) out.col(k) = points.col(k * mesh_.stride());
    return out;
  }

  void solve_mesh(Batchd& z, const AugmentedLagrangianSettings& solver, const Vecd& multipliers,
                  const Deadline& deadline) {
    CollocationProgram<Model, Cost, Constraint> program(mesh_, model_, cost_, constraint_, limits_, x0_,
                                                        [this](double time) { return cost_time(time); });
    const ProgramResult result =
        minimize(program, Eigen::Map<const Vecd>(z.data(), z.size()), solver, multipliers, deadline);
    z = Eigen::Map<const Batchd>(result.solution.data(), z.rows(), z.cols());
    points_ = z;
    penalty_ = result.penalty;
    regularization_ = result.regularization;
    multipliers_ = result.y();
    rates_.resize(nx_, z.cols());
    typename Model::Workspace workspace;
    model_.rate(z.topRows(nx_), z.bottomRows(nu_), rates_, workspace);
    Vecd values(program.constraints());
    program.evaluate(Eigen::Map<const Vecd>(z.data(), z.size()), values);
    report_.status = result.status;
    report_.cost = result.objective;
    report_.defect = values.head(program.defects()).cwiseAbs().maxCoeff();
    report_.violation = result.violation;
    report_.optimality = result.optimality;
    report_.segments = static_cast<int>(mesh_.segments());
    report_.newton_steps += result.newton_steps;
    report_.factorizations += result.factorizations;
    report_.trace = result.trace;
    measure_errors();
  }

  // Integrals by the rule of Gauss with four points.
  void measure_errors() {
    static constexpr std::array kNode{0.0694318442029737, 0.3300094782075719, 0.6699905217924281,
                                      0.9305681557970263};
    static constexpr std::array kWeight{0.1739274225687269, 0.3260725774312731, 0.3260725774312731,
                                        0.1739274225687269};
    typename Model::Workspace workspace;
    Vecd rate(nx_);
    errors_.assign(static_cast<std::size_t>(mesh_.segments()), 0.0);
    report_.error = 0;
    for (Index k = 0; k < mesh_.segments(); ++k) {
      Vecd sum = Vecd::Zero(nx_);
      for (std::size_t g = 0; g < kNode.size(); ++g) {
        model_.rate(in_segment(k, kNode[g], true), in_segment(k, kNode[g], false), rate, workspace);
        const Weights l = mesh_.lagrange(kNode[g]);
        Vecd slope = Vecd::Zero(nx_);
        for (int i = 0; i <= mesh_.stride(); ++i)
          slope += l[static_cast<std::size_t>(i)] * rates_.col(k * mesh_.stride() + i);
        sum += mesh_.length(k) * kWeight[g] * (slope - rate).cwiseAbs();
      }
      errors_[static_cast<std::size_t>(k)] = sum.maxCoeff();
      report_.error = std::max(report_.error, sum.maxCoeff());
    }
  }

  // The solution and the multipliers of the dynamics, which approximate the costate, go over to the new mesh.
  void refine(Batchd& z) {
    auto [mesh, origin] = mesh_.refined(errors_, settings_);
    const Vecd old = multipliers_;
    const Index points = mesh.points(), rows = nx_ * mesh.stride();
    multipliers_.setZero((points - 1) * nx_ + points * Constraint::kStageDim + Constraint::kFinalDim);
    for (std::size_t k = 0; k < origin.size(); ++k) {
      auto target = multipliers_.segment(static_cast<Index>(k) * rows, rows);
      target = old.segment(origin[k].first * rows, rows);
      target.head(rows - nx_) /= origin[k].second;
    }
    multipliers_.tail(Constraint::kFinalDim) = old.tail(Constraint::kFinalDim);

    z.resize(nx_ + nu_, points);
    for (Index i = 0; i < points; ++i) {
      const double time = mesh.point_time(i);
      z.col(i) << state_at(time), action_at(time);
    }
    mesh_ = std::move(mesh);
  }

  Vecd in_segment(Index k, double s, bool state) const {
    const Index first = k * mesh_.stride();
    const Weights w = state ? mesh_.integral(s) : mesh_.lagrange(s);
    Vecd out = state ? Vecd(points_.col(first).head(nx_)) : Vecd(Vecd::Zero(nu_));
    for (int i = 0; i <= mesh_.stride(); ++i) {
      const double weight = w[static_cast<std::size_t>(i)];
      if (state)
        out += mesh_.length(k) * weight * rates_.col(first + i);
      else
        out += weight * points_.col(first + i).tail(nu_);
    }
    return out;
  }
  // The segment a time lies in, and the share of it that has passed.
  std::pair<Index, double> located(double time) const {
    require(points_.cols() > 0, "collocation: nothing has been solved yet");
    require(time >= -1e-9 * duration_ && time <= (1 + 1e-9) * duration_, "collocation: the time is ", time,
            ", expected 0 to ", duration_);
    return mesh_.located(time);
  }
  Vecd interpolated(double time, bool state) const {
    const auto [k, s] = located(time);
    return in_segment(k, s, state);
  }

  Model model_;
  Cost cost_;
  Constraint constraint_;
  CollocationSettings settings_;
  CollocationLimits limits_;
  double duration_;
  int nx_, nu_;
  Vecd x0_, multipliers_;
  double penalty_ = 0, regularization_ = 0;
  CollocationMesh mesh_;
  std::vector<double> errors_;
  Batchd points_, rates_;  // [x; u] and f at the collocation points
  CollocationReport report_;
};

}  // namespace mbrl
