// Steps an environment that runs on MuJoCo.
#include <cstdio>

#include "mbrl/mujoco/environments.hpp"

int main() {
  mbrl::EnvRegistry registry;
  mbrl::mujoco::register_environments(registry);
  mbrl::AnyEnvironment env = registry.make("pets/HalfCheetah");
  const mbrl::Vecd obs = env.reset(1);
  const mbrl::StepResult result = env.step(mbrl::Vecd::Zero(env.spec().action_dim()));
  std::printf("%s: %d observations, reward %.3f\n", env.spec().name.c_str(), static_cast<int>(obs.size()),
              result.reward);
  return obs.size() == env.spec().obs_dim ? 0 : 1;
}
