// Steps an environment that runs on MuJoCo, and solves a control problem over its derivatives.
#include <cstdio>

#include "mbrl/mujoco/engine/dynamics.hpp"
#include "mbrl/mujoco/environments.hpp"
#include "mbrl/mujoco/tasks/pets_cartpole.hpp"
#include "mbrl/planning/trajectory/ilqr.hpp"

int main() {
  mbrl::EnvRegistry registry;
  mbrl::mujoco::register_environments(registry);
  mbrl::AnyEnvironment env = registry.make("pets/HalfCheetah");
  const mbrl::Vecd obs = env.reset(1);
  const mbrl::StepResult result = env.step(mbrl::Vecd::Zero(env.spec().action_dim()));
  std::printf("%s: %d observations, reward %.3f\n", env.spec().name.c_str(), static_cast<int>(obs.size()),
              result.reward);

  const mbrl::mujoco::Dynamics dynamics(mbrl::mujoco::PetsCartPoleTask{});
  const mbrl::Batchd weight = mbrl::Batchd::Identity(4, 4);
  mbrl::QuadraticCost cost(weight, mbrl::Batchd::Identity(1, 1), weight, mbrl::Vecd::Zero(4));
  mbrl::Ilqr solver(dynamics, cost, 10);
  const auto report = solver.solve(mbrl::Vecd::Constant(4, 0.1), mbrl::Batchd::Zero(1, 10));
  std::printf("iLQR: cost %.4f after %d iterations\n", report.cost, static_cast<int>(report.iterations));
  return obs.size() == env.spec().obs_dim && report.iterations > 0 ? 0 : 1;
}
