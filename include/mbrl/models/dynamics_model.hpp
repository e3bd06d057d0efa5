// What the library asks of a dynamics model. One member function suffices; refinements are separate concepts.
#pragma once

#include <concepts>

#include "mbrl/core/types.hpp"

namespace mbrl {

// clang-format off
/// `step` writes next_obs (obs_dim x batch) for obs (obs_dim x batch) and action (action_dim x batch). The model is
/// const and scratch memory belongs to the caller, so one model serves any number of threads without allocating.
template <class M>
concept DynamicsModel = requires(const M& model, ConstBatchRef<typename M::Scalar> obs,
                                 ConstBatchRef<typename M::Scalar> action, BatchRef<typename M::Scalar> next_obs,
                                 typename M::Workspace& workspace) {
  typename M::Scalar;                                     // float or double
  typename M::Workspace;                                  // default-constructible scratch memory; may be empty
  requires std::default_initializable<typename M::Workspace>;
  { model.obs_dim() } -> std::convertible_to<int>;
  { model.action_dim() } -> std::convertible_to<int>;
  model.step(obs, action, next_obs, workspace);
};

/// A Gaussian over the next observation: mean and variance, each obs_dim x batch.
template <class M>
concept ProbabilisticModel = DynamicsModel<M> &&
    requires(const M& model, ConstBatchRef<typename M::Scalar> obs, ConstBatchRef<typename M::Scalar> action,
             BatchRef<typename M::Scalar> mean, BatchRef<typename M::Scalar> variance, typename M::Workspace& workspace) {
  model.predict(obs, action, mean, variance, workspace);
};

/// Several such models, of which member `i` is asked: i in [0, members()).
template <class M>
concept EnsembleModel = requires(const M& model, int member, ConstBatchRef<typename M::Scalar> obs,
                                 ConstBatchRef<typename M::Scalar> action, BatchRef<typename M::Scalar> mean,
                                 BatchRef<typename M::Scalar> variance, typename M::Workspace& workspace) {
  typename M::Scalar;
  typename M::Workspace;
  { model.members() } -> std::convertible_to<int>;
  { model.obs_dim() } -> std::convertible_to<int>;
  { model.action_dim() } -> std::convertible_to<int>;
  model.predict(member, obs, action, mean, variance, workspace);
};
// clang-format on

}  // namespace mbrl
