// Constrained minimisation by the augmented Lagrangian, or by plain dual gradient ascent, with sparse Newton
// steps inside.
#pragma once

#include <array>
#include <limits>
#include <utility>
#include <vector>

#include "mbrl/core/deadline.hpp"
#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/nonlinear_program.hpp"

namespace mbrl {

enum class DualMethod : int {
  kAugmentedLagrangian = 0,  // a penalty that grows, and multipliers
  kDualAscent = 1,           // multipliers alone: needs a programme that is strictly convex
};

constexpr auto enum_names(DualMethod) {
  return std::array{std::pair{DualMethod::kAugmentedLagrangian, "augmented_lagrangian"},
                    std::pair{DualMethod::kDualAscent, "dual_ascent"}};
}

struct AugmentedLagrangianSettings {
  DualMethod method = DualMethod::kAugmentedLagrangian;
  int outer_iterations = 40;    // updates of the multipliers at most
  int newton_iterations = 200;  // Newton steps in one of them at most
  double feasibility = 1e-9;    // largest violation of a constraint
  double optimality = 1e-6;     // largest entry of the Lagrangian's projected gradient, over max(1, |df|)
  double initial_penalty = 1;   // rho; the step length of dual ascent
  double penalty_factor = 10;   // of rho where the violation shrinks too slowly
  double shrink = 0.25;         // too slowly: to more than this share
  double max_penalty = 1e9;
  double initial_regularization = 0;  // of the Hessian, tried first where it is indefinite; 0: 1e-4
  double max_regularization = 1e12;   // given up beyond
  double armijo = 1e-4;               // share of the expected decrease that a step must reach

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("method", s.method, "augmented_lagrangian or dual_ascent");
    field("outer_iterations", s.outer_iterations, "updates of the multipliers at most");
    field("newton_iterations", s.newton_iterations, "Newton steps in one of them at most");
    field("feasibility", s.feasibility, "largest violation of a constraint");
    field("optimality", s.optimality, "largest entry of the Lagrangian's projected gradient, relative");
    field("initial_penalty", s.initial_penalty, "penalty at the start; the step length of dual ascent");
    field("penalty_factor", s.penalty_factor, "growth of the penalty where the violation shrinks too slowly");
    field("shrink", s.shrink, "share of the last violation that is slow enough for that");
    field("max_penalty", s.max_penalty, "largest penalty");
    field("initial_regularization", s.initial_regularization,
          "regularisation tried first where the Hessian is indefinite; 0: 1e-4");
    field("max_regularization", s.max_regularization, "largest regularisation of the Hessian");
    field("armijo", s.armijo, "share of the expected decrease that a step must reach");
  }
};

enum class ProgramStatus : int {
  kConverged = 0,
  kIterationLimit = 1,
  kInfeasible = 2,     // the largest penalty does not bring the constraints about
  kIndefinite = 3,     // the Hessian stays indefinite, however much regularised
  kStalled = 4,        // feasible, but rounding or noise keeps the gradient above its tolerance
  kDivergedStart = 5,  // a function is not finite at the start
  kNotFinite = 6,      // a derivative is not finite
  kOutOfTime = 7,      // the deadline came first
};

constexpr auto enum_names(ProgramStatus) {
  return std::array{std::pair{ProgramStatus::kConverged, "converged"},
                    std::pair{ProgramStatus::kIterationLimit, "iteration limit"},
                    std::pair{ProgramStatus::kInfeasible, "infeasible"},
                    std::pair{ProgramStatus::kIndefinite, "indefinite"},
                    std::pair{ProgramStatus::kStalled, "stalled"},
                    std::pair{ProgramStatus::kDivergedStart, "diverged start"},
                    std::pair{ProgramStatus::kNotFinite, "derivative not finite"},
                    std::pair{ProgramStatus::kOutOfTime, "out of time"}};
}

/// One update of the multipliers, as it ended.
struct OuterIteration {
  double objective = 0;
  double violation = 0;   // largest distance of a constraint from its limits
  double optimality = 0;  // as in the settings
  double penalty = 0;     // it was made with
  int newton_steps = 0;
};

struct ProgramResult {
  ProgramStatus status = ProgramStatus::kIterationLimit;
  /// Violation and optimality stay infinite where nothing could be evaluated.
  double objective = 0, violation = std::numeric_limits<double>::infinity(),
         optimality = std::numeric_limits<double>::infinity(), penalty = 0;
  double regularization = 0;     // the last that was needed
  int newton_steps = 0;          // accepted
  int factorizations = 0;        // of the Newton system
  int rejected = 0;              // trial points without the decrease asked for
  int not_finite = 0;            // of these, where a function is not finite
  std::vector<double> solution;  // n
  std::vector<double>
      multipliers;  // m: y of the Lagrangian f + y'c; above 0 at an upper limit, below at a lower
  std::vector<OuterIteration> trace;

  auto x() const { return Eigen::Map<const Vecd>(solution.data(), static_cast<Index>(solution.size())); }
  auto y() const {
    return Eigen::Map<const Vecd>(multipliers.data(), static_cast<Index>(multipliers.size()));
  }
};

/// Outside, with r = c + y / rho - [c + y / rho] and [.] clamping to the limits,
///   y <- rho r,  rho <- penalty_factor rho unless the violation fell to `shrink` of the last one
/// (Hestenes 1969, Powell 1969; Rockafellar 1974 for inequalities; Nocedal and Wright, "Numerical
/// optimization", 2006, section 17.4). Inside, f + rho/2 |r|^2 is minimised in the box of x by Newton steps,
/// each the minimum in the box of the quadratic model (a primal-dual active set finds it), from the sparse
/// system
///   [H + delta I, J'; J, -I / rho] [dx; w] = [-(df + J'y+); 0],  y+ = rho r, H the Hessian of f + y+'c,
/// in which J keeps the active rows and dx the free variables: H + rho J'J without the fill. It is factorised
/// as L D L'; delta grows until D has as many negative entries as there are rows, which makes H + rho J'J
/// positive definite. Dual ascent minimises f + y'c instead, and y <- y + rho c, clamped to the signs that
/// inequalities allow. A Newton step is begun only if it will end before the deadline should it take as long
/// as the longest before it. What goes wrong on the way is told by the result's status, never thrown. Throws
/// on wrong dimensions and settings, limits that cross, and a start or multipliers that are not finite.
ProgramResult minimize(NonlinearProgram& program, ConstVecRef<double> start,
                       const AugmentedLagrangianSettings& settings = {},
                       ConstVecRef<double> initial_multipliers = Vecd(), const Deadline& deadline = {});

}  // namespace mbrl
