// MountainCarContinuous-v0.
#include "mbrl/env/classic/mountain_car.hpp"

#include <algorithm>
#include <cmath>

namespace mbrl {

EnvSpec MountainCarTask::spec() {
  EnvSpec spec;
  spec.name = "MountainCarContinuous-v0";
  spec.source = "Gymnasium 1.4 classic_control/continuous_mountain_car";
  spec.obs_dim = 2;
  spec.action_low = Vecd::Constant(1, -1.0);
  spec.action_high = Vecd::Constant(1, 1.0);
  spec.max_steps = 999;
  spec.dt = 1.0;
  spec.encoding = ObsEncoding::identity(2);
  spec.reward = MountainCarReward<float>{};
  spec.termination = MountainCarTermination<float>{};
  spec.obs_names = {"position", "velocity"};
  spec.action_names = {"force"};
  return spec;
}

void MountainCarTask::draw_start(const RandomStream& random, Vecd& state) const {
  state(0) = random.uniform(-0.6, -0.4, 0);
}

StepOutcome MountainCarTask::step(Vecd& state, ConstVecRef<double> action) const {
  const double force = std::clamp(action(0), -1.0, 1.0);
  double position = state(0);
  double velocity = state(1) + force * 0.0015 - 0.0025 * std::cos(3.0 * position);
  velocity = std::clamp(velocity, -0.07, 0.07);
  position = std::clamp(position + velocity, -1.2, 0.6);
  if (position == -1.2 && velocity < 0.0) velocity = 0.0;
  const bool arrived = position >= 0.45 && velocity >= 0.0;
  state << static_cast<double>(static_cast<float>(position)),
      static_cast<double>(static_cast<float>(velocity));
  return {.reward = (arrived ? 100.0 : 0.0) - 0.1 * action(0) * action(0), .terminated = arrived};
}

}  // namespace mbrl
