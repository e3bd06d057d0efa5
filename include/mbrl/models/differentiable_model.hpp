// What gradient-based planners ask of a dynamics model: its Jacobians along a whole trajectory.
#pragma once

#include <concepts>
#include <type_traits>

#include "mbrl/core/types.hpp"
#include "mbrl/models/dynamics_model.hpp"

namespace mbrl {

// clang-format off
/// `linearize` takes N states and actions at once (obs: nx x N, action: nu x N) and writes the N Jacobians side by side:
/// jacobian is nx x N (nx + nu), its block t, of nx + nu columns, is [df/dobs df/daction] at column t of obs and action.
template <class M>
concept DifferentiableModel = DynamicsModel<M> &&
    requires(const M& model, ConstBatchRef<typename M::Scalar> obs, ConstBatchRef<typename M::Scalar> action,
             BatchRef<typename M::Scalar> jacobian, typename M::Workspace& workspace) {
  model.linearize(obs, action, jacobian, workspace);
};

/// The second derivatives differential dynamic programming needs: weighted by a vector (weights: nx x N), so that no
/// third-order array is ever formed. hessian is nz x N nz, nz = nx + nu; its block t is sum_i weights(i, t) d2f_i/dz2
/// with z = [obs; action] at column t.
template <class M>
concept TwiceDifferentiableModel = DifferentiableModel<M> &&
    requires(const M& model, ConstBatchRef<typename M::Scalar> obs, ConstBatchRef<typename M::Scalar> action,
             ConstBatchRef<typename M::Scalar> weights, BatchRef<typename M::Scalar> hessian,
             typename M::Workspace& workspace) {
  model.weighted_hessian(obs, action, weights, hessian, workspace);
};
// clang-format on

namespace detail {
template <class M>
constexpr int static_obs_dim() {
  if constexpr (requires { std::integral_constant<int, M::kObsDim>{}; })
    return M::kObsDim;
  else
    return Eigen::Dynamic;
}
template <class M>
constexpr int static_action_dim() {
  if constexpr (requires { std::integral_constant<int, M::kActionDim>{}; })
    return M::kActionDim;
  else
    return Eigen::Dynamic;
}
}  // namespace detail

/// The dimensions a model states as constants kObsDim and kActionDim, so that solvers use matrices of fixed
/// size for it; Eigen::Dynamic where it does not.
template <class M>
inline constexpr int kStaticObsDim = detail::static_obs_dim<M>();
template <class M>
inline constexpr int kStaticActionDim = detail::static_action_dim<M>();

}  // namespace mbrl
