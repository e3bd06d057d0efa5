// Small quadratic programs in a box by projected Newton steps: the inner problem of control-limited DDP.
// Tassa, Mansard, Todorov, "Control-limited differential dynamic programming", ICRA 2014, section III.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/small_cholesky.hpp"

namespace mbrl {

struct BoxQpSettings {
  int iterations = 100;               // projected Newton steps at most
  double gradient_tolerance = 1e-10;  // of the free entries' gradient, relative to the largest entry of g
  double armijo = 0.1;                // share of the predicted decrease that a step must reach
  double shrink = 0.6;                // of the step, until it does

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("iterations", s.iterations, "projected Newton steps at most");
    field("gradient_tolerance", s.gradient_tolerance, "of the free entries' gradient, relative");
    field("armijo", s.armijo, "share of the predicted decrease that a step must reach");
    field("shrink", s.shrink, "factor by which a step that does not is shortened");
  }
};

enum class BoxQpStatus { kSolved, kIndefinite, kIterationLimit };

constexpr auto enum_names(BoxQpStatus) {
  return std::array{std::pair{BoxQpStatus::kSolved, "solved"},
                    std::pair{BoxQpStatus::kIndefinite, "indefinite"},
                    std::pair{BoxQpStatus::kIterationLimit, "iteration limit"}};
}

/// min 1/2 x'Hx + g'x subject to low <= x <= high, of size N (Eigen::Dynamic: given to the constructor).
/// Allocates only there.
template <int N = Eigen::Dynamic>
class BoxQp {
 public:
  using Vector = Eigen::Matrix<double, N, 1>;
  using Matrix = Eigen::Matrix<double, N, N>;

  explicit BoxQp(int n, const BoxQpSettings& settings = {}) : settings_(checked(settings)) {
    require(n >= 1, "BoxQp: the size is ", n, ", expected at least 1");
    for (Vector* v : {&x_, &gradient_, &search_, &trial_, &inverse_diagonal_, &rhs_}) v->setZero(n);
    factor_.setZero(n, n);
    free_.reserve(static_cast<std::size_t>(n));
    previous_.reserve(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i) free_.push_back(i);  // all of the memory that will be needed
    free_.clear();
  }

  /// Only the lower triangle of h is read. x() is the start on entry (it is clamped) and the solution
  /// afterwards; entries on a bound are on it exactly. kIndefinite: H restricted to the free entries is not
  /// positive definite.
  template <class H, class G, class L, class U>
  BoxQpStatus solve(const H& h, const G& g, const L& low, const U& high) {
    const Index n = x_.size();
    x_ = x_.cwiseMax(low).cwiseMin(high);
    double value = objective(h, g, x_);
    bool factorized = false;
    const double tolerance = settings_.gradient_tolerance * std::max(1e-300, g.cwiseAbs().maxCoeff());
    for (int iteration = 0; iteration < settings_.iterations; ++iteration) {
      multiply(h, x_, gradient_);
      gradient_ += g;
      previous_.swap(free_);
      free_.clear();
      for (Index i = 0; i < n; ++i)
        if (!((x_(i) <= low(i) && gradient_(i) > 0) || (x_(i) >= high(i) && gradient_(i) < 0)))
          free_.push_back(static_cast<int>(i));
      if (!factorized || free_ != previous_) {
        if (!factorize(h)) return BoxQpStatus::kIndefinite;
        factorized = true;
      }
      double norm = 0;
      for (const int i : free_) norm = std::max(norm, std::abs(gradient_(i)));
      if (!(norm > tolerance)) return std::isfinite(value) ? BoxQpStatus::kSolved : BoxQpStatus::kIndefinite;

      // The Newton step on the free entries: -H_ff^-1 gradient_f.
      for (std::size_t k = 0; k < free_.size(); ++k) rhs_(static_cast<Index>(k)) = gradient_(free_[k]);
      detail::solve_negative(factor_, inverse_diagonal_, rhs_, rhs_, static_cast<Index>(free_.size()));
      search_.setZero();
      for (std::size_t k = 0; k < free_.size(); ++k) search_(free_[k]) = rhs_(static_cast<Index>(k));
      const double slope = search_.dot(gradient_);
      if (!(slope < 0)) return BoxQpStatus::kSolved;  // rounding: no further decrease
      double step = 1.0;
      for (;;) {
        trial_ = (x_ + step * search_).cwiseMax(low).cwiseMin(high);
        const double decrease = value - objective(h, g, trial_);
        if (decrease >= -settings_.armijo * gradient_.dot(trial_ - x_)) break;
        step *= settings_.shrink;
        if (step < 1e-20) return BoxQpStatus::kSolved;  // rounding: no step makes it smaller
      }
      const bool moved = trial_ != x_;
      x_ = trial_;
      value = objective(h, g, x_);
      if (!moved) return BoxQpStatus::kSolved;
    }
    return BoxQpStatus::kIterationLimit;
  }

  Vector& x() { return x_; }
  const Vector& x() const { return x_; }
  /// Of the solution: indices not on a bound, and the Cholesky factor of H restricted to them (leading block).
  const std::vector<int>& free() const { return free_; }
  const Matrix& factor() const { return factor_; }
  const Vector& inverse_diagonal() const { return inverse_diagonal_; }

 private:
  static const BoxQpSettings& checked(const BoxQpSettings& s) {
    require(s.iterations >= 1, "box: iterations is ", s.iterations, ", expected at least 1");
    require(s.gradient_tolerance >= 0, "box: gradient_tolerance is ", s.gradient_tolerance,
            ", expected 0 or more");
    require(s.armijo > 0 && s.armijo < 1, "box: armijo is ", s.armijo, ", expected 0 < armijo < 1");
    require(s.shrink > 0 && s.shrink < 1, "box: shrink is ", s.shrink, ", expected 0 < shrink < 1");
    return s;
  }

  template <class H, class X>
  static void multiply(const H& h, const X& x, Vector& out) {
    for (Index i = 0; i < out.size(); ++i) {
      double sum = 0;
      for (Index j = 0; j < out.size(); ++j) sum += (i >= j ? h(i, j) : h(j, i)) * x(j);
      out(i) = sum;
    }
  }
  template <class H, class G>
  double objective(const H& h, const G& g, const Vector& x) {
    multiply(h, x, rhs_);
    return x.dot(0.5 * rhs_ + g);
  }
  template <class H>
  bool factorize(const H& h) {
    const auto n = static_cast<Index>(free_.size());
    for (Index j = 0; j < n; ++j)
      for (Index i = j; i < n; ++i)
        factor_(i, j) = h(free_[static_cast<std::size_t>(i)], free_[static_cast<std::size_t>(j)]);
    return detail::cholesky_in_place(factor_, inverse_diagonal_, n);
  }

  BoxQpSettings settings_;
  Vector x_, gradient_, search_, trial_, inverse_diagonal_, rhs_;
  Matrix factor_;
  std::vector<int> free_, previous_;
};

}  // namespace mbrl
