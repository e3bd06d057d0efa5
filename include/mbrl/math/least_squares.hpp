// Non-linear least squares by the method of Levenberg and Marquardt: Gauss-Newton's steps, damped where the
// linearisation does not hold. Levenberg, "A method for the solution of certain non-linear problems in least
// squares", Quarterly of Applied Mathematics 1944; Marquardt, SIAM Journal 1963; More, "The
// Levenberg-Marquardt algorithm: implementation and theory", 1978 (scaling, QR); Madsen, Nielsen, Tingleff,
// "Methods for non-linear least squares problems", 2004 (how the damping changes).
#pragma once

#include <Eigen/QR>

#include <algorithm>
#include <cmath>
#include <concepts>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"

namespace mbrl {

struct LeastSquaresSettings {
  int iterations = 50;       // at most; each takes a Jacobian
  double tolerance = 1e-10;  // done where a step promises less, relative to the sum of squares
  double damping = 1e-3;     // at first, relative to the squared norms of the Jacobian's columns

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("iterations", s.iterations, "iterations at most; each takes a Jacobian");
    field("tolerance", s.tolerance, "done where a step promises less, relative to the sum of squares");
    field("damping", s.damping,
          "at first, relative to the squared norms of the Jacobian's columns; small: Gauss-Newton");
  }
  void validate() const {
    require(iterations >= 1, "least squares: iterations is ", iterations, ", expected at least 1");
    require(std::isfinite(tolerance) && tolerance > 0, "least squares: tolerance is ", tolerance,
            ", expected more than 0");
    require(std::isfinite(damping) && damping > 0, "least squares: damping is ", damping,
            ", expected more than 0");
  }
};

// clang-format off
/// residuals(x) gives r(x), m numbers (any of them not finite: the point is refused); jacobian(x) gives dr/dx, m x n.
template <class P>
concept LeastSquaresProblem = requires(P& problem, const Vecd& x) {
  { problem.residuals(x) } -> std::convertible_to<Vecd>;
  { problem.jacobian(x) } -> std::convertible_to<Batchd>;
};
// clang-format on

struct LeastSquaresResult {
  Vecd x, residual;
  Batchd jacobian;  // at x
  double cost = 0;  // |r|^2 / 2
  int iterations = 0;
  bool converged = false;
};

/// argmin |r(x)|^2 / 2 from `start`: steps solve min |J dx + r|^2 + lambda |D dx|^2, by QR of [J; sqrt(lambda) D], D
/// being the largest norms of J's columns so far. lambda falls by a factor of up to 3 where a step brought what the
/// linearisation promised, and grows twice as fast each time where it brought nothing. Directions that r does not see
/// stay where they started. Throws where r is not finite at the start, or J anywhere.
template <LeastSquaresProblem P>
LeastSquaresResult least_squares(P&& problem, const Vecd& start, const LeastSquaresSettings& settings = {}) {
  settings.validate();
  constexpr double kLeastDamping = 1e-12, kMostDamping = 1e12;
  LeastSquaresResult at;
  at.x = start;
  at.residual = problem.residuals(at.x);
  require(at.residual.size() > 0, "least squares: there are no residuals");
  require(at.residual.allFinite(), "least squares: a residual is not finite at the start");
  at.cost = 0.5 * at.residual.squaredNorm();
  const Index m = at.residual.size(), n = start.size();
  double damping = settings.damping, growth = 2;
  Vecd scale = Vecd::Zero(n);
  Batchd stacked(m + n, n);
  Vecd right = Vecd::Zero(m + n);
  bool fresh = false;  // the Jacobian is that of at.x
  const auto differentiate = [&] {
    at.jacobian = problem.jacobian(at.x);
    require(at.jacobian.rows() == m && at.jacobian.cols() == n, "least squares: the Jacobian is ",
            at.jacobian.rows(), " x ", at.jacobian.cols(), ", expected ", m, " x ", n);
    require(at.jacobian.allFinite(), "least squares: a derivative is not finite");
  };
  for (; at.iterations < settings.iterations && !at.converged; ++at.iterations) {
    if (!fresh) {
      differentiate();
      scale = scale.cwiseMax(at.jacobian.colwise().norm().transpose());
      fresh = true;
    }
    stacked.topRows(m) = at.jacobian;
    stacked.bottomRows(n).setZero();
    // A column of zeros: nothing moves along it.
    for (Index i = 0; i < n; ++i) stacked(m + i, i) = std::sqrt(damping) * (scale(i) > 0 ? scale(i) : 1.0);
    right.head(m) = -at.residual;
    const Vecd step = stacked.householderQr().solve(right);
    const Vecd along = at.jacobian * step;
    // What the linearisation promises: |r|^2 / 2 - |r + J dx|^2 / 2.
    const double promised = -along.dot(at.residual) - 0.5 * along.squaredNorm();
    if (!(promised > settings.tolerance * at.cost)) {
      at.converged = true;
      break;
    }
    const Vecd x = at.x + step;
    const Vecd residual = problem.residuals(x);
    const double cost = residual.allFinite() ? 0.5 * residual.squaredNorm() : HUGE_VAL;
    const double gain = (at.cost - cost) / promised;
    if (gain > 1e-4) {
      at.x = x;
      at.residual = residual;
      at.cost = cost;
      fresh = false;
      const double good = 2 * gain - 1;
      damping = std::max(kLeastDamping, damping * std::max(1.0 / 3, 1 - good * good * good));
      growth = 2;
    } else {
      damping *= growth;
      growth *= 2;
      if (damping > kMostDamping) break;  // no way down: the derivatives are as good as noise
    }
  }
  if (!fresh) differentiate();
  return at;
}

}  // namespace mbrl
