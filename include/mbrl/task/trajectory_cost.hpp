// Costs of a trajectory, with the derivatives that gradient-based planners need.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/jet.hpp"

namespace mbrl {

// clang-format off
/// The sum of stage(x_t, u_t, t) over the horizon and final_cost(x, t) at its end; t is the control step of the episode,
/// for costs that vary in time. Derivatives are with respect to z = [x; u] (gradient nz, hessian nz x nz, symmetric), for
/// the final cost with respect to x. Thread-safe; a value that is not finite means "never go there".
template <class C>
concept TrajectoryCost = requires(const C& cost, ConstVecRef<double> x, ConstVecRef<double> u, int t,
                                  VecRef<double> gradient, BatchRef<double> hessian) {
  { cost.stage(x, u, t) } -> std::convertible_to<double>;
  { cost.final_cost(x, t) } -> std::convertible_to<double>;
  cost.stage_derivatives(x, u, t, gradient, hessian);
  cost.final_derivatives(x, t, gradient, hessian);
};
// clang-format on

/// 1/2 (x - x*)'Q(x - x*) + 1/2 (u - u*)'R(u - u*) at every stage and 1/2 (x - x*)'Qf(x - x*) at the end, of a
/// fixed goal or along a reference trajectory, whose column t is the goal at control step t (the last one from
/// there on).
class QuadraticCost {
 public:
  /// q, q_final: nx x nx; r: nu x nu; goal: nx x 1 or a trajectory of any length. Throws unless they fit and
  /// are symmetric.
  QuadraticCost(Batchd q, Batchd r, Batchd q_final, Batchd goal, Vecd action_goal = {})
      : q_(std::move(q)),
        r_(std::move(r)),
        q_final_(std::move(q_final)),
        goal_(std::move(goal)),
        action_goal_(action_goal.size() > 0 ? std::move(action_goal) : Vecd(Vecd::Zero(r_.rows()))) {
    const auto square = [](const char* name, const Batchd& m, Index n) {
      require(m.rows() == n && m.cols() == n && m.allFinite() && m.isApprox(m.transpose(), 1e-10),
              "QuadraticCost: ", name, " is ", m.rows(), " x ", m.cols(), ", expected ", n, " x ", n,
              ", symmetric and finite");
    };
    square("q", q_, goal_.rows());
    square("q_final", q_final_, goal_.rows());
    square("r", r_, action_goal_.size());
    require(goal_.cols() >= 1, "QuadraticCost: the goal has no column");
  }

  int obs_dim() const { return static_cast<int>(q_.rows()); }
  int action_dim() const { return static_cast<int>(r_.rows()); }
  /// Another goal or reference, of the same dimension: planners may be told while they run.
  void set_goal(Batchd goal) {
    require_dim("QuadraticCost", "the goal", goal.rows(), q_.rows());
    require(goal.cols() >= 1, "QuadraticCost: the goal has no column");
    goal_ = std::move(goal);
  }

  double stage(ConstVecRef<double> x, ConstVecRef<double> u, int t) const {
    check(x.size(), u.size());
    return half_form(q_, x, goal_.col(column(t))) + half_form(r_, u, action_goal_);
  }
  double final_cost(ConstVecRef<double> x, int t) const {
    check(x.size(), r_.rows());
    return half_form(q_final_, x, goal_.col(column(t)));
  }
  void stage_derivatives(ConstVecRef<double> x, ConstVecRef<double> u, int t, VecRef<double> gradient,
                         BatchRef<double> hessian) const {
    const Index nx = x.size(), nu = u.size();
    check(nx, nu);
    times_difference(q_, x, goal_.col(column(t)), gradient.head(nx));
    times_difference(r_, u, action_goal_, gradient.tail(nu));
    hessian.topLeftCorner(nx, nx) = q_;
    hessian.topRightCorner(nx, nu).setZero();
    hessian.bottomLeftCorner(nu, nx).setZero();
    hessian.bottomRightCorner(nu, nu) = r_;
  }
  void final_derivatives(ConstVecRef<double> x, int t, VecRef<double> gradient,
                         BatchRef<double> hessian) const {
    check(x.size(), r_.rows());
    times_difference(q_final_, x, goal_.col(column(t)), gradient);
    hessian = q_final_;
  }

 private:
  void check(Index nx, Index nu) const {
    if (nx != q_.rows() || nu != r_.rows()) [[unlikely]]
      fail("QuadraticCost: a state and action of dimensions ", nx, " and ", nu, ", expected ", q_.rows(),
           " and ", r_.rows());
  }
  Index column(int t) const { return std::min<Index>(std::max(t, 0), goal_.cols() - 1); }
  static double half_form(const Batchd& m, const ConstVecRef<double>& x, const ConstVecRef<double>& goal) {
    double sum = 0;
    for (Index j = 0; j < x.size(); ++j) {
      double row = 0;
      for (Index i = 0; i < x.size(); ++i) row += m(i, j) * (x(i) - goal(i));
      sum += row * (x(j) - goal(j));
    }
    return 0.5 * sum;
  }
  static void times_difference(const Batchd& m, const ConstVecRef<double>& x, const ConstVecRef<double>& goal,
                               VecRef<double> out) {
    for (Index i = 0; i < x.size(); ++i) {
      double sum = 0;
      for (Index j = 0; j < x.size(); ++j) sum += m(i, j) * (x(j) - goal(j));
      out(i) = sum;
    }
  }

  Batchd q_, r_, q_final_, goal_;
  Vecd action_goal_;
};

/// A cost written once as a template over the type of number, differentiated exactly (mbrl/math/jet.hpp). F
/// offers
///   template <class T> T stage(const std::array<T, Nx>& x, const std::array<T, Nu>& u, int t) const;
///   template <class T> T final_cost(const std::array<T, Nx>& x, int t) const;
template <class F, int Nx, int Nu>
class AutoDiffCost {
 public:
  explicit AutoDiffCost(F f = {}) : f_(std::move(f)) {}

  double stage(ConstVecRef<double> x, ConstVecRef<double> u, int t) const {
    return f_.stage(values<Nx>(x), values<Nu>(u), t);
  }
  double final_cost(ConstVecRef<double> x, int t) const { return f_.final_cost(values<Nx>(x), t); }
  void stage_derivatives(ConstVecRef<double> x, ConstVecRef<double> u, int t, VecRef<double> gradient,
                         BatchRef<double> hessian) const {
    write(f_.stage(variables<Nx, Nx + Nu>(x, 0), variables<Nu, Nx + Nu>(u, Nx), t), gradient, hessian);
  }
  void final_derivatives(ConstVecRef<double> x, int t, VecRef<double> gradient,
                         BatchRef<double> hessian) const {
    write(f_.final_cost(variables<Nx, Nx>(x, 0), t), gradient, hessian);
  }

 private:
  template <int N>
  static std::array<double, N> values(const ConstVecRef<double>& x) {
    require_dim("AutoDiffCost", "a state or action", x.size(), N);
    std::array<double, N> out;
    for (int i = 0; i < N; ++i) out[static_cast<std::size_t>(i)] = x(i);
    return out;
  }
  template <int N, int Nz>
  static auto variables(const ConstVecRef<double>& x, int first) {
    require_dim("AutoDiffCost", "a state or action", x.size(), N);
    using D = Jet<double, Nz>;
    std::array<Jet<D, Nz>, N> out;
    for (int i = 0; i < N; ++i)
      out[static_cast<std::size_t>(i)] = Jet<D, Nz>::variable(D::variable(x(i), first + i), first + i);
    return out;
  }
  template <int Nz>
  static void write(const Jet<Jet<double, Nz>, Nz>& cost, VecRef<double>& gradient,
                    BatchRef<double>& hessian) {
    for (std::size_t j = 0; j < Nz; ++j) {
      gradient(static_cast<Index>(j)) = cost.v.d[j];
      for (std::size_t i = 0; i < Nz; ++i)
        hessian(static_cast<Index>(i), static_cast<Index>(j)) = cost.d[j].d[i];
    }
  }

  F f_;
};

/// A cost given by its values alone, differentiated by central differences: slow, and good to about six digits
/// in the gradient and four in the Hessian. F offers
///   double stage(ConstVecRef<double> x, ConstVecRef<double> u, int t) const and double final_cost(x, t)
///   const.
template <class F>
class DifferencedCost {
 public:
  /// step: relative, entry z is moved by step * max(1, |z|).
  explicit DifferencedCost(F f = {}, double step = 1e-4) : f_(std::move(f)), step_(step) {
    require(std::isfinite(step) && step > 0, "DifferencedCost: step is ", step, ", expected more than 0");
  }

  double stage(ConstVecRef<double> x, ConstVecRef<double> u, int t) const { return f_.stage(x, u, t); }
  double final_cost(ConstVecRef<double> x, int t) const { return f_.final_cost(x, t); }
  void stage_derivatives(ConstVecRef<double> x, ConstVecRef<double> u, int t, VecRef<double> gradient,
                         BatchRef<double> hessian) const {
    Vecd z(x.size() + u.size());
    z << x, u;
    differences(z, [&] { return f_.stage(z.head(x.size()), z.tail(u.size()), t); }, gradient, hessian);
  }
  void final_derivatives(ConstVecRef<double> x, int t, VecRef<double> gradient,
                         BatchRef<double> hessian) const {
    Vecd z = x;
    differences(z, [&] { return f_.final_cost(z, t); }, gradient, hessian);
  }

 private:
  template <class Value>
  void differences(Vecd& z, const Value& value, VecRef<double>& gradient, BatchRef<double>& hessian) const {
    const Vecd at = z, h = step_ * z.cwiseAbs().cwiseMax(1.0);
    const double here = value();
    const auto moved = [&](Index i, double di, Index j, double dj) {
      z = at;
      z(i) += di;
      z(j) += dj;
      return value();
    };
    for (Index i = 0; i < z.size(); ++i) {
      const double plus = moved(i, h(i), i, 0.0), minus = moved(i, -h(i), i, 0.0);
      gradient(i) = (plus - minus) / (2 * h(i));
      hessian(i, i) = (plus - 2 * here + minus) / (h(i) * h(i));
      for (Index j = 0; j < i; ++j)
        hessian(i, j) = hessian(j, i) = (moved(i, h(i), j, h(j)) - moved(i, h(i), j, -h(j)) -
                                         moved(i, -h(i), j, h(j)) + moved(i, -h(i), j, -h(j))) /
                                        (4 * h(i) * h(j));
    }
  }

  F f_;
  double step_;
};

}  // namespace mbrl
