// Steps of a linear-Gaussian controller that stay close to where its data came from. Levine and Abbeel, "Learning neural
// network policies with guided policy search under unknown dynamics", NIPS 2014, section 3.1.
#pragma once

#include <optional>

#include "mbrl/core/types.hpp"
#include "mbrl/planning/local/trajectory_distribution.hpp"

namespace mbrl {

/// min over controllers p of E_p[cost] - sum_t temperature_t H(p(u_t|x_t)): the gains of LQR, and covariances
/// temperature_t Quu_t^-1, wide where an action matters little. Nothing where Quu is not positive definite.
std::optional<LinearGaussianController> max_entropy_lqr(const LqrProblem<>& problem,
                                                        ConstVecRef<double> temperature);

struct TrustRegionSettings {
  double min_dual = 1e-8, max_dual = 1e16;  // of eta
  double tolerance = 0.1;                   // of the divergence, as a share of its bound
  int iterations = 50;                      // of the search for eta, at most

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("min_dual", s.min_dual, "the least dual variable of the divergence's bound");
    field("max_dual", s.max_dual, "the largest");
    field("tolerance", s.tolerance, "of the divergence, as a share of its bound");
    field("iterations", s.iterations, "of the search for the dual variable, at most");
  }
  /// Throws mbrl::Error for settings that make no sense.
  void validate() const;
};

/// Adds sum_t weight_t KL(p || policy) to the cost.
struct TrustRegionAnchor {
  const LinearGaussianController& policy;
  Vecd weight;  // T, none negative
};

struct TrustRegionStep {
  LinearGaussianController controller;
  double dual = 1;        // eta
  double divergence = 0;  // KL(p || old), whole trajectories
  double cost = 0;        // E_p[cost] in the dynamics given, without the anchor
  int iterations = 0;     // of the search
};

/// min_p E_p[cost] + anchor subject to KL(p(tau) || old(tau)) <= bound. For a dual variable eta the minimiser is the
/// maximum-entropy LQR of cost - eta log old - weight log anchor with the temperature eta + weight; eta is bracketed
/// geometrically, from first_dual on, until the divergence is within the tolerance of the bound, or below it with the
/// least eta. The problem holds the dynamics' mean. Throws mbrl::Error where no eta gives a minimum.
TrustRegionStep trust_region_step(const LocalDynamics& dynamics, const LqrProblem<>& problem,
                                  const LinearGaussianController& old, double bound,
                                  const TrustRegionSettings& settings = {}, double first_dual = 1,
                                  const std::optional<TrustRegionAnchor>& anchor = {});

}  // namespace mbrl
