#include "mbrl/planning/local/kl_trust_region.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/math/symmetric.hpp"

namespace mbrl {
namespace {

// Adds -weight_t log p(u_t | x_t) to the stages' costs, without its constant.
void add_log_density(const LinearGaussianController& p, const Vecd& weight, LqrProblem<>& problem) {
  const Index nx = problem.nx, nu = problem.nu;
  for (int t = 0; t < problem.horizon; ++t) {
    const ConditionalGaussian& step = p.at(t);
    const Batchd precision = weight(t) * step.covariance.llt().solve(Batchd::Identity(nu, nu));
    Batchd off(nu, nx + nu);  // u - K x
    off << -step.gain, Batchd::Identity(nu, nu);
    problem.cost_at(t) += symmetrised(off.transpose() * precision * off);
    problem.cost_gradient.col(t) -= off.transpose() * precision * step.offset;
  }
}

}  // namespace

void TrustRegionSettings::validate() const {
  require(min_dual > 0 && max_dual > min_dual && std::isfinite(max_dual), "trust_region: duals from ",
          min_dual, " to ", max_dual, ", expected 0 < min_dual < max_dual");
  require(tolerance > 0 && tolerance < 1, "trust_region: tolerance is ", tolerance, ", expected 0 to 1");
  require(iterations >= 1, "trust_region: iterations is ", iterations, ", expected at least 1");
}

std::optional<LinearGaussianController> max_entropy_lqr(const LqrProblem<>& problem,
                                                        ConstVecRef<double> temperature) {
  require_dim("max_entropy_lqr", "the temperatures", temperature.size(), problem.horizon);
  require((temperature.array() > 0).all() && temperature.allFinite(),
          "max_entropy_lqr: a temperature is not positive and finite");
  Lqr<> lqr(problem.nx, problem.nu, problem.horizon);
  if (lqr.try_solve(problem) >= 0) return std::nullopt;
  std::vector<ConditionalGaussian> steps;
  for (int t = 0; t < problem.horizon; ++t) {
    const Eigen::LLT<Batchd> quu{Batchd(lqr.action_hessian(t))};
    Batchd covariance = temperature(t) * quu.solve(Batchd::Identity(problem.nu, problem.nu));
    if (quu.info() != Eigen::Success || !covariance.allFinite()) return std::nullopt;
    steps.push_back({lqr.gain(t), lqr.feedforward(t), symmetrised(covariance)});
  }
  return LinearGaussianController(std::move(steps));
}

TrustRegionStep trust_region_step(const LocalDynamics& dynamics, const LqrProblem<>& problem,
                                  const LinearGaussianController& old, double bound,
                                  const TrustRegionSettings& s, double first_dual,
                                  const std::optional<TrustRegionAnchor>& anchor) {
  s.validate();
  require(bound > 0 && std::isfinite(bound), "trust_region_step: the bound is ", bound,
          ", expected more than 0");
  require_dim("trust_region_step", "the old controller's horizon", old.horizon(), problem.horizon);
  Vecd weight = Vecd::Zero(problem.horizon);
  LqrProblem<> anchored = problem;
  if (anchor) {
    require_dim("trust_region_step", "the anchor's weights", anchor->weight.size(), problem.horizon);
    weight = anchor->weight;
    add_log_density(anchor->policy, weight, anchored);
  }

  TrustRegionStep best;
  double low = s.min_dual, high = s.max_dual, dual = std::clamp(first_dual, low, high);
  for (int i = 1; i <= s.iterations; ++i) {
    LqrProblem<> surrogate = anchored;
    add_log_density(old, Vecd::Constant(problem.horizon, dual), surrogate);
    std::optional<LinearGaussianController> p = max_entropy_lqr(surrogate, (weight.array() + dual).matrix());
    double divergence = 0;
    bool small = p.has_value();  // of steps
    if (small) {
      const TrajectoryDistribution at = propagate(dynamics, *p);
      divergence = trajectory_kl(*p, old, at).sum();
      small = std::isfinite(divergence) && divergence <= (1 + s.tolerance) * bound;
      // Of those within the bound the farthest: the least dual variable so far.
      if (small && (best.iterations == 0 || dual < best.dual))
        best = {std::move(*p), dual, divergence, expected_cost(problem, at), i};
      if (small && divergence >= (1 - s.tolerance) * bound) break;
    }
    // Geometric means, but no jump beyond a factor of 10 towards an end that nothing is known of.
    if (small) {
      if (dual <= s.min_dual) break;
      high = dual;
      dual = std::max(std::sqrt(low * high), 0.1 * high);
      if (dual < 2 * s.min_dual) dual = s.min_dual;
    } else {
      low = dual;
      dual = std::min(std::sqrt(low * high), 10 * low);
    }
  }
  require(best.iterations > 0, "trust_region_step: no step has a divergence below ", bound,
          "; a larger max_dual or bound, or better dynamics, may help");
  return best;
}

}  // namespace mbrl
