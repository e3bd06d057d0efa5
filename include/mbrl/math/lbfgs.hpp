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

/// The search by question and answer, for whoever evaluates the function under a deadline or in memory of its own:
///   search.begin(start);
///   do value = f(search.point(), gradient); while (search.tell(value, gradient));
/// Steps satisfy the weak Wolfe conditions, found by doubling and halving (Lewis and Overton, Mathematical Programming
/// 141, 2013, algorithm 2.6). Memory is allocated by the constructor.
class LbfgsSearch {
 public:
  LbfgsSearch() = default;
  /// Of functions of `size` numbers. Throws on settings that make no sense.
  LbfgsSearch(Index size, const LbfgsSettings& settings);

  void begin(ConstVecRef<double> start);
  const Vecd& point() const { return next_; }  // where the function is to be evaluated
  /// The function's value and gradient at point(); either may be not finite. False where the search is over.
  bool tell(double value, const Vecd& gradient);

  const Vecd& x() const { return x_; }  // the best point so far, from the first answer on
  double value() const { return value_; }
  double gradient() const { return largest_; }  // its largest entry at x()
  LbfgsStatus status() const { return status_; }
  int iterations() const { return iterations_; }
  int evaluations() const { return evaluations_; }

 private:
  void find_direction();
  bool begin_line();
  bool end_line();

  LbfgsSettings settings_;
  Batchd steps_, changes_;  // of x and of the gradient, a column a pair, in a ring
  Vecd inverse_, weight_;   // 1 / step'change of each; of the two loops
  Index first_ = 0, pairs_ = 0;
  Vecd x_, next_, gradient_, direction_, best_gradient_, change_;
  double value_ = 0, largest_ = 0;
  LbfgsStatus status_ = LbfgsStatus::kIterationLimit;
  int iterations_ = 0, evaluations_ = 0;
  // The line search: the steepness at its start, and the longest step so far that lowers the value enough.
  int trial_ = 0;
  double slope_ = 0, length_ = 0, low_ = 0, high_ = 0, best_ = 0, best_value_ = 0;
};

/// Returns f(x) and writes its gradient, of x's size. It need not be finite everywhere: a step to where it is not is
/// shortened.
using SmoothFunction = std::function<double(const Vecd& x, Vecd& gradient)>;

/// LbfgsSearch over a function. What goes wrong on the way is told by the result's status, never thrown. Throws on settings
/// that make no sense and a start that is empty or not finite.
LbfgsResult minimize_lbfgs(const SmoothFunction& f, ConstVecRef<double> start,
                           const LbfgsSettings& settings = {});

}  // namespace mbrl
