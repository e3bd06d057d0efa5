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

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/augmented_lagrangian.hpp"
#include "mbrl/models/analytic/continuous_model.hpp"
#include "mbrl/task/trajectory_constraint.hpp"
#include "mbrl/task/trajectory_cost.hpp"

namespace mbrl {

enum class Transcription : int {
  kTrapezoid = 0,       // actions linear in a segment, states quadratic: second order
  kHermiteSimpson = 1,  // actions quadratic in a segment, states cubic: fourth order
};

constexpr auto enum_names(Transcription) {
  return std::array{std::pair{Transcription::kTrapezoid, "trapezoid"},
                    std::pair{Transcription::kHermiteSimpson, "hermite_simpson"}};
}

struct CollocationSettings {
  Transcription method = Transcription::kHermiteSimpson;
  int segments = 50;              // of the first mesh, equally long
  int refinements = 0;            // meshes made anew where the error is above its tolerance, at most
  double error_tolerance = 1e-6;  // of a segment: the integral of |dx/dt - f| over it, largest entry
  int max_split = 5;              // parts that one refinement makes of a segment, at most
  double cost_step = 0;           // s: the t of costs and constraints counts these; 0: t is always 0
  AugmentedLagrangianSettings solver = {};

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("method", s.method, "trapezoid or hermite_simpson");
    field("segments", s.segments, "segments of the first mesh, equally long");
    field("refinements", s.refinements, "meshes made anew, at most");
    field("error_tolerance", s.error_tolerance, "error of a segment above which it is split");
    field("max_split", s.max_split, "parts that one refinement makes of a segment, at most");
    field("cost_step", s.cost_step, "control step (s) that costs and constraints count; 0: they do not");
    field("solver", s.solver, "the nonlinear programme's solver");
  }
};

// Where states and actions may be, at every collocation point, and where the state must end. Empty: anywhere.
// Equal limits fix an entry, infinite ones leave it free.
struct CollocationLimits {
  std::vector<double> state_low, state_high, action_low, action_high, final_low, final_high;
};

struct CollocationReport {
  ProgramStatus status = ProgramStatus::kIterationLimit;  // of the last mesh
  double cost = 0;
  double defect = 0;      // largest entry of what the collocation equations leave
  double violation = 0;   // the same, constraints included
  double optimality = 0;  // see AugmentedLagrangianSettings
  double error = 0;       // largest of the segments, as in the settings
  int segments = 0;       // of the last mesh
  int refinements = 0;
  int newton_steps = 0, factorizations = 0;  // of all meshes
  std::vector<OuterIteration> trace;         // of the last mesh
};

// minimise  int_0^T stage(x, u, t) dt + final_cost(x(T))  subject to dx/dt = f(x, u), x(0) = x0, limits and
// constraints (here the stage cost is a rate, per second). In every segment of length h the dynamics are
// interpolated through f at s_i = 0, 1 (trapezoid) or 0, 1/2, 1 (Hermite-Simpson); with the Lagrange
// polynomials L_i and I_i(s) = int_0^s L_i
//   x(s) = x_k + h sum_i I_i(s) f_i,   u(s) = sum_i L_i(s) u_i,   cost h sum_i I_i(1) stage_i,
// and the equations ("defects") are that x(s_j) is the state at point j. For Hermite-Simpson that is
// x_m = (x_k + x_{k+1}) / 2 + h/8 (f_k - f_{k+1}), x_{k+1} = x_k + h/6 (f_k + 4 f_m + f_{k+1}) rearranged:
// Hargraves and Paris, Journal of Guidance 1987; Kelly, "An introduction to trajectory optimization", SIAM
// Review 2017. As f enters linearly, exact second derivatives cost one weighted Hessian of f a point. The
// programme is solved by `minimize` (augmented Lagrangian, sparse Newton steps). Segments whose error is
// above its tolerance are split, and the solve repeated from the last solution (Betts, "Practical methods for
// optimal control", 2010, section 4.7). Nothing is thrown for a solve that fails: the report has its status.
template <ContinuousModel Model, TrajectoryCost Cost, TrajectoryConstraint Constraint = Unconstrained>
class Collocation {
 public:
  // duration: T in seconds. Throws on settings and limits out of range and of wrong dimensions.
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
    require(settings.segments >= 1, "collocation: segments is ", settings.segments, ", expected at least 1");
    require(settings.refinements >= 0, "collocation: refinements is ", settings.refinements,
            ", expected 0 or more");
    require(settings.error_tolerance > 0, "collocation: error_tolerance is ", settings.error_tolerance,
            ", expected more than 0");
    require(settings.max_split >= 2, "collocation: max_split is ", settings.max_split,
            ", expected at least 2");
    require(settings.cost_step >= 0, "collocation: cost_step is ", settings.cost_step,
            ", expected 0 or more");
    check_limits("state", limits_.state_low, limits_.state_high, nx_);
    check_limits("action", limits_.action_low, limits_.action_high, nu_);
    check_limits("final state", limits_.final_low, limits_.final_high, nx_);
  }

  // From state x0. The guess: states (nx x any) and actions (nu x any) spread evenly over the time, straight
  // lines between; two columns make one line, one a constant. Under a deadline the solve ends with the
  // iterate it has; `go_on` starts with the multipliers, penalty and regularisation of the last solve. Throws
  // on wrong dimensions and numbers that are not finite.
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
    times_.resize(static_cast<std::size_t>(settings_.segments) + 1);
    for (std::size_t k = 0; k < times_.size(); ++k)
      times_[k] = duration_ * static_cast<double>(k) / settings_.segments;
    Batchd z(nx_ + nu_, point_count());
    for (Index i = 0; i < z.cols(); ++i) {
      z.col(i).head(nx_) = on_line(guess_states, point_time(i) / duration_);
      z.col(i).tail(nu_) = on_line(guess_actions, point_time(i) / duration_);
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
  // The mesh, N + 1 times from 0 to T, and states (nx x (N + 1)) and actions (nu x (N + 1)) there.
  const std::vector<double>& times() const { return times_; }
  Batchd states() const { return knots(points_.topRows(nx_)); }
  Batchd actions() const { return knots(points_.bottomRows(nu_)); }
  // Errors of the N segments, as in the settings.
  const std::vector<double>& errors() const { return errors_; }
  // Of the solution, at any time of [0, T].
  Vecd state_at(double time) const { return interpolated(time, true); }
  Vecd action_at(double time) const { return interpolated(time, false); }
  // [x; u] on straight lines between the collocation points: to go on from an iterate that does not obey the
  // dynamics yet, where the interpolation above jumps.
  Vecd point_at(double time) const {
    const auto [k, s] = located(time);
    const double at = s * stride();
    const Index i = std::min<Index>(static_cast<Index>(at), stride() - 1), column = k * stride() + i;
    const double share = at - static_cast<double>(i);
    return (1 - share) * points_.col(column) + share * points_.col(column + 1);
  }

  // The states (nx x (N + 1)) at the mesh's times that the interpolated actions lead to from x0, by RK4 with
  // `steps` steps a segment.
  Batchd roll_out(int steps = 10) const {
    require(steps >= 1, "collocation: steps is ", steps, ", expected at least 1");
    Batchd out(nx_, static_cast<Index>(times_.size()));
    out.col(0) = x0_;
    Vecd x = x0_;
    typename Model::Workspace workspace;
    const auto rate = [&](const Vecd& at, double time) {
      Vecd dx(nx_);
      model_.rate(at, action_at(time), dx, workspace);
      return dx;
    };
    for (std::size_t k = 0; k + 1 < times_.size(); ++k) {
      const double h = (times_[k + 1] - times_[k]) / steps;
      for (int i = 0; i < steps; ++i) {
        const double t = times_[k] + i * h;
        const Vecd a = rate(x, t), b = rate(x + 0.5 * h * a, t + 0.5 * h),
                   c = rate(x + 0.5 * h * b, t + 0.5 * h), d = rate(x + h * c, t + h);
        x += h / 6 * (a + 2 * b + 2 * c + d);
      }
      out.col(static_cast<Index>(k) + 1) = x;
    }
    return out;
  }

  // The t that the stage cost is given at a time of [0, T].
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
  static constexpr int kMaxPoints = 3;
  using Weights = std::array<double, kMaxPoints>;

  // Points a segment adds: the end, and for Hermite-Simpson the middle.
  int stride() const { return settings_.method == Transcription::kTrapezoid ? 1 : 2; }
  Index segment_count() const { return static_cast<Index>(times_.size()) - 1; }
  Index point_count() const { return segment_count() * stride() + 1; }
  double length(Index k) const {
    return times_[static_cast<std::size_t>(k) + 1] - times_[static_cast<std::size_t>(k)];
  }
  double point_time(Index i) const {
    const Index k = std::min(i / stride(), segment_count() - 1);
    return times_[static_cast<std::size_t>(k)] + length(k) * static_cast<double>(i - k * stride()) / stride();
  }

  // L_i(s) and I_i(s) = int_0^s L_i.
  Weights lagrange(double s) const {
    if (stride() == 1) return {1 - s, s, 0};
    return {(1 - s) * (1 - 2 * s), 4 * s * (1 - s), s * (2 * s - 1)};
  }
  Weights integral(double s) const {
    if (stride() == 1) return {s - s * s / 2, s * s / 2, 0};
    return {s + s * s * (2 * s / 3 - 1.5), s * s * (2 - 4 * s / 3), s * s * (2 * s / 3 - 0.5)};
  }

  static void check_limits(const char* what, const std::vector<double>& low, const std::vector<double>& high,
                           int dim) {
    require(low.size() == high.size(), "collocation: ", low.size(), " lower limits of the ", what, ", but ",
            high.size(), " upper ones");
    if (low.empty()) return;
    require_dim("collocation", std::string("the limit of the ") + what, low.size(), dim);
    for (std::size_t i = 0; i < low.size(); ++i)
      require(low[i] <= high[i], "collocation: entry ", i, " of the ", what, " has the limits ", low[i],
              " and ", high[i], ", expected low <= high");
  }

  static Vecd on_line(const ConstBatchRef<double>& columns, double share) {
    const double at = share * static_cast<double>(columns.cols() - 1);
    const Index i = std::min<Index>(static_cast<Index>(at), std::max<Index>(0, columns.cols() - 2));
    if (columns.cols() == 1) return columns.col(0);
    const double s = at - static_cast<double>(i);
    return (1 - s) * columns.col(i) + s * columns.col(i + 1);
  }

  template <class P>
  Batchd knots(const P& points) const {
    Batchd out(points.rows(), segment_count() + 1);
    for (Index k = 0; k < out.cols(); ++k) out.col(k) = points.col(k * stride());
    return out;
  }

  // The nonlinear programme of the present mesh. Variables: [x; u] of every point; constraints: nx defects
  // for every point but the first, then the stage constraints of every point, then the final ones.
  class Program final : public NonlinearProgram {
   public:
    explicit Program(const Collocation& owner)
        : c_(owner),
          nx_(owner.nx_),
          nu_(owner.nu_),
          nz_(nx_ + nu_),
          points_(owner.point_count()),
          rates_(nx_, points_),
          jacobians_(nx_, points_ * nz_),
          weights_(nx_, points_),
          hessians_(nz_, points_ * nz_),
          stage_hessian_(nz_, nz_),
          constraint_hessian_(nz_, nz_),
          stage_jacobian_(kStage, nz_),
          final_jacobian_(kFinal, nx_),
          final_hessian_(nx_, nx_),
          stage_gradient_(nz_),
          final_gradient_(nx_) {
      for (Index i = 0; i < points_; ++i) cost_times_.push_back(owner.cost_time(owner.point_time(i)));
      quadrature_.assign(static_cast<std::size_t>(points_), 0.0);
      const Weights whole = owner.integral(1.0);
      for (Index k = 0; k < owner.segment_count(); ++k)
        for (int i = 0; i <= owner.stride(); ++i)
          quadrature_[static_cast<std::size_t>(k * owner.stride() + i)] +=
              owner.length(k) * whole[static_cast<std::size_t>(i)];
    }

    int variables() const override { return static_cast<int>(points_ * nz_); }
    int constraints() const override { return static_cast<int>(final_row() + kFinal); }
    Index defects() const { return (points_ - 1) * nx_; }
    Index final_row() const { return defects() + points_ * kStage; }

    void limits(VecRef<double> x_low, VecRef<double> x_high, VecRef<double> c_low,
                VecRef<double> c_high) const override {
      constexpr double kInfinity = std::numeric_limits<double>::infinity();
      x_low.setConstant(-kInfinity);
      x_high.setConstant(kInfinity);
      const auto narrow = [&](Index first, const std::vector<double>& low, const std::vector<double>& high) {
        for (std::size_t j = 0; j < low.size(); ++j) {
          double &l = x_low(first + static_cast<Index>(j)), &h = x_high(first + static_cast<Index>(j));
          l = std::min(std::max(l, low[j]), h);
          h = std::max(std::min(h, high[j]), l);
        }
      };
      for (Index i = 0; i < points_; ++i) {
        narrow(i * nz_, c_.limits_.state_low, c_.limits_.state_high);
        narrow(i * nz_ + nx_, c_.limits_.action_low, c_.limits_.action_high);
      }
      narrow((points_ - 1) * nz_, c_.limits_.final_low, c_.limits_.final_high);
      x_low.head(nx_) = x_high.head(nx_) = c_.x0_;
      c_low.head(defects()).setZero();
      c_high.head(defects()).setZero();
      const auto put = [&](Index row, const auto& limit) {
        for (std::size_t j = 0; j < limit.low.size(); ++j) {
          c_low(row + static_cast<Index>(j)) = limit.low[j];
          c_high(row + static_cast<Index>(j)) = limit.high[j];
        }
      };
      for (Index i = 0; i < points_; ++i) put(defects() + i * kStage, c_.constraint_.stage_limits());
      put(final_row(), c_.constraint_.final_limits());
    }

    double evaluate(ConstVecRef<double> x, VecRef<double> values) override {
      const auto z = columns(x);
      c_.model_.rate(z.topRows(nx_), z.bottomRows(nu_), rates_, workspace_);
      for_each_defect([&](Index row, Index first, Index point, double h, const Weights& integral) {
        auto defect = values.segment(row, nx_);
        defect = z.col(point).head(nx_) - z.col(first).head(nx_);
        for (int i = 0; i <= c_.stride(); ++i)
          defect -= h * integral[static_cast<std::size_t>(i)] * rates_.col(first + i);
      });
      double sum = 0;
      for (Index i = 0; i < points_; ++i) {
        const auto state = z.col(i).head(nx_), action = z.col(i).tail(nu_);
        sum += quadrature(i) * c_.cost_.stage(state, action, cost_time(i));
        if constexpr (kStage > 0)
          c_.constraint_.stage(state, action, cost_time(i), values.segment(defects() + i * kStage, kStage));
      }
      const auto last = z.col(points_ - 1).head(nx_);
      if constexpr (kFinal > 0)
        c_.constraint_.final_values(last, cost_time(points_ - 1), values.segment(final_row(), kFinal));
      return sum + c_.cost_.final_cost(last, cost_time(points_ - 1));
    }

    void derivatives(ConstVecRef<double> x, VecRef<double> gradient, SparseEntries& out) override {
      const auto z = columns(x);
      c_.model_.linearize(z.topRows(nx_), z.bottomRows(nu_), jacobians_, workspace_);
      out.clear();
      for_each_defect([&](Index row, Index first, Index point, double h, const Weights& integral) {
        for (Index j = 0; j < nx_; ++j) {
          out.push_back(entry(row + j, point * nz_ + j, 1.0));
          out.push_back(entry(row + j, first * nz_ + j, -1.0));
        }
        for (int i = 0; i <= c_.stride(); ++i)
          for (Index col = 0; col < nz_; ++col)
            for (Index j = 0; j < nx_; ++j)
              out.push_back(
                  entry(row + j, (first + i) * nz_ + col,
                        -h * integral[static_cast<std::size_t>(i)] * jacobians_(j, (first + i) * nz_ + col)));
      });
      for (Index i = 0; i < points_; ++i) {
        const auto state = z.col(i).head(nx_), action = z.col(i).tail(nu_);
        c_.cost_.stage_derivatives(state, action, cost_time(i), stage_gradient_, stage_hessian_);
        gradient.segment(i * nz_, nz_) = quadrature(i) * stage_gradient_;
        if constexpr (kStage > 0) {
          c_.constraint_.stage_jacobian(state, action, cost_time(i), stage_jacobian_);
          append(stage_jacobian_, defects() + i * kStage, i * nz_, out);
        }
      }
      const Index first = (points_ - 1) * nz_;
      const auto last = x.segment(first, nx_);
      c_.cost_.final_derivatives(last, cost_time(points_ - 1), final_gradient_, final_hessian_);
      gradient.segment(first, nx_) += final_gradient_;
      if constexpr (kFinal > 0) {
        c_.constraint_.final_jacobian(last, cost_time(points_ - 1), final_jacobian_);
        append(final_jacobian_, final_row(), first, out);
      }
    }

    void hessian(ConstVecRef<double> x, ConstVecRef<double> y, SparseEntries& out) override {
      const auto z = columns(x);
      weights_.setZero();
      for_each_defect([&](Index row, Index first, Index, double h, const Weights& integral) {
        for (int i = 0; i <= c_.stride(); ++i)
          weights_.col(first + i) -= h * integral[static_cast<std::size_t>(i)] * y.segment(row, nx_);
      });
      c_.model_.weighted_hessian(z.topRows(nx_), z.bottomRows(nu_), weights_, hessians_, workspace_);
      out.clear();
      for (Index i = 0; i < points_; ++i) {
        const auto state = z.col(i).head(nx_), action = z.col(i).tail(nu_);
        c_.cost_.stage_derivatives(state, action, cost_time(i), stage_gradient_, stage_hessian_);
        stage_hessian_ = quadrature(i) * stage_hessian_ + hessians_.middleCols(i * nz_, nz_);
        if constexpr (kStage > 0) {
          c_.constraint_.stage_hessian(state, action, cost_time(i), y.segment(defects() + i * kStage, kStage),
                                       constraint_hessian_);
          stage_hessian_ += constraint_hessian_;
        }
        if (i == points_ - 1) {
          c_.cost_.final_derivatives(state, cost_time(i), final_gradient_, final_hessian_);
          stage_hessian_.topLeftCorner(nx_, nx_) += final_hessian_;
          if constexpr (kFinal > 0) {
            c_.constraint_.final_hessian(state, cost_time(i), y.segment(final_row(), kFinal), final_hessian_);
            stage_hessian_.topLeftCorner(nx_, nx_) += final_hessian_;
          }
        }
        for (Index b = 0; b < nz_; ++b)
          for (Index a = b; a < nz_; ++a)
            out.push_back(entry(i * nz_ + a, i * nz_ + b, stage_hessian_(a, b)));
      }
    }

   private:
    static constexpr int kStage = Constraint::kStageDim, kFinal = Constraint::kFinalDim;

    static SparseEntry entry(Index row, Index col, double value) {
      return {static_cast<int>(row), static_cast<int>(col), value};
    }
    static void append(const Batchd& block, Index row, Index col, SparseEntries& out) {
      for (Index j = 0; j < block.cols(); ++j)
        for (Index i = 0; i < block.rows(); ++i) out.push_back(entry(row + i, col + j, block(i, j)));
    }
    Eigen::Map<const Batchd> columns(const ConstVecRef<double>& x) const { return {x.data(), nz_, points_}; }
    double quadrature(Index i) const { return quadrature_[static_cast<std::size_t>(i)]; }
    int cost_time(Index i) const { return cost_times_[static_cast<std::size_t>(i)]; }

    // work(row, first point of the segment, the point whose state is predicted, h, weights of f).
    template <class Work>
    void for_each_defect(const Work& work) const {
      Index row = 0;
      for (Index k = 0; k < c_.segment_count(); ++k)
        for (int j = 1; j <= c_.stride(); ++j, row += nx_)
          work(row, k * c_.stride(), k * c_.stride() + j, c_.length(k),
               c_.integral(static_cast<double>(j) / c_.stride()));
    }

    const Collocation& c_;
    Index nx_, nu_, nz_, points_;
    Batchd rates_, jacobians_, weights_, hessians_, stage_hessian_, constraint_hessian_, stage_jacobian_,
        final_jacobian_, final_hessian_;
    Vecd stage_gradient_, final_gradient_;
    std::vector<double> quadrature_;
    std::vector<int> cost_times_;
    typename Model::Workspace workspace_;
  };

  void solve_mesh(Batchd& z, const AugmentedLagrangianSettings& solver, const Vecd& multipliers,
                  const Deadline& deadline) {
    Program program(*this);
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
    report_.segments = static_cast<int>(segment_count());
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
    errors_.assign(static_cast<std::size_t>(segment_count()), 0.0);
    report_.error = 0;
    for (Index k = 0; k < segment_count(); ++k) {
      Vecd sum = Vecd::Zero(nx_);
      for (std::size_t g = 0; g < kNode.size(); ++g) {
        model_.rate(in_segment(k, kNode[g], true), in_segment(k, kNode[g], false), rate, workspace);
        const Weights l = lagrange(kNode[g]);
        Vecd slope = Vecd::Zero(nx_);
        for (int i = 0; i <= stride(); ++i)
          slope += l[static_cast<std::size_t>(i)] * rates_.col(k * stride() + i);
        sum += length(k) * kWeight[g] * (slope - rate).cwiseAbs();
      }
      errors_[static_cast<std::size_t>(k)] = sum.maxCoeff();
      report_.error = std::max(report_.error, sum.maxCoeff());
    }
  }

  // Splits segments by how much their error, which falls as h to the order plus one, must fall. The solution
  // and the multipliers of the dynamics, which approximate the costate, go over to the new mesh.
  void refine(Batchd& z) {
    const double power = 1.0 / (settings_.method == Transcription::kTrapezoid ? 3.0 : 5.0);
    std::vector<double> times{0.0};
    std::vector<std::pair<Index, int>> origin;  // of the new segments: old one, in how many parts
    for (Index k = 0; k < segment_count(); ++k) {
      const double ratio = errors_[static_cast<std::size_t>(k)] / settings_.error_tolerance;
      const int parts = ratio > 1 ? std::clamp(static_cast<int>(std::ceil(1.1 * std::pow(ratio, power))), 2,
                                               settings_.max_split)
                                  : 1;
      for (int i = 1; i <= parts; ++i) {
        times.push_back(times_[static_cast<std::size_t>(k)] + length(k) * i / parts);
        origin.emplace_back(k, parts);
      }
    }
    times.back() = duration_;
    const Vecd old = multipliers_;
    const Index points = static_cast<Index>(origin.size()) * stride() + 1, rows = nx_ * stride();
    multipliers_.setZero((points - 1) * nx_ + points * Constraint::kStageDim + Constraint::kFinalDim);
    for (std::size_t k = 0; k < origin.size(); ++k) {
      auto target = multipliers_.segment(static_cast<Index>(k) * rows, rows);
      target = old.segment(origin[k].first * rows, rows);
      target.head(rows - nx_) /= origin[k].second;
    }
    multipliers_.tail(Constraint::kFinalDim) = old.tail(Constraint::kFinalDim);

    z.resize(nx_ + nu_, points);
    for (Index i = 0; i < points; ++i) {
      const auto k = static_cast<std::size_t>(std::min<Index>(i / stride(), points / stride() - 1));
      const double s = static_cast<double>(i - static_cast<Index>(k) * stride()) / stride();
      const double time = times[k] + s * (times[k + 1] - times[k]);
      z.col(i) << state_at(time), action_at(time);
    }
    times_ = std::move(times);
  }

  Vecd in_segment(Index k, double s, bool state) const {
    const Index first = k * stride();
    const Weights w = state ? integral(s) : lagrange(s);
    Vecd out = state ? Vecd(points_.col(first).head(nx_)) : Vecd(Vecd::Zero(nu_));
    for (int i = 0; i <= stride(); ++i) {
      const double weight = w[static_cast<std::size_t>(i)];
      if (state)
        out += length(k) * weight * rates_.col(first + i);
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
    const auto after = std::upper_bound(times_.begin() + 1, times_.end() - 1, time);
    const auto k = static_cast<Index>(after - times_.begin()) - 1;
    return {k, std::clamp((time - times_[static_cast<std::size_t>(k)]) / length(k), 0.0, 1.0)};
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
  std::vector<double> times_, errors_;
  Batchd points_, rates_;  // [x; u] and f at the collocation points
  CollocationReport report_;
};

}  // namespace mbrl
