#include "mbrl/planning/local/trajectory_distribution.hpp"

#include <Eigen/Eigenvalues>
#include <cstddef>

#include "mbrl/core/error.hpp"
#include "mbrl/math/symmetric.hpp"

namespace mbrl {

TrajectoryDistribution propagate(const LocalDynamics& dynamics, const LinearGaussianController& controller) {
  require_dim("propagate", "the controller's horizon", controller.horizon(), dynamics.horizon());
  require_dim("propagate", "the controller's state", controller.state_dim(), dynamics.state_dim());
  require_dim("propagate", "the controller's action", controller.action_dim(), dynamics.action_dim());
  const Index nx = dynamics.state_dim(), nz = nx + dynamics.action_dim();
  TrajectoryDistribution p;
  p.last = dynamics.start;
  for (int t = 0; t < dynamics.horizon(); ++t) {
    p.steps.push_back(joint(p.last, controller.at(t)));
    p.last = marginal(joint(p.steps.back(), dynamics.steps[static_cast<std::size_t>(t)]), nz, nx);
  }
  return p;
}

double expected_cost(const LqrProblem<>& problem, const TrajectoryDistribution& p) {
  require_dim("expected_cost", "the trajectory's steps", p.steps.size(), problem.horizon);
  const auto of = [](const auto& quadratic, const auto& linear, const GaussianMoments& at) {
    return 0.5 * (quadratic.cwiseProduct(at.covariance).sum() + at.mean.dot(quadratic * at.mean)) +
           linear.dot(at.mean);
  };
  double sum = of(problem.final_cost, problem.final_gradient, p.last);
  for (int t = 0; t < problem.horizon; ++t)
    sum += of(problem.cost_at(t), problem.cost_gradient.col(t), p.steps[static_cast<std::size_t>(t)]);
  return sum;
}

Vecd trajectory_kl(const LinearGaussianController& p, const LinearGaussianController& q,
                   const TrajectoryDistribution& at) {
  require_dim("trajectory_kl", "q's horizon", q.horizon(), p.horizon());
  require_dim("trajectory_kl", "the trajectory's steps", at.steps.size(), p.horizon());
  Vecd each(p.horizon());
  for (int t = 0; t < p.horizon(); ++t)
    each(t) =
        expected_kl(p.at(t), q.at(t), marginal(at.steps[static_cast<std::size_t>(t)], 0, p.state_dim()));
  return each;
}

LqrProblem<> problem_of(const LocalDynamics& dynamics) {
  LqrProblem<> problem(dynamics.state_dim(), dynamics.action_dim(), dynamics.horizon());
  for (int t = 0; t < problem.horizon; ++t) {
    const ConditionalGaussian& step = dynamics.steps[static_cast<std::size_t>(t)];
    problem.dynamics_at(t) = step.gain;
    problem.offset.col(t) = step.offset;
  }
  return problem;
}

Batchd convex_part(ConstBatchRef<double> m) {
  const Eigen::SelfAdjointEigenSolver<Batchd> eigen{Batchd(m)};
  if (eigen.eigenvalues().minCoeff() >= 0) return m;
  return symmetrised(eigen.eigenvectors() * eigen.eigenvalues().cwiseMax(0.0).asDiagonal() *
                     eigen.eigenvectors().transpose());
}

}  // namespace mbrl
