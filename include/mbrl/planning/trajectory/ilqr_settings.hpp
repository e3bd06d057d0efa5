// What iLQR and DDP are told, how a solve ends and what it reports, and the schedule of their regularisation.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/math/box_qp.hpp"

namespace mbrl {

struct IlqrSettings {
  int iterations = 100;       // accepted or rejected steps at most
  bool second_order = false;  // DDP: the dynamics' second derivatives too; else iLQR (Gauss-Newton)
  double tolerance = 1e-7;    // converged once the cost falls, or would fall, by less than this share
  double initial_mu = 0.0;    // regularisation at the start
  double min_mu = 1e-6;       // smallest that is not 0
  double max_mu = 1e10;       // given up beyond
  double mu_factor = 2.0;     // base of the schedule
  int line_search = 10;       // step lengths tried: base^(-i^2), i = 0, 1, ...
  double line_search_base = 1.1;
  double accept = 1e-4;  // share of the expected decrease that a step must reach
  BoxQpSettings box = {};

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("iterations", s.iterations, "iterations at most");
    field("second_order", s.second_order, "DDP instead of iLQR: second derivatives of the dynamics");
    field("tolerance", s.tolerance, "converged once the cost falls by less than this share");
    field("initial_mu", s.initial_mu, "regularisation at the start");
    field("min_mu", s.min_mu, "smallest regularisation that is not 0");
    field("max_mu", s.max_mu, "largest regularisation tried");
    field("mu_factor", s.mu_factor, "base of the regularisation schedule");
    field("line_search", s.line_search, "step lengths tried");
    field("line_search_base", s.line_search_base, "step lengths are base^(-i^2)");
    field("accept", s.accept, "share of the expected decrease that a step must reach");
    field("box", s.box, "the inner problem where actions are limited");
  }

  /// Throws mbrl::Error unless every value makes sense.
  void validate() const {
    require(iterations >= 1, "ilqr: iterations is ", iterations, ", expected at least 1");
    require(tolerance >= 0, "ilqr: tolerance is ", tolerance, ", expected 0 or more");
    require(initial_mu >= 0 && min_mu > 0 && max_mu >= min_mu && initial_mu <= max_mu,
            "ilqr: initial_mu, min_mu and max_mu are ", initial_mu, ", ", min_mu, " and ", max_mu,
            ", expected 0 <= initial_mu <= max_mu and 0 < min_mu <= max_mu");
    require(mu_factor > 1, "ilqr: mu_factor is ", mu_factor, ", expected more than 1");
    require(line_search >= 1, "ilqr: line_search is ", line_search, ", expected at least 1");
    require(line_search_base > 1, "ilqr: line_search_base is ", line_search_base, ", expected more than 1");
    require(accept >= 0 && accept < 1, "ilqr: accept is ", accept, ", expected 0 <= accept < 1");
  }
};

enum class IlqrStatus : int {
  kConverged = 0,
  kIterationLimit = 1,
  kNoDescent = 2,      // no step lowers the cost, however much regularised
  kIndefinite = 3,     // Quu stays indefinite, however much regularised
  kDivergedStart = 4,  // the initial actions lead to states or costs that are not finite
  kNotFinite = 5,      // a derivative is not finite
  kOutOfTime = 6,      // stopped by the deadline
};

constexpr auto enum_names(IlqrStatus) {
  return std::array{std::pair{IlqrStatus::kConverged, "converged"},
                    std::pair{IlqrStatus::kIterationLimit, "iteration limit"},
                    std::pair{IlqrStatus::kNoDescent, "no descent"},
                    std::pair{IlqrStatus::kIndefinite, "indefinite"},
                    std::pair{IlqrStatus::kDivergedStart, "diverged start"},
                    std::pair{IlqrStatus::kNotFinite, "derivative not finite"},
                    std::pair{IlqrStatus::kOutOfTime, "out of time"}};
}

/// One iteration, as it ended.
struct IlqrIteration {
  double cost = 0;      // after it
  double expected = 0;  // decrease that a full step promised
  double alpha = 0;     // step taken; 0: rejected
  double mu = 0;        // regularisation it was made with
};

struct IlqrReport {
  IlqrStatus status = IlqrStatus::kIterationLimit;
  int iterations = 0;               // accepted steps
  int rejected = 0;                 // iterations without an acceptable step
  int indefinite = 0;               // backward passes given up as Quu was not positive definite
  std::int64_t forward_passes = 0;  // rollouts, the first included
  std::int64_t diverged = 0;        // of these, rollouts that left the finite numbers
  double initial_cost = 0, cost = 0;
};

/// The regularisation mu of the backward passes: it grows ever faster with every failure and falls ever faster
/// with every success, to 0 below min_mu. Tassa, Erez, Todorov, IROS 2012, section II-F.
class IlqrRegularization {
 public:
  double mu() const { return mu_; }
  /// So small that the step is nearly Newton's: the cost may be called converged.
  bool settled(const IlqrSettings& s) const { return mu_ <= 10 * s.min_mu; }

  void start(const IlqrSettings& s) {
    mu_ = s.initial_mu;
    delta_ = 1.0;
  }
  /// False: beyond the largest that is tried.
  bool increase(const IlqrSettings& s) {
    delta_ = std::max(s.mu_factor, delta_ * s.mu_factor);
    mu_ = std::max(s.min_mu, mu_ * delta_);
    return mu_ <= s.max_mu;
  }
  void decrease(const IlqrSettings& s) {
    delta_ = std::min(1.0 / s.mu_factor, delta_ / s.mu_factor);
    mu_ = mu_ * delta_ >= s.min_mu ? mu_ * delta_ : 0.0;
  }

 private:
  double mu_ = 0, delta_ = 1;
};

}  // namespace mbrl
