// What has to be chosen for guided policy search: the form of p(tau), how it is optimised, the surrogate cost, and the
// supervised objective. Levine, "Deep reinforcement learning" (CS 294), lecture on learning policies by imitating optimal
// control. Each choice is a class here; GuidedPolicySearch (gps.hpp) takes them as template parameters.
#pragma once

#include <Eigen/LU>
#include <optional>
#include <vector>

#include "mbrl/algorithms/imitation/gps_settings.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/models/local/local_dynamics.hpp"
#include "mbrl/planning/local/kl_trust_region.hpp"
#include "mbrl/policy/linear_gaussian_controller.hpp"

namespace mbrl {

/// Of one start state, besides its controller: what the method keeps from step to step.
struct GpsCondition {
  LinearGaussianController controller;  // p
  Batchd multiplier;                    // lambda, nu x T (badmm)
  Vecd penalty;                         // nu, T (badmm)
  double step = 1;                      // bound of the divergence, in multiples of kl_step
  double dual = 1;                      // eta that the last step came to
  double cost = 0, expected = 0;        // of the last round's trajectories, and what its step promised

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);
};

/// p(tau): linear-Gaussian controllers in linear-Gaussian dynamics, each step's its own.
struct LinearGaussianForm {
  using Distribution = LinearGaussianController;

  static Distribution initial(int state_dim, int horizon, const Vecd& action, const Vecd& deviation) {
    return Distribution::constant(state_dim, horizon, action, deviation);
  }
  static LocalDynamics fit(const std::vector<StateTrajectory>& paths, const LocalPrior& prior) {
    return fit_local_dynamics(paths, prior);
  }
};

/// The optimiser: dual descent on a bound of the divergence.
struct KlTrustRegion {
  static TrustRegionStep improve(const LocalDynamics& dynamics, const LqrProblem<>& problem,
                                 const LinearGaussianController& close_to, double bound,
                                 const TrustRegionSettings& settings, double first_dual,
                                 const std::optional<TrustRegionAnchor>& anchor) {
    return trust_region_step(dynamics, problem, close_to, bound, settings, first_dual, anchor);
  }
};

/// Mirror descent (Montgomery and Levine, "Guided policy search via approximate mirror descent", NIPS 2016):
/// the cost alone, and controllers stay close to the policy.
struct MirrorDescentSurrogate {
  static constexpr bool kCloseToPolicy = true, kMultipliers = false;
  static int repeats(const GpsConfiguration&) { return 1; }
  static LqrProblem<> cost(const LqrProblem<>& problem, const GpsCondition&) { return problem; }
  static std::optional<TrustRegionAnchor> anchor(const GpsCondition&, const LinearGaussianController&) {
    return {};
  }
  static double weight(const GpsCondition&, int) { return 1; }
  static Vecd correction(const GpsCondition& c, int) { return Vecd::Zero(c.controller.action_dim()); }
};

/// Bregman ADMM (Levine, Finn, Darrell, Abbeel, "End-to-end training of deep visuomotor policies", JMLR 2016, section
/// 4): the Lagrangian of E_p[u_t] = E_pi[u_t], with a penalty nu_t KL(p || pi); controllers stay close to those before:
///   p:      min E_p[cost + lambda'u] + nu KL(p || pi)
///   pi:     min sum nu/2 (mu_pi - mu_p - P^-1 lambda / nu)'P (mu_pi - mu_p - P^-1 lambda / nu)
///   lambda: += rate nu P E[mu_p - mu_pi];  nu: doubled where KL_t is above its mean over t by half a standard
///           deviation, halved where it is below by one.
struct BadmmSurrogate {
  static constexpr bool kCloseToPolicy = false, kMultipliers = true;
  static int repeats(const GpsConfiguration& c) { return c.inner; }
  static LqrProblem<> cost(const LqrProblem<>& problem, const GpsCondition& c) {
    LqrProblem<> with = problem;
    with.cost_gradient.bottomRows(problem.nu) += c.multiplier;
    return with;
  }
  static std::optional<TrustRegionAnchor> anchor(const GpsCondition& c,
                                                 const LinearGaussianController& policy) {
    return TrustRegionAnchor{policy, c.penalty};
  }
  static double weight(const GpsCondition& c, int t) { return c.penalty(t); }
  static Vecd correction(const GpsCondition& c, int t) {
    return c.controller.at(t).covariance * c.multiplier.col(t) / c.penalty(t);
  }
  /// `off`: E[mu_p - mu_pi], nu x T; `divergence`: KL_t(p || pi).
  static void update(const GpsConfiguration& settings, const Batchd& off, const Vecd& divergence,
                     GpsCondition& c);
};

/// The supervised objective: the distance to the controllers' means in their precisions (what is left of KL(pi || p)).
struct PrecisionWeighted {
  static Batchd precision(const ConditionalGaussian& controller) { return controller.covariance.inverse(); }
};

/// The plain distance, for comparison.
struct MeanSquared {
  static Batchd precision(const ConditionalGaussian& controller) {
    return Batchd::Identity(controller.out(), controller.out());
  }
};

}  // namespace mbrl
