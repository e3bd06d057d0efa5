// Constraints along a trajectory and at its end, equalities and inequalities, with the derivatives that
// gradient-based planners need.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <limits>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/jet_map.hpp"

namespace mbrl {

/// low <= g <= high for N values. Equal limits make an equality, infinite ones none.
template <int N>
struct ConstraintLimits {
  std::array<double, static_cast<std::size_t>(N)> low{}, high{};

  static ConstraintLimits between(double lowest, double highest) {
    ConstraintLimits out;
    out.low.fill(lowest);
    out.high.fill(highest);
    return out;
  }
  static ConstraintLimits equal_to(double value) { return between(value, value); }
  static ConstraintLimits at_most(double value) {
    return between(-std::numeric_limits<double>::infinity(), value);
  }
  static ConstraintLimits at_least(double value) {
    return between(value, std::numeric_limits<double>::infinity());
  }

  /// Throws unless low <= high everywhere (a number that is not: never).
  void validate(const char* where) const {
    for (std::size_t i = 0; i < low.size(); ++i)
      require(low[i] <= high[i], where, ": constraint ", i, " has the limits ", low[i], " and ", high[i],
              ", expected low <= high");
  }
  double clamped(std::size_t i, double value) const {
    return value < low[i] ? low[i] : value > high[i] ? high[i] : value;
  }
};

// clang-format off
/// kStageDim values of (x_t, u_t, t) at every stage and kFinalDim of (x_N, N) at the end, within limits. t is the control
/// step of the episode, as for a TrajectoryCost. Derivatives are with respect to z = [x; u], at the end to x: jacobian
/// dim x nz; the Hessian of weights'g nz x nz, symmetric. Thread-safe.
template <class C>
concept TrajectoryConstraint = requires(const C& constraint, ConstVecRef<double> x, ConstVecRef<double> u, int t,
                                        ConstVecRef<double> weights, VecRef<double> values, BatchRef<double> out) {
  { C::kStageDim } -> std::convertible_to<int>;
  { C::kFinalDim } -> std::convertible_to<int>;
  { constraint.stage_limits() } -> std::convertible_to<ConstraintLimits<C::kStageDim>>;
  { constraint.final_limits() } -> std::convertible_to<ConstraintLimits<C::kFinalDim>>;
  constraint.stage(x, u, t, values);
  constraint.stage_jacobian(x, u, t, out);
  constraint.stage_hessian(x, u, t, weights, out);
  constraint.final_values(x, t, values);
  constraint.final_jacobian(x, t, out);
  constraint.final_hessian(x, t, weights, out);
};
// clang-format on

/// No constraint at all.
struct Unconstrained {
  static constexpr int kStageDim = 0, kFinalDim = 0;
  ConstraintLimits<0> stage_limits() const { return {}; }
  ConstraintLimits<0> final_limits() const { return {}; }
  void stage(ConstVecRef<double>, ConstVecRef<double>, int, VecRef<double>) const {}
  void stage_jacobian(ConstVecRef<double>, ConstVecRef<double>, int, BatchRef<double>) const {}
  void stage_hessian(ConstVecRef<double>, ConstVecRef<double>, int, ConstVecRef<double>,
                     BatchRef<double> out) const {
    out.setZero();
  }
  void final_values(ConstVecRef<double>, int, VecRef<double>) const {}
  void final_jacobian(ConstVecRef<double>, int, BatchRef<double>) const {}
  void final_hessian(ConstVecRef<double>, int, ConstVecRef<double>, BatchRef<double> out) const {
    out.setZero();
  }
};

/// Constraints written once as a template over the type of number, differentiated exactly. F offers constants
/// kStageDim and kFinalDim and
///   template <class T> std::array<T, kStageDim> stage(const std::array<T, Nx>& x, const std::array<T, Nu>& u,
///                                                     int t) const;
///   template <class T> std::array<T, kFinalDim> final_values(const std::array<T, Nx>& x, int t) const;
/// of which one whose dimension is zero may be left out.
template <class F, int Nx, int Nu>
class AutoDiffConstraint {
 public:
  static constexpr int kStageDim = F::kStageDim, kFinalDim = F::kFinalDim;

  explicit AutoDiffConstraint(F f = {}, const ConstraintLimits<kStageDim>& stage = {},
                              const ConstraintLimits<kFinalDim>& final_ones = {})
      : f_(std::move(f)), stage_limits_(stage), final_limits_(final_ones) {
    stage.validate("AutoDiffConstraint");
    final_ones.validate("AutoDiffConstraint");
  }

  const ConstraintLimits<kStageDim>& stage_limits() const { return stage_limits_; }
  const ConstraintLimits<kFinalDim>& final_limits() const { return final_limits_; }

  void stage(ConstVecRef<double> x, ConstVecRef<double> u, int t, VecRef<double> values) const {
    if constexpr (kStageDim > 0) {
      Stage::check("AutoDiffConstraint", x, u);
      BatchRef<double> out = values;
      Stage::values(at_stage(t), x, u, out);
    }
  }
  void stage_jacobian(ConstVecRef<double> x, ConstVecRef<double> u, int t, BatchRef<double> jacobian) const {
    if constexpr (kStageDim > 0) Stage::jacobians(at_stage(t), x, u, jacobian);
  }
  void stage_hessian(ConstVecRef<double> x, ConstVecRef<double> u, int t, ConstVecRef<double> weights,
                     BatchRef<double> hessian) const {
    if constexpr (kStageDim > 0)
      Stage::weighted_hessians(at_stage(t), x, u, weights, hessian);
    else
      hessian.setZero();
  }
  void final_values(ConstVecRef<double> x, int t, VecRef<double> values) const {
    if constexpr (kFinalDim > 0) {
      require_dim("AutoDiffConstraint", "the final state", x.size(), Nx);
      BatchRef<double> out = values;
      Final::values(at_end(t), x, kNone, out);
    }
  }
  void final_jacobian(ConstVecRef<double> x, int t, BatchRef<double> jacobian) const {
    if constexpr (kFinalDim > 0) Final::jacobians(at_end(t), x, kNone, jacobian);
  }
  void final_hessian(ConstVecRef<double> x, int t, ConstVecRef<double> weights,
                     BatchRef<double> hessian) const {
    if constexpr (kFinalDim > 0)
      Final::weighted_hessians(at_end(t), x, kNone, weights, hessian);
    else
      hessian.setZero();
  }

 private:
  using Stage = detail::JetMap<Nx, Nu>;
  using Final = detail::JetMap<Nx, 0>;
  static inline const Eigen::Matrix<double, 0, 1> kNone{};

  auto at_stage(int t) const {
    return [this, t](const auto& x, const auto& u, Index) { return f_.stage(x, u, t); };
  }
  auto at_end(int t) const {
    return [this, t](const auto& x, const auto&, Index) { return f_.final_values(x, t); };
  }

  F f_;
  ConstraintLimits<kStageDim> stage_limits_;
  ConstraintLimits<kFinalDim> final_limits_;
};

}  // namespace mbrl
