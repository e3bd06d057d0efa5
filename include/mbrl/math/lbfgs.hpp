// Unconstrained minimisation of a smooth function from its values and gradients: limited-memory BFGS (Liu and
// Nocedal, Mathematical Programming 45, 1989).
#pragma once

#include <array>
#include <functional>
#include <limits>
#include <utility>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/types.hpp"

namespace mbrl {

struct LbfgsSettings {
  int iterations = 100;              // steps at most
  int memory = 10;                   // pairs of steps and changes of the gradient that are kept
  double gradient_tolerance = 1e-5;  // largest entry of the gradient, over max(1, |f|)
  double armijo = 1e-4;              // share of the expected decrease that a step must reach
  double curvature = 0.9;            // share of the slope that may be left at its end
  int trials = 30;                   // step lengths tried in one line search

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("iterations", s.iterations, "steps at most");
    field("memory", s.memory, "pairs of steps and changes of the gradient that are kept");
    field("gradient_tolerance", s.gradient_tolerance, "largest entry of the gradient, over max(1, |f|)");
    field("armijo", s.armijo, "share of the expected decrease that a step must reach");
    field("curvature", s.curvature, "share of the slope that may be left at the end of a step");
    field("trials", s.trials, "step lengths tried in one line search");
  }

  /// Throws mbrl::Error, which begins with `who`, unless every value makes sense.
  void validate(const char* who) const;
};

enum class LbfgsStatus : int {
  kConverged = 0,
  kIterationLimit = 1,
  kStalled = 2,       // no step length lowers the value: rounding, or a gradient that is wrong
  kDivergedStart = 3  // value or gradient at the start are not finite
};

constexpr auto enum_names(LbfgsStatus) {
  return std::array{std::pair{LbfgsStatus::kConverged, "converged"},
                    std::pair{LbfgsStatus::kIterationLimit, "iteration limit"},
                    std::pair{LbfgsStatus::kStalled, "stalled"},
                    std::pair{LbfgsStatus::kDivergedStart, "diverged start"}};
}

struct LbfgsResult {
  LbfgsStatus status = LbfgsStatus::kIterationLimit;
  Vecd x;  // the best point, which is the last
  double value = std::numeric_limits<double>::infinity();
  double gradient = std::numeric_limits<double>::infinity();  // its largest entry at x
  int iterations = 0, evaluations = 0;
};

/// Returns f(x) and writes its gradient, of x's size. It need not be finite everywhere: a step to where it is not is
/// shortened.
using SmoothFunction = std::function<double(const Vecd& x, Vecd& gradient)>;

/// Steps satisfy the weak Wolfe conditions, found by doubling and halving (Lewis and Overton, Mathematical Programming
/// 141, 2013, algorithm 2.6). What goes wrong on the way is told by the result's status, never thrown. Throws on settings
/// that make no sense and a start that is empty or not finite.
LbfgsResult minimize_lbfgs(const SmoothFunction& f, ConstVecRef<double> start,
                           const LbfgsSettings& settings = {});

}  // namespace mbrl
