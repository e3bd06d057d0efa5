// The linear-quadratic regulator over a finite horizon: time-varying dynamics with offsets, costs with cross
// and linear terms. Mayne 1966; in the notation of Levine, "Deep reinforcement learning", lecture on
// model-based planning.
#pragma once

#include <cstddef>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/symmetric.hpp"
#include "mbrl/planning/trajectory/riccati_step.hpp"

namespace mbrl {

/// minimise sum_{t < N} (1/2 z_t'C_t z_t + c_t'z_t) + 1/2 x_N'V_N x_N + v_N'x_N,  z_t = [x_t; u_t],
/// subject to x_{t+1} = F_t z_t + f_t. Stages stand side by side: stage t of `dynamics` is its columns t nz ..
/// (t + 1) nz.
template <int Nx = Eigen::Dynamic, int Nu = Eigen::Dynamic>
struct LqrProblem {
  static constexpr int Nz = RiccatiStep<Nx, Nu>::Nz;

  int nx, nu, horizon;
  Eigen::Matrix<double, Nx, Eigen::Dynamic> dynamics;       // F, nx x N nz
  Eigen::Matrix<double, Nx, Eigen::Dynamic> offset;         // f, nx x N
  Eigen::Matrix<double, Nz, Eigen::Dynamic> cost;           // C, nz x N nz, symmetric
  Eigen::Matrix<double, Nz, Eigen::Dynamic> cost_gradient;  // c, nz x N
  Eigen::Matrix<double, Nx, Nx> final_cost;                 // V_N
  Eigen::Matrix<double, Nx, 1> final_gradient;              // v_N

  /// All zero. Throws unless sizes and horizon are at least 1 and the sizes are those compiled for.
  LqrProblem(int states, int actions, int steps) : nx(states), nu(actions), horizon(steps) {
    require(steps >= 1, "lqr: the horizon is ", steps, ", expected at least 1");
    require(states >= 1 && actions >= 1, "lqr: ", states, " states and ", actions,
            " actions, expected at least one of each");
    require((Nx == Eigen::Dynamic || Nx == states) && (Nu == Eigen::Dynamic || Nu == actions),
            "lqr: ", states, " states and ", actions, " actions, but compiled for ", Nx, " and ", Nu);
    const Index nz = states + actions;
    dynamics.setZero(states, nz * steps);
    offset.setZero(states, steps);
    cost.setZero(nz, nz * steps);
    cost_gradient.setZero(nz, steps);
    final_cost.setZero(states, states);
    final_gradient.setZero(states);
  }

  int nz() const { return nx + nu; }
  auto dynamics_at(int t) { return dynamics.middleCols(static_cast<Index>(t) * nz(), nz()); }
  auto dynamics_at(int t) const { return dynamics.middleCols(static_cast<Index>(t) * nz(), nz()); }
  auto cost_at(int t) { return cost.middleCols(static_cast<Index>(t) * nz(), nz()); }
  auto cost_at(int t) const { return cost.middleCols(static_cast<Index>(t) * nz(), nz()); }
};

/// u_t = K_t x_t + k_t and the cost-to-go 1/2 x'V_t x + v_t'x + s_t, t = 0 .. N. Memory is allocated once,
/// when constructed; solve and roll_out allocate nothing.
template <int Nx = Eigen::Dynamic, int Nu = Eigen::Dynamic>
class Lqr {
 public:
  using Problem = LqrProblem<Nx, Nu>;

  Lqr(int nx, int nu, int horizon) : nx_(nx), nu_(nu), horizon_(horizon), step_(nx, nu) {
    require(horizon >= 1, "lqr: the horizon is ", horizon, ", expected at least 1");
    gains_t_.setZero(nx, static_cast<Index>(nu) * horizon);
    feedforward_.setZero(nu, horizon);
    action_hessians_.setZero(nu, static_cast<Index>(nu) * horizon);
    hessians_.setZero(nx, static_cast<Index>(nx) * (horizon + 1));
    gradients_.setZero(nx, horizon + 1);
    constants_.assign(static_cast<std::size_t>(horizon) + 1, 0.0);
  }

  /// The backward pass. Throws where the problem has no unique minimum (Quu is not positive definite at some
  /// stage, or a number is not finite), where a cost is not symmetric, and if the problem has other sizes.
  void solve(const Problem& problem) {
    const int failed = try_solve(problem);
    require(failed < 0, "lqr: the problem has no minimum: Quu is not positive definite at stage ", failed);
  }

  /// The same, but returns the stage at which it failed, or -1.
  int try_solve(const Problem& p) {
    require_dim("lqr", "the problem's state", p.nx, nx_);
    require_dim("lqr", "the problem's action", p.nu, nu_);
    require_dim("lqr", "the problem's horizon", p.horizon, horizon_);
    for (int t = 0; t < horizon_; ++t) require_symmetric("lqr", "a stage's cost", p.cost_at(t));
    require_symmetric("lqr", "the final cost", p.final_cost);
    const Index nx = nx_, nz = nx_ + nu_;
    hessians_.rightCols(nx) = p.final_cost;
    gradients_.col(horizon_) = p.final_gradient;
    constants_.back() = 0;
    for (Index t = horizon_; t-- > 0;) {
      RiccatiStage s;
      s.jacobian = p.dynamics.data() + t * nx * nz;
      s.offset = p.offset.data() + t * nx;
      s.cost = p.cost.data() + t * nz * nz;
      s.cost_gradient = p.cost_gradient.data() + t * nz;
      if (t > 0) {
        s.jacobian_after = s.jacobian - nx * nz;
        s.cost_after = s.cost - nz * nz;
      }
      s.next_hessian = hessians_.data() + (t + 1) * nx * nx;
      s.next_gradient = gradients_.data() + (t + 1) * nx;
      s.hessian = hessians_.data() + t * nx * nx;
      s.gradient = gradients_.data() + t * nx;
      s.gain_t = gains_t_.data() + t * nx * nu_;
      s.feedforward = feedforward_.data() + t * nu_;
      if (!step_.run(s, 0.0)) return static_cast<int>(t);
      action_hessians_.middleCols(t * nu_, nu_) = step_.quu();
      const auto i = static_cast<std::size_t>(t);
      constants_[i] = constants_[i + 1] + step_.offset_value() + step_.first_order() + step_.second_order();
    }
    return value_hessian(0).allFinite() && gradients_.col(0).allFinite() ? -1 : 0;
  }

  int horizon() const { return horizon_; }
  auto gain(int t) const {
    return gains_t_.middleCols(static_cast<Index>(t) * nu_, nu_).transpose();
  }  // nu x nx
  auto feedforward(int t) const { return feedforward_.col(t); }  // nu
  /// Quu: what a change of the action costs, in the lower triangle.
  auto action_hessian(int t) const { return action_hessians_.middleCols(static_cast<Index>(t) * nu_, nu_); }
  auto value_hessian(int t) const { return hessian_block(t); }    // nx x nx
  auto value_gradient(int t) const { return gradients_.col(t); }  // nx
  double value_constant(int t) const { return constants_[static_cast<std::size_t>(t)]; }
  /// The optimal cost from x at stage t on.
  double value(int t, ConstVecRef<double> x) const {
    require_dim("lqr", "the state", x.size(), nx_);
    return 0.5 * x.dot(value_hessian(t) * x) + value_gradient(t).dot(x) + value_constant(t);
  }

  /// The optimal trajectory from x0: states nx x (N + 1), actions nu x N.
  void roll_out(const Problem& p, ConstVecRef<double> x0, BatchRef<double> states,
                BatchRef<double> actions) const {
    require_dim("lqr", "the state", x0.size(), nx_);
    require_dim("lqr", "states", states.rows(), nx_);
    require_dim("lqr", "states' columns", states.cols(), horizon_ + 1);
    require_dim("lqr", "actions", actions.rows(), nu_);
    require_dim("lqr", "actions' columns", actions.cols(), horizon_);
    states.col(0) = x0;
    for (int t = 0; t < horizon_; ++t) {
      actions.col(t) = feedforward_.col(t);
      actions.col(t).noalias() += gain(t).lazyProduct(states.col(t));
      const auto f = p.dynamics_at(t);
      states.col(t + 1) = p.offset.col(t);
      states.col(t + 1).noalias() += f.leftCols(nx_).lazyProduct(states.col(t));
      states.col(t + 1).noalias() += f.rightCols(nu_).lazyProduct(actions.col(t));
    }
  }

 private:
  auto hessian_block(Index t) const { return hessians_.middleCols(t * nx_, nx_); }

  int nx_, nu_, horizon_;
  RiccatiStep<Nx, Nu> step_;
  Eigen::Matrix<double, Nx, Eigen::Dynamic> gains_t_, hessians_, gradients_;
  Eigen::Matrix<double, Nu, Eigen::Dynamic> feedforward_, action_hessians_;
  std::vector<double> constants_;
};

}  // namespace mbrl
