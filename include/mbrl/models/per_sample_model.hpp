// A dynamics model from a function of one sample, in place of a class that steps whole batches.
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/jet_eigen.hpp"
#include "mbrl/math/jet_map.hpp"
#include "mbrl/models/dynamics_model.hpp"

namespace mbrl {

struct NoWorkspace {};

/// A DynamicsModel. F is called as f(obs, action, next_obs) with Eigen vectors and writes every entry of
/// next_obs; one that it leaves out is NaN, which planners count as unusable. Thread-safe if F is.
template <class F, class S = double>
class PerSampleModel {
 public:
  using Scalar = S;
  using Workspace = NoWorkspace;

  PerSampleModel(int obs_dim, int action_dim, F f)
      : obs_dim_(obs_dim), action_dim_(action_dim), f_(std::move(f)) {
    require(obs_dim >= 1 && action_dim >= 1, "per_sample_model: dimensions of ", obs_dim, " and ", action_dim,
            ", expected at least 1");
  }

  int obs_dim() const { return obs_dim_; }
  int action_dim() const { return action_dim_; }

  void step(ConstBatchRef<S> obs, ConstBatchRef<S> action, BatchRef<S> next_obs, Workspace&) const {
    require_dim("per_sample_model", "obs", obs.rows(), obs_dim_);
    require_dim("per_sample_model", "action", action.rows(), action_dim_);
    for (Index i = 0; i < obs.cols(); ++i) {
      const auto s = obs.col(i);
      const auto a = action.col(i);
      auto next = next_obs.col(i);
      next.setConstant(std::numeric_limits<S>::quiet_NaN());
      f_(s, a, next);
    }
  }

 private:
  int obs_dim_, action_dim_;
  F f_;
};

/// A TwiceDifferentiableModel of Nx states and Nu actions with exact derivatives: f is called with vectors of
/// double and of jets (mbrl/math/jet.hpp), so it is a template or takes `const auto&`, and it names
/// functions without std:: (`using std::sin; ... sin(s(0))`).
template <int Nx, int Nu, class F>
class DifferentiablePerSampleModel {
 public:
  using Scalar = double;
  using Workspace = NoWorkspace;
  static constexpr int kObsDim = Nx, kActionDim = Nu;

  explicit DifferentiablePerSampleModel(F f) : f_(std::move(f)) {}

  int obs_dim() const { return Nx; }
  int action_dim() const { return Nu; }

  void step(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> next_obs,
            Workspace&) const {
    Map::check("per_sample_model", obs, action);
    Map::values(called(), obs, action, next_obs);
  }
  void linearize(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> jacobian,
                 Workspace&) const {
    Map::check("per_sample_model", obs, action);
    require_dim("per_sample_model: linearize", "jacobian's columns", jacobian.cols(), obs.cols() * Map::kZ);
    Map::jacobians(called(), obs, action, jacobian);
  }
  void weighted_hessian(ConstBatchRef<double> obs, ConstBatchRef<double> action,
                        ConstBatchRef<double> weights, BatchRef<double> hessian, Workspace&) const {
    Map::check("per_sample_model", obs, action);
    require_dim("per_sample_model: weighted_hessian", "hessian's columns", hessian.cols(),
                obs.cols() * Map::kZ);
    Map::weighted_hessians(called(), obs, action, weights, hessian);
  }

 private:
  using Map = detail::JetMap<Nx, Nu>;

  auto called() const {
    return [this]<class T>(const std::array<T, std::size_t{Nx}>& x, const std::array<T, std::size_t{Nu}>& u,
                           Index) {
      std::array<T, std::size_t{Nx}> y;
      y.fill(T(std::numeric_limits<double>::quiet_NaN()));
      const Eigen::Map<const Eigen::Matrix<T, Nx, 1>> s(x.data());
      const Eigen::Map<const Eigen::Matrix<T, Nu, 1>> a(u.data());
      Eigen::Map<Eigen::Matrix<T, Nx, 1>> next(y.data());
      f_(s, a, next);
      return y;
    };
  }

  F f_;
};

/// per_sample_model(4, 2, [](const auto& s, const auto& a, auto next) { next(0) = ...; }), with numbers of
/// type S. For planners that sample, or behind FiniteDifferenceModel for those that need derivatives.
template <class S = double, class F>
PerSampleModel<F, S> per_sample_model(int obs_dim, int action_dim, F f) {
  return {obs_dim, action_dim, std::move(f)};
}

/// per_sample_model<4, 2>([](const auto& s, const auto& a, auto next) { ... }): dimensions known at compile
/// time, and exact first and second derivatives.
template <int Nx, int Nu, class F>
DifferentiablePerSampleModel<Nx, Nu, F> per_sample_model(F f) {
  return DifferentiablePerSampleModel<Nx, Nu, F>(std::move(f));
}

}  // namespace mbrl
