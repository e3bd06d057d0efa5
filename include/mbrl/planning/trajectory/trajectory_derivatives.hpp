// Derivatives of dynamics and cost along a trajectory: the linear-quadratic model of its neighbourhood.
#pragma once

#include "mbrl/core/types.hpp"
#include "mbrl/models/differentiable_model.hpp"
#include "mbrl/task/trajectory_cost.hpp"

namespace mbrl {

/// Of N steps, with nz = nx + nu; step t's blocks begin at column t * nz.
template <int Nx, int Nu>
struct TrajectoryDerivatives {
  static constexpr int Nz = Nx == Eigen::Dynamic || Nu == Eigen::Dynamic ? Eigen::Dynamic : Nx + Nu;

  Eigen::Matrix<double, Nx, Eigen::Dynamic> jacobian;           // nx x (N nz): of the next state
  Eigen::Matrix<double, Nz, Eigen::Dynamic> hessian, gradient;  // nz x (N nz), nz x N: of the stage cost
  Eigen::Matrix<double, Nx, Nx> final_hessian;                  // of the final cost
  Eigen::Matrix<double, Nx, 1> final_gradient;

  void resize(Index nx, Index nu, Index steps) {
    const Index nz = nx + nu;
    jacobian.setZero(nx, steps * nz);
    hessian.setZero(nz, steps * nz);
    gradient.setZero(nz, steps);
    final_hessian.setZero(nx, nx);
    final_gradient.setZero(nx);
  }

  /// Along states (nx x (N + 1)) and actions (nu x N) that begin at control step t0. False if a number is not
  /// finite.
  template <DifferentiableModel Model, TrajectoryCost Cost, class States, class Actions>
  bool compute(const Model& model, const Cost& cost, const States& states, const Actions& actions, int t0,
               typename Model::Workspace& workspace) {
    const Index n = actions.cols(), nz = gradient.rows();
    model.linearize(states.leftCols(n), actions, jacobian, workspace);
    for (Index t = 0; t < n; ++t)
      cost.stage_derivatives(states.col(t), actions.col(t), t0 + static_cast<int>(t), gradient.col(t),
                             hessian.middleCols(t * nz, nz));
    cost.final_derivatives(states.col(n), t0 + static_cast<int>(n), final_gradient, final_hessian);
    return jacobian.allFinite() && gradient.allFinite() && hessian.allFinite() &&
           final_gradient.allFinite() && final_hessian.allFinite();
  }
};

}  // namespace mbrl
