// Equations of motion, written once, as a dynamics model with exact first and second derivatives.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/models/differentiable_model.hpp"
#include "mbrl/models/integrator.hpp"
#include "mbrl/models/jet.hpp"

namespace mbrl {

// clang-format off
// dx/dt = f(x, u) for any type of number T: double and Jet are asked for. derivative(x, u, dx) writes dx.
template <class S>
concept AnalyticSystem = requires(const S& system, const std::array<Jet<double, 2>, S::kObsDim>& x,
                                  const std::array<Jet<double, 2>, S::kActionDim>& u,
                                  std::array<Jet<double, 2>, S::kObsDim>& dx) {
  { S::kObsDim } -> std::convertible_to<int>;
  { S::kActionDim } -> std::convertible_to<int>;
  system.derivative(x, u, dx);
};
// clang-format on

// A TwiceDifferentiableModel whose observation is the system's state. The step is that of the integrator, and
// its derivatives are those of this very step, not of the differential equation: exact to rounding, by
// carrying derivatives along (mbrl/models/jet.hpp).
template <AnalyticSystem System>
class AnalyticModel {
 public:
  using Scalar = double;
  struct Workspace {};
  static constexpr int kObsDim = System::kObsDim;
  static constexpr int kActionDim = System::kActionDim;

  explicit AnalyticModel(System system = {}, const IntegratorSettings& integrator = {})
      : system_(std::move(system)), integrator_(integrator) {
    check_integrator("AnalyticModel", integrator, kObsDim);
  }

  int obs_dim() const { return kObsDim; }
  int action_dim() const { return kActionDim; }
  const System& system() const { return system_; }
  const IntegratorSettings& integrator() const { return integrator_; }

  void step(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> next_obs,
            Workspace&) const {
    check(obs, action);
    for (Index t = 0; t < obs.cols(); ++t) {
      std::array<double, kX> x;
      std::array<double, kU> u;
      for (std::size_t i = 0; i < kX; ++i) x[i] = obs(static_cast<Index>(i), t);
      for (std::size_t i = 0; i < kU; ++i) u[i] = action(static_cast<Index>(i), t);
      x = advanced(x, u);
      for (std::size_t i = 0; i < kX; ++i) next_obs(static_cast<Index>(i), t) = x[i];
    }
  }

  void linearize(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> jacobian,
                 Workspace&) const {
    check(obs, action);
    require_dim("AnalyticModel::linearize", "jacobian's columns", jacobian.cols(), obs.cols() * kZ);
    using D = Jet<double, kZ>;
    for (Index t = 0; t < obs.cols(); ++t) {
      std::array<D, kX> x;
      std::array<D, kU> u;
      for (int i = 0; i < kObsDim; ++i) x[static_cast<std::size_t>(i)] = D::variable(obs(i, t), i);
      for (int i = 0; i < kActionDim; ++i)
        u[static_cast<std::size_t>(i)] = D::variable(action(i, t), kObsDim + i);
      x = advanced(x, u);
      for (std::size_t j = 0; j < kZ; ++j)
        for (std::size_t i = 0; i < kX; ++i)
          jacobian(static_cast<Index>(i), t * kZ + static_cast<Index>(j)) = x[i].d[j];
    }
  }

  void weighted_hessian(ConstBatchRef<double> obs, ConstBatchRef<double> action,
                        ConstBatchRef<double> weights, BatchRef<double> hessian, Workspace&) const {
    check(obs, action);
    require_dim("AnalyticModel::weighted_hessian", "hessian's columns", hessian.cols(), obs.cols() * kZ);
    using D = Jet<double, kZ>;
    using DD = Jet<D, kZ>;
    for (Index t = 0; t < obs.cols(); ++t) {
      std::array<DD, kX> x;
      std::array<DD, kU> u;
      for (int i = 0; i < kObsDim; ++i)
        x[static_cast<std::size_t>(i)] = DD::variable(D::variable(obs(i, t), i), i);
      for (int i = 0; i < kActionDim; ++i)
        u[static_cast<std::size_t>(i)] = DD::variable(D::variable(action(i, t), kObsDim + i), kObsDim + i);
      x = advanced(x, u);
      for (std::size_t j = 0; j < kZ; ++j)
        for (std::size_t i = 0; i < kZ; ++i) {
          double sum = 0;
          for (std::size_t k = 0; k < kX; ++k) sum += weights(static_cast<Index>(k), t) * x[k].d[j].d[i];
          hessian(static_cast<Index>(i), t * kZ + static_cast<Index>(j)) = sum;
        }
    }
  }

 private:
  static constexpr int kZ = kObsDim + kActionDim;
  static constexpr std::size_t kX = kObsDim, kU = kActionDim;

  static void check(const ConstBatchRef<double>& obs, const ConstBatchRef<double>& action) {
    require_dim("AnalyticModel", "obs", obs.rows(), kObsDim);
    require_dim("AnalyticModel", "action", action.rows(), kActionDim);
    require(obs.cols() == action.cols(), "AnalyticModel: ", obs.cols(), " observations but ", action.cols(),
            " actions");
  }

  template <class T>
  std::array<T, kX> advanced(const std::array<T, kX>& x, const std::array<T, kU>& u) const {
    return integrate(
        integrator_,
        [&](const std::array<T, kX>& at, std::array<T, kX>& dx) { system_.derivative(at, u, dx); }, x);
  }

  System system_;
  IntegratorSettings integrator_;
};

}  // namespace mbrl
