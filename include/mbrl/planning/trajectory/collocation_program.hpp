// The nonlinear programme of direct collocation on one mesh (collocation.hpp has the equations).
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "mbrl/core/types.hpp"
#include "mbrl/math/augmented_lagrangian.hpp"
#include "mbrl/models/analytic/continuous_model.hpp"
#include "mbrl/planning/trajectory/collocation_mesh.hpp"
#include "mbrl/planning/trajectory/collocation_settings.hpp"
#include "mbrl/task/trajectory_constraint.hpp"
#include "mbrl/task/trajectory_cost.hpp"

namespace mbrl {

/// Variables: [x; u] of every point; constraints: nx defects
/// for every point but the first, then the stage constraints of every point, then the final ones.
template <ContinuousModel Model, TrajectoryCost Cost, TrajectoryConstraint Constraint>
class CollocationProgram final : public NonlinearProgram {
 public:
  /// All but the settings are referred to, and must outlive the programme. x0: the first state; cost_time(t):
  /// what costs and constraints are told of a time (s).
  template <class CostTime>
  CollocationProgram(const CollocationMesh& mesh, const Model& model, const Cost& cost,
                     const Constraint& constraint, const CollocationLimits& limits, const Vecd& x0,
                     const CostTime& cost_time)
      : mesh_(mesh),
        model_(model),
        cost_(cost),
        constraint_(constraint),
        limits_(limits),
        x0_(x0),
        nx_(model.obs_dim()),
        nu_(model.action_dim()),
        nz_(nx_ + nu_),
        points_(mesh.points()),
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
    for (Index i = 0; i < points_; ++i) cost_times_.push_back(cost_time(mesh.point_time(i)));
    quadrature_.assign(static_cast<std::size_t>(points_), 0.0);
    const Weights whole = mesh.integral(1.0);
    for (Index k = 0; k < mesh.segments(); ++k)
      for (int i = 0; i <= mesh.stride(); ++i)
        quadrature_[static_cast<std::size_t>(k * mesh.stride() + i)] +=
            mesh.length(k) * whole[static_cast<std::size_t>(i)];
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
      narrow(i * nz_, limits_.state_low, limits_.state_high);
      narrow(i * nz_ + nx_, limits_.action_low, limits_.action_high);
    }
    narrow((points_ - 1) * nz_, limits_.final_low, limits_.final_high);
    x_low.head(nx_) = x_high.head(nx_) = x0_;
    c_low.head(defects()).setZero();
    c_high.head(defects()).setZero();
    const auto put = [&](Index row, const auto& limit) {
      for (std::size_t j = 0; j < limit.low.size(); ++j) {
        c_low(row + static_cast<Index>(j)) = limit.low[j];
        c_high(row + static_cast<Index>(j)) = limit.high[j];
      }
    };
    for (Index i = 0; i < points_; ++i) put(defects() + i * kStage, constraint_.stage_limits());
    put(final_row(), constraint_.final_limits());
  }

  double evaluate(ConstVecRef<double> x, VecRef<double> values) override {
    const auto z = columns(x);
    model_.rate(z.topRows(nx_), z.bottomRows(nu_), rates_, workspace_);
    for_each_defect([&](Index row, Index first, Index point, double h, const Weights& integral) {
      auto defect = values.segment(row, nx_);
      defect = z.col(point).head(nx_) - z.col(first).head(nx_);
      for (int i = 0; i <= mesh_.stride(); ++i)
        defect -= h * integral[static_cast<std::size_t>(i)] * rates_.col(first + i);
    });
    double sum = 0;
    for (Index i = 0; i < points_; ++i) {
      const auto state = z.col(i).head(nx_), action = z.col(i).tail(nu_);
      sum += quadrature(i) * cost_.stage(state, action, cost_time(i));
      if constexpr (kStage > 0)
        constraint_.stage(state, action, cost_time(i), values.segment(defects() + i * kStage, kStage));
    }
    const auto last = z.col(points_ - 1).head(nx_);
    if constexpr (kFinal > 0)
      constraint_.final_values(last, cost_time(points_ - 1), values.segment(final_row(), kFinal));
    return sum + cost_.final_cost(last, cost_time(points_ - 1));
  }

  void derivatives(ConstVecRef<double> x, VecRef<double> gradient, SparseEntries& out) override {
    const auto z = columns(x);
    model_.linearize(z.topRows(nx_), z.bottomRows(nu_), jacobians_, workspace_);
    out.clear();
    for_each_defect([&](Index row, Index first, Index point, double h, const Weights& integral) {
      for (Index j = 0; j < nx_; ++j) {
        out.push_back(entry(row + j, point * nz_ + j, 1.0));
        out.push_back(entry(row + j, first * nz_ + j, -1.0));
      }
      for (int i = 0; i <= mesh_.stride(); ++i)
        for (Index col = 0; col < nz_; ++col)
          for (Index j = 0; j < nx_; ++j)
            out.push_back(
                entry(row + j, (first + i) * nz_ + col,
                      -h * integral[static_cast<std::size_t>(i)] * jacobians_(j, (first + i) * nz_ + col)));
    });
    for (Index i = 0; i < points_; ++i) {
      const auto state = z.col(i).head(nx_), action = z.col(i).tail(nu_);
      cost_.stage_derivatives(state, action, cost_time(i), stage_gradient_, stage_hessian_);
      gradient.segment(i * nz_, nz_) = quadrature(i) * stage_gradient_;
      if constexpr (kStage > 0) {
        constraint_.stage_jacobian(state, action, cost_time(i), stage_jacobian_);
        append(stage_jacobian_, defects() + i * kStage, i * nz_, out);
      }
    }
    const Index first = (points_ - 1) * nz_;
    const auto last = x.segment(first, nx_);
    cost_.final_derivatives(last, cost_time(points_ - 1), final_gradient_, final_hessian_);
    gradient.segment(first, nx_) += final_gradient_;
    if constexpr (kFinal > 0) {
      constraint_.final_jacobian(last, cost_time(points_ - 1), final_jacobian_);
      append(final_jacobian_, final_row(), first, out);
    }
  }

  void hessian(ConstVecRef<double> x, ConstVecRef<double> y, SparseEntries& out) override {
    const auto z = columns(x);
    weights_.setZero();
    for_each_defect([&](Index row, Index first, Index, double h, const Weights& integral) {
      for (int i = 0; i <= mesh_.stride(); ++i)
        weights_.col(first + i) -= h * integral[static_cast<std::size_t>(i)] * y.segment(row, nx_);
    });
    model_.weighted_hessian(z.topRows(nx_), z.bottomRows(nu_), weights_, hessians_, workspace_);
    out.clear();
    for (Index i = 0; i < points_; ++i) {
      const auto state = z.col(i).head(nx_), action = z.col(i).tail(nu_);
      cost_.stage_derivatives(state, action, cost_time(i), stage_gradient_, stage_hessian_);
      stage_hessian_ = quadrature(i) * stage_hessian_ + hessians_.middleCols(i * nz_, nz_);
      if constexpr (kStage > 0) {
        constraint_.stage_hessian(state, action, cost_time(i), y.segment(defects() + i * kStage, kStage),
                                  constraint_hessian_);
        stage_hessian_ += constraint_hessian_;
      }
      if (i == points_ - 1) {
        cost_.final_derivatives(state, cost_time(i), final_gradient_, final_hessian_);
        stage_hessian_.topLeftCorner(nx_, nx_) += final_hessian_;
        if constexpr (kFinal > 0) {
          constraint_.final_hessian(state, cost_time(i), y.segment(final_row(), kFinal), final_hessian_);
          stage_hessian_.topLeftCorner(nx_, nx_) += final_hessian_;
        }
      }
      for (Index b = 0; b < nz_; ++b)
        for (Index a = b; a < nz_; ++a) out.push_back(entry(i * nz_ + a, i * nz_ + b, stage_hessian_(a, b)));
    }
  }

 private:
  using Weights = CollocationMesh::Weights;
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
    for (Index k = 0; k < mesh_.segments(); ++k)
      for (int j = 1; j <= mesh_.stride(); ++j, row += nx_)
        work(row, k * mesh_.stride(), k * mesh_.stride() + j, mesh_.length(k),
             mesh_.integral(static_cast<double>(j) / mesh_.stride()));
  }

  const CollocationMesh& mesh_;
  const Model& model_;
  const Cost& cost_;
  const Constraint& constraint_;
  const CollocationLimits& limits_;
  const Vecd& x0_;
  Index nx_, nu_, nz_, points_;
  Batchd rates_, jacobians_, weights_, hessians_, stage_hessian_, constraint_hessian_, stage_jacobian_,
      final_jacobian_, final_hessian_;
  Vecd stage_gradient_, final_gradient_;
  std::vector<double> quadrature_;
  std::vector<int> cost_times_;
  typename Model::Workspace workspace_;
};

}  // namespace mbrl
