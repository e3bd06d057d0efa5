// Equations of motion, written once, as a dynamics model with exact first and second derivatives.
#pragma once

#include <array>
#include <concepts>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/integrator.hpp"
#include "mbrl/math/jet.hpp"
#include "mbrl/math/jet_map.hpp"
#include "mbrl/models/differentiable_model.hpp"

namespace mbrl {

// clang-format off
/// dx/dt = f(x, u) for any type of number T: double and Jet are asked for. derivative(x, u, dx) writes dx.
template <class S>
concept AnalyticSystem = requires(const S& system, const std::array<Jet<double, 2>, S::kObsDim>& x,
                                  const std::array<Jet<double, 2>, S::kActionDim>& u,
                                  std::array<Jet<double, 2>, S::kObsDim>& dx) {
  { S::kObsDim } -> std::convertible_to<int>;
  { S::kActionDim } -> std::convertible_to<int>;
  system.derivative(x, u, dx);
};
// clang-format on

/// A TwiceDifferentiableModel whose observation is the system's state. The step is that of the integrator, and
/// its derivatives are those of this very step, not of the differential equation: exact to rounding, by
/// carrying derivatives along (mbrl/math/jet.hpp).
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
    Map::check("AnalyticModel", obs, action);
    Map::values(advanced(), obs, action, next_obs);
  }

  void linearize(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> jacobian,
                 Workspace&) const {
    Map::check("AnalyticModel", obs, action);
    require_dim("AnalyticModel::linearize", "jacobian's columns", jacobian.cols(), obs.cols() * Map::kZ);
    Map::jacobians(advanced(), obs, action, jacobian);
  }

  void weighted_hessian(ConstBatchRef<double> obs, ConstBatchRef<double> action,
                        ConstBatchRef<double> weights, BatchRef<double> hessian, Workspace&) const {
    Map::check("AnalyticModel", obs, action);
    require_dim("AnalyticModel::weighted_hessian", "hessian's columns", hessian.cols(), obs.cols() * Map::kZ);
    Map::weighted_hessians(advanced(), obs, action, weights, hessian);
  }

 private:
  using Map = detail::JetMap<kObsDim, kActionDim>;

  auto advanced() const {
    return [this](const auto& x, const auto& u, Index) {
      return integrate(integrator_, [&](const auto& at, auto& dx) { system_.derivative(at, u, dx); }, x);
    };
  }

  System system_;
  IntegratorSettings integrator_;
};

}  // namespace mbrl
