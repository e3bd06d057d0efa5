// Steps of ordinary differential equations, written as templates so that they are differentiated exactly.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <utility>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/error.hpp"

namespace mbrl {

enum class Integrator : int {
  kEuler = 0,  // x + h f(x, u)
  kSemiImplicit =
      1,  // velocities first, then positions with the new velocities; states are [positions; velocities]
  kMidpoint = 2,  // second order
  kRk4 = 3,       // the classic Runge-Kutta method, fourth order
};

constexpr auto enum_names(Integrator) {
  return std::array{std::pair{Integrator::kEuler, "euler"},
                    std::pair{Integrator::kSemiImplicit, "semi_implicit"},
                    std::pair{Integrator::kMidpoint, "midpoint"}, std::pair{Integrator::kRk4, "rk4"}};
}

struct IntegratorSettings {
  double dt = 0.02;                      // of a control step (s); the action is constant meanwhile
  Integrator method = Integrator::kRk4;  // how a step is taken
  int substeps = 1;                      // steps of dt / substeps each

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("dt", s.dt, "control step (s)");
    field("method", s.method, "integrator: euler, semi_implicit, midpoint or rk4");
    field("substeps", s.substeps, "integration steps a control step");
  }
};

inline void check_integrator(const char* where, const IntegratorSettings& s, int state_dim) {
  require(std::isfinite(s.dt) && s.dt > 0, where, ": dt is ", s.dt, ", expected more than 0");
  require(s.substeps >= 1, where, ": substeps is ", s.substeps, ", expected at least 1");
  require(
      s.method != Integrator::kSemiImplicit || state_dim % 2 == 0, where,
      ": the semi-implicit integrator needs as many velocities as positions, but the state has dimension ",
      state_dim);
}

/// x(t + dt) from x(t) with the input held; `derivative(x, dx)` writes dx/dt. T: double or a Jet.
template <class T, std::size_t N, class Derivative>
std::array<T, N> integrate(const IntegratorSettings& s, const Derivative& derivative, std::array<T, N> x) {
  const double h = s.dt / s.substeps;
  std::array<T, N> k{}, mid{}, sum{};
  const auto moved = [&](double step, const std::array<T, N>& slope, std::array<T, N>& out) {
    for (std::size_t i = 0; i < N; ++i) out[i] = x[i] + slope[i] * step;
  };
  for (int n = 0; n < s.substeps; ++n) {
    derivative(x, k);
    switch (s.method) {
      case Integrator::kEuler:
        for (std::size_t i = 0; i < N; ++i) x[i] += k[i] * h;
        break;
      case Integrator::kSemiImplicit:
        for (std::size_t i = N / 2; i < N; ++i) x[i] += k[i] * h;
        derivative(x, k);
        for (std::size_t i = 0; i < N / 2; ++i) x[i] += k[i] * h;
        break;
      case Integrator::kMidpoint:
        moved(0.5 * h, k, mid);
        derivative(mid, k);
        for (std::size_t i = 0; i < N; ++i) x[i] += k[i] * h;
        break;
      case Integrator::kRk4:
        sum = k;
        for (int stage = 1; stage < 4; ++stage) {
          moved(stage == 3 ? h : 0.5 * h, k, mid);
          derivative(mid, k);
          for (std::size_t i = 0; i < N; ++i) sum[i] += stage == 3 ? k[i] : k[i] * 2.0;
        }
        for (std::size_t i = 0; i < N; ++i) x[i] += sum[i] * (h / 6.0);
        break;
    }
  }
  return x;
}

}  // namespace mbrl
