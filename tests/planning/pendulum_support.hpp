// Pendulum-v1 for planners that descend: its equations, its reward as a cost, and an episode under one.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <utility>
#include <vector>

#include "mbrl/env/classic/environments.hpp"
#include "mbrl/env/registry.hpp"
#include "mbrl/planning/mpc.hpp"
#include "planning/trajectory/trajectory_support.hpp"

namespace mbrl::planning_test {

// Pendulum-v1's reward, of the angle wrapped to [-pi, pi], and a final cost.
struct WrappedCost {
  double stage(ConstVecRef<double> x, ConstVecRef<double> u, int) const {
    return wrapped(x) * wrapped(x) + 0.1 * x(1) * x(1) + 0.001 * u(0) * u(0);
  }
  double final_cost(ConstVecRef<double> x, int) const {
    return 5 * wrapped(x) * wrapped(x) + 0.5 * x(1) * x(1);
  }
  void stage_derivatives(ConstVecRef<double> x, ConstVecRef<double> u, int, VecRef<double> gradient,
                         BatchRef<double> hessian) const {
    gradient << 2 * wrapped(x), 0.2 * x(1), 0.002 * u(0);
    hessian.setZero();
    hessian.diagonal() << 2.0, 0.2, 0.002;
  }
  void final_derivatives(ConstVecRef<double> x, int, VecRef<double> gradient,
                         BatchRef<double> hessian) const {
    gradient << 10 * wrapped(x), x(1);
    hessian.setZero();
    hessian.diagonal() << 10.0, 1.0;
  }
  static double wrapped(const ConstVecRef<double>& x) { return std::remainder(x(0), 2 * std::numbers::pi); }
};

inline const PendulumModel kPendulum({}, {.dt = 0.05, .method = Integrator::kSemiImplicit});
inline const ActionBounds kTorque = ActionBounds::uniform(1, -2, 2);

// Pendulum-v1's return in `steps` steps from the start state of that seed.
template <class P>
double episode(P planner, std::uint64_t seed, int steps) {
  EnvRegistry registry;
  register_analytic_environments(registry);
  AnyEnvironment env = registry.make("Pendulum-v1");
  env.reset(seed);
  Mpc mpc(std::move(planner));
  double sum = 0;
  for (int t = 0; t < steps; ++t) {
    const std::vector<double> x = env.physics_state();
    sum += env.step(mpc.act(Eigen::Map<const Vecd>(x.data(), 2))).reward;
  }
  return sum;
}

}  // namespace mbrl::planning_test
