// Dynamics in continuous time, dx/dt = f(x, u), with derivatives of f itself: what collocation asks for.
#pragma once

#include <concepts>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/jet_map.hpp"
#include "mbrl/models/analytic/analytic_model.hpp"

namespace mbrl {

// clang-format off
/// N states (nx x N) and actions (nu x N) at once. `rate` writes f at every column (nx x N), `linearize` the blocks
/// [df/dx df/du] side by side (nx x N nz), `weighted_hessian` the blocks sum_i weights(i, t) d2 f_i / dz2 (nz x N nz),
/// z = [x; u]. Const and thread-safe: scratch memory is the caller's Workspace.
template <class M>
concept ContinuousModel = std::default_initializable<typename M::Workspace> &&
    requires(const M& model, ConstBatchRef<double> x, ConstBatchRef<double> u, ConstBatchRef<double> weights,
             BatchRef<double> out, typename M::Workspace& workspace) {
  { model.obs_dim() } -> std::convertible_to<int>;
  { model.action_dim() } -> std::convertible_to<int>;
  model.rate(x, u, out, workspace);
  model.linearize(x, u, out, workspace);
  model.weighted_hessian(x, u, weights, out, workspace);
};
// clang-format on

/// An AnalyticSystem's equations of motion, with exact derivatives.
template <AnalyticSystem System>
class AnalyticFlow {
 public:
  struct Workspace {};
  static constexpr int kObsDim = System::kObsDim;
  static constexpr int kActionDim = System::kActionDim;

  explicit AnalyticFlow(System system = {}) : system_(std::move(system)) {}

  int obs_dim() const { return kObsDim; }
  int action_dim() const { return kActionDim; }
  const System& system() const { return system_; }

  void rate(ConstBatchRef<double> x, ConstBatchRef<double> u, BatchRef<double> out, Workspace&) const {
    Map::check("AnalyticFlow", x, u);
    Map::values(derivative(), x, u, out);
  }
  void linearize(ConstBatchRef<double> x, ConstBatchRef<double> u, BatchRef<double> jacobian,
                 Workspace&) const {
    Map::check("AnalyticFlow", x, u);
    require_dim("AnalyticFlow::linearize", "jacobian's columns", jacobian.cols(), x.cols() * Map::kZ);
    Map::jacobians(derivative(), x, u, jacobian);
  }
  void weighted_hessian(ConstBatchRef<double> x, ConstBatchRef<double> u, ConstBatchRef<double> weights,
                        BatchRef<double> hessian, Workspace&) const {
    Map::check("AnalyticFlow", x, u);
    require_dim("AnalyticFlow::weighted_hessian", "hessian's columns", hessian.cols(), x.cols() * Map::kZ);
    Map::weighted_hessians(derivative(), x, u, weights, hessian);
  }

 private:
  using Map = detail::JetMap<kObsDim, kActionDim>;

  auto derivative() const {
    return [this](const auto& x, const auto& u, Index) {
      auto dx = x;
      system_.derivative(x, u, dx);
      return dx;
    };
  }

  System system_;
};

}  // namespace mbrl
