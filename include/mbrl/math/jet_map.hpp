// Functions of a state and an action, written once as a template, with their exact first and second
// derivatives for a whole trajectory at once.
#pragma once

#include <array>
#include <cstddef>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/jet.hpp"

namespace mbrl::detail {

// y = f(x, u) column by column. F is called with arrays of T = double, Jet or Jet of Jets, and the column's
// number, and returns an array of as many T as it has values.
template <int Nx, int Nu>
struct JetMap {
  static constexpr int kZ = Nx + Nu;
  static constexpr std::size_t kX = Nx, kU = Nu;

  static void check(const char* where, const ConstBatchRef<double>& x, const ConstBatchRef<double>& u) {
    require_dim(where, "obs", x.rows(), Nx);
    require_dim(where, "action", u.rows(), Nu);
    require(x.cols() == u.cols(), where, ": ", x.cols(), " observations but ", u.cols(), " actions");
  }

  template <class F>
  static void values(const F& f, const ConstBatchRef<double>& obs, const ConstBatchRef<double>& action,
                     BatchRef<double>& out) {
    for (Index t = 0; t < obs.cols(); ++t) {
      std::array<double, kX> x;
      std::array<double, kU> u;
      for (std::size_t i = 0; i < kX; ++i) x[i] = obs(static_cast<Index>(i), t);
      for (std::size_t i = 0; i < kU; ++i) u[i] = action(static_cast<Index>(i), t);
      const auto y = f(x, u, t);
      for (std::size_t i = 0; i < y.size(); ++i) out(static_cast<Index>(i), t) = y[i];
    }
  }

  // Block t of `jacobian` is [df/dx df/du] at column t.
  template <class F>
  static void jacobians(const F& f, const ConstBatchRef<double>& obs, const ConstBatchRef<double>& action,
                        BatchRef<double>& jacobian) {
    using D = Jet<double, kZ>;
    for (Index t = 0; t < obs.cols(); ++t) {
      std::array<D, kX> x;
      std::array<D, kU> u;
      for (int i = 0; i < Nx; ++i) x[static_cast<std::size_t>(i)] = D::variable(obs(i, t), i);
      for (int i = 0; i < Nu; ++i) u[static_cast<std::size_t>(i)] = D::variable(action(i, t), Nx + i);
      const auto y = f(x, u, t);
      for (std::size_t j = 0; j < kZ; ++j)
        for (std::size_t i = 0; i < y.size(); ++i)
          jacobian(static_cast<Index>(i), t * kZ + static_cast<Index>(j)) = y[i].d[j];
    }
  }

  // Block t of `hessian` is sum_i weights(i, t) d2 f_i / dz2 at column t, z = [x; u].
  template <class F>
  static void weighted_hessians(const F& f, const ConstBatchRef<double>& obs,
                                const ConstBatchRef<double>& action, const ConstBatchRef<double>& weights,
                                BatchRef<double>& hessian) {
    using D = Jet<double, kZ>;
    using DD = Jet<D, kZ>;
    for (Index t = 0; t < obs.cols(); ++t) {
      std::array<DD, kX> x;
      std::array<DD, kU> u;
      for (int i = 0; i < Nx; ++i)
        x[static_cast<std::size_t>(i)] = DD::variable(D::variable(obs(i, t), i), i);
      for (int i = 0; i < Nu; ++i)
        u[static_cast<std::size_t>(i)] = DD::variable(D::variable(action(i, t), Nx + i), Nx + i);
      const auto y = f(x, u, t);
      for (std::size_t j = 0; j < kZ; ++j)
        for (std::size_t i = 0; i < kZ; ++i) {
          double sum = 0;
          for (std::size_t k = 0; k < y.size(); ++k)
            sum += weights(static_cast<Index>(k), t) * y[k].d[j].d[i];
          hessian(static_cast<Index>(i), t * kZ + static_cast<Index>(j)) = sum;
        }
    }
  }
};

}  // namespace mbrl::detail
