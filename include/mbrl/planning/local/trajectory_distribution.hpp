// Trajectories of a linear-Gaussian controller in local dynamics, as a Gaussian: its moments, what it costs, and how far
// it is from another one's.
#pragma once

#include <vector>

#include "mbrl/core/types.hpp"
#include "mbrl/math/gaussian.hpp"
#include "mbrl/models/local/local_dynamics.hpp"
#include "mbrl/planning/trajectory/lqr.hpp"
#include "mbrl/policy/linear_gaussian_controller.hpp"
#include "mbrl/task/trajectory_cost.hpp"

namespace mbrl {

/// p(tau) = p(x_0) prod_t p(u_t | x_t) p(x_(t+1) | x_t, u_t).
struct TrajectoryDistribution {
  std::vector<GaussianMoments> steps;  // of [x_t; u_t], t < T
  GaussianMoments last;                // of x_T
};

/// Throws mbrl::Error where controller and dynamics do not go together.
TrajectoryDistribution propagate(const LocalDynamics& dynamics, const LinearGaussianController& controller);

/// The problem's cost in expectation: sum_t 1/2 tr(C_t Sigma_t) + 1/2 mu_t'C_t mu_t + c_t'mu_t, and the same of its end.
double expected_cost(const LqrProblem<>& problem, const TrajectoryDistribution& p);

/// KL(p(tau) || q(tau)) = sum_t E_p KL(p(u_t|x_t) || q(u_t|x_t)), of two controllers in the same dynamics, where `at` is
/// p(tau). Entry t is step t's.
Vecd trajectory_kl(const LinearGaussianController& p, const LinearGaussianController& q,
                   const TrajectoryDistribution& at);

/// A problem of these dynamics, its cost zero.
LqrProblem<> problem_of(const LocalDynamics& dynamics);

/// `m` without the part that curves downwards.
Batchd convex_part(ConstBatchRef<double> m);

/// Writes into `problem` the cost's expansion to second order, the mean over the trajectories, without what curves
/// downwards; returns its constant. The trajectories begin at control step 0.
template <TrajectoryCost Cost>
double expand_cost(const Cost& cost, const std::vector<StateTrajectory>& trajectories,
                   LqrProblem<>& problem) {
  check_trajectories("expand_cost", trajectories, 1);
  const StateTrajectory& first = trajectories.front();
  require_dim("expand_cost", "the trajectories' steps", first.steps(), problem.horizon);
  require_dim("expand_cost", "a state", first.states.rows(), problem.nx);
  const Index nx = problem.nx, nz = problem.nz();
  const double share = 1.0 / static_cast<double>(trajectories.size());
  problem.cost.setZero();
  problem.cost_gradient.setZero();
  problem.final_cost.setZero();
  problem.final_gradient.setZero();
  double constant = 0;
  Vecd z(nz), gradient(nz);
  Batchd hessian(nz, nz), final_hessian(nx, nx);
  const auto add = [&](double value, const Vecd& at, const Vecd& slope, const Batchd& curve, auto&& quadratic,
                       auto&& linear) {
    const Batchd convex = convex_part(curve);
    const Vecd bent = convex * at;
    quadratic += share * convex;
    linear += share * (slope - bent);
    constant += share * (value - slope.dot(at) + 0.5 * at.dot(bent));
  };
  for (const StateTrajectory& each : trajectories) {
    for (int t = 0; t < problem.horizon; ++t) {
      z << each.states.col(t), each.actions.col(t);
      cost.stage_derivatives(each.states.col(t), each.actions.col(t), t, gradient, hessian);
      add(cost.stage(each.states.col(t), each.actions.col(t), t), z, gradient, hessian, problem.cost_at(t),
          problem.cost_gradient.col(t));
    }
    const Vecd last = each.states.col(problem.horizon);
    Vecd final_gradient(nx);
    cost.final_derivatives(last, problem.horizon, final_gradient, final_hessian);
    add(cost.final_cost(last, problem.horizon), last, final_gradient, final_hessian, problem.final_cost,
        problem.final_gradient);
  }
  require(problem.cost.allFinite() && problem.cost_gradient.allFinite() && problem.final_cost.allFinite() &&
              problem.final_gradient.allFinite(),
          "expand_cost: a derivative of the cost is not finite");
  return constant;
}

}  // namespace mbrl
