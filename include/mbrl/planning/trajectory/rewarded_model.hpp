// A model and a reward function as what planners that descend are given: a differentiable model whose state says what was
// earned, and the cost that it is.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/models/differentiable_model.hpp"
#include "mbrl/task/task_functions.hpp"

namespace mbrl {

/// The DifferentiableModel of states [x; r; t]: x' = f(x, u), r' = reward(x, u, x', t), t' = t + 1. The reward's derivatives
/// are central differences, of width 0.002 in units of the entry or of 1, whichever is more, since rewards are computed in
/// floats; with those of f, dr'/dx = r_x + r_x' f_x and dr'/du = r_u + r_x' f_u. The model can be exchanged.
template <DifferentiableModel M>
class RewardedModel {
 public:
  using Scalar = double;
  struct Workspace {
    typename M::Workspace model;
    Batchd jacobian, next;
    Batchf obs, action, next_obs;
    Vecf reward;
  };

  /// Throws mbrl::Error for a reward that is empty.
  RewardedModel(M model, RewardFunction<float> reward)
      : model_(std::make_shared<const M>(std::move(model))), reward_(std::move(reward)) {
    require(static_cast<bool>(reward_), "RewardedModel: the reward is empty, expected a function");
  }

  void set_model(M model) { model_ = std::make_shared<const M>(std::move(model)); }
  int obs_dim() const { return static_cast<int>(model_->obs_dim()) + 2; }
  int action_dim() const { return static_cast<int>(model_->action_dim()); }
  /// The state of an observation at control step t, with nothing earned.
  Vecd state(ConstVecRef<double> obs, int t) const {
    require_dim("RewardedModel", "obs", obs.size(), obs_dim() - 2);
    Vecd out(obs_dim());
    out << obs, 0.0, static_cast<double>(t);
    return out;
  }

  void step(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> next_obs,
            Workspace& w) const {
    const Index nx = obs_dim() - 2;
    model_->step(obs.topRows(nx), action, next_obs.topRows(nx), w.model);
    for (Index j = 0; j < obs.cols(); ++j) {
      resize(w, 1);
      w.obs.col(0) = obs.col(j).head(nx).template cast<float>();
      w.action.col(0) = action.col(j).template cast<float>();
      w.next_obs.col(0) = next_obs.col(j).head(nx).template cast<float>();
      reward_(w.obs, w.action, w.next_obs, static_cast<int>(obs(nx + 1, j)), w.reward);
      next_obs(nx, j) = static_cast<double>(w.reward(0));
    }
    next_obs.row(nx + 1) = obs.row(nx + 1).array() + 1.0;
  }

  void linearize(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> jacobian,
                 Workspace& w) const {
    const Index nx = obs_dim() - 2, nu = action_dim(), inner = nx + nu, nz = inner + 2, n = obs.cols();
    w.jacobian.resize(nx, n * inner);
    w.next.resize(nx, n);
    model_->step(obs.topRows(nx), action, w.next, w.model);
    model_->linearize(obs.topRows(nx), action, w.jacobian, w.model);
    jacobian.setZero();
    for (Index j = 0; j < n; ++j) {
      const auto own = w.jacobian.middleCols(j * inner, inner);
      auto out = jacobian.middleCols(j * nz, nz);
      out.topLeftCorner(nx, nx) = own.leftCols(nx);
      out.topRightCorner(nx, nu) = own.rightCols(nu);
      const Vecd slope =
          slopes(obs.col(j).head(nx), action.col(j), w.next.col(j), static_cast<int>(obs(nx + 1, j)), w);
      out.row(nx).head(nx) = (slope.head(nx) + own.leftCols(nx).transpose() * slope.tail(nx)).transpose();
      out.row(nx).tail(nu) =
          (slope.segment(nx, nu) + own.rightCols(nu).transpose() * slope.tail(nx)).transpose();
      out(nx + 1, nx + 1) = 1.0;
    }
  }

 private:
  void resize(Workspace& w, Index n) const {
    w.obs.resize(obs_dim() - 2, n);
    w.action.resize(action_dim(), n);
    w.next_obs.resize(obs_dim() - 2, n);
    w.reward.resize(n);
  }

  // Of the reward by x, u and x', one after another; two columns for each entry, in one call.
  Vecd slopes(ConstVecRef<double> x, ConstVecRef<double> u, ConstVecRef<double> next, int t,
              Workspace& w) const {
    const Index nx = x.size(), nu = u.size(), n = 2 * nx + nu;
    resize(w, 2 * n);
    w.obs.colwise() = x.template cast<float>();
    w.action.colwise() = u.template cast<float>();
    w.next_obs.colwise() = next.template cast<float>();
    Vecd width(n);
    const auto move = [&](auto& block, Index row, Index entry) {
      const float at = block(row, 2 * entry), h = 1e-3f * std::max(1.0f, std::abs(at));
      block(row, 2 * entry) += h;
      block(row, 2 * entry + 1) -= h;
      width(entry) =
          static_cast<double>(block(row, 2 * entry)) - static_cast<double>(block(row, 2 * entry + 1));
    };
    for (Index i = 0; i < nx; ++i) move(w.obs, i, i);
    for (Index i = 0; i < nu; ++i) move(w.action, i, nx + i);
    for (Index i = 0; i < nx; ++i) move(w.next_obs, i, nx + nu + i);
    reward_(w.obs, w.action, w.next_obs, t, w.reward);
    Vecd slope(n);
    for (Index k = 0; k < n; ++k)
      slope(k) = static_cast<double>(w.reward(2 * k) - w.reward(2 * k + 1)) / width(k);
    return slope;
  }

  std::shared_ptr<const M> model_;
  RewardFunction<float> reward_;
};

/// What was earned on the way to each state of a RewardedModel, as a TrajectoryCost; the first state's does not count,
/// nothing changes it.
struct EarnedCost {
  static double stage(ConstVecRef<double> x, ConstVecRef<double> /*u*/, int /*t*/) {
    return -x(x.size() - 2);
  }
  static double final_cost(ConstVecRef<double> x, int /*t*/) { return -x(x.size() - 2); }
  static void stage_derivatives(ConstVecRef<double> x, ConstVecRef<double> /*u*/, int /*t*/,
                                VecRef<double> gradient, BatchRef<double> hessian) {
    gradient.setZero();
    gradient(x.size() - 2) = -1.0;
    hessian.setZero();
  }
  static void final_derivatives(ConstVecRef<double> x, int t, VecRef<double> gradient,
                                BatchRef<double> hessian) {
    stage_derivatives(x, x.head(0), t, gradient, hessian);
  }
};

}  // namespace mbrl
