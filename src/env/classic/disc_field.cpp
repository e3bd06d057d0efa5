#include "mbrl/env/classic/disc_field.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>

namespace mbrl {

EnvSpec DiscFieldTask::spec() {
  EnvSpec spec;
  spec.name = "DiscField";
  spec.source = "after PLATO (Kahn et al. 2017)";
  spec.obs_dim = 3 + kRays;
  spec.action_low = Vecd::Constant(2, -1.0);
  spec.action_high = Vecd::Constant(2, 1.0);
  spec.max_steps = 120;
  spec.dt = kStep;
  spec.encoding = ObsEncoding::identity(spec.obs_dim);
  spec.obs_names = {"y", "x velocity", "y velocity"};
  for (int k = 0; k < kRays; ++k) spec.obs_names.push_back("range " + std::to_string(k));
  spec.action_names = {"x push", "y push"};
  return spec;
}

void DiscFieldTask::draw_start(const RandomStream& random, Vecd& state) {
  state << 0, random.uniform(-1.0, 1.0, 0), 1, 0, Vecd::Zero(2 * kDiscs);
  for (int i = 0; i < kDiscs; ++i)
    state.segment(4 + 2 * i, 2) << 3 + 1.6 * i, random.uniform(-2.5, 2.5, 1, static_cast<std::uint32_t>(i));
}

bool DiscFieldTask::crashed(const Vecd& state) {
  if (std::abs(state(1)) > kWall - kBody) return true;
  for (int i = 0; i < kDiscs; ++i)
    if ((state.segment(4 + 2 * i, 2) - state.head(2)).norm() < kDisc + kBody) return true;
  return false;
}

StepOutcome DiscFieldTask::step(Vecd& state, ConstVecRef<double> action) {
  const Vecd push = action.cwiseMax(-1.0).cwiseMin(1.0);
  state.segment(2, 2) += kStep * kPush * push;
  state.head(2) += kStep * state.segment(2, 2);
  const double off = state(2) - kSpeed;
  const double reward =
      1 - 0.25 * (off * off + state(3) * state(3)) - 0.02 * state(1) * state(1) - 0.05 * push.squaredNorm();
  const bool crash = crashed(state);
  return {.reward = crash ? reward - 10 : reward, .terminated = crash};
}

void DiscFieldTask::observe(const Vecd& state, Vecd& obs) {
  obs.head(3) << state(1), state(2), state(3);
  for (int k = 0; k < kRays; ++k) {
    const double angle = std::numbers::pi * (static_cast<double>(k) / (kRays - 1) - 0.5);
    const double along = std::cos(angle), across = std::sin(angle);
    double range = kRange;
    if (across != 0)
      range = std::min(range, std::max(0.0, ((across > 0 ? kWall : -kWall) - state(1)) / across));
    for (int i = 0; i < kDiscs; ++i) {
      const double dx = state(4 + 2 * i) - state(0), dy = state(5 + 2 * i) - state(1);
      const double ahead = dx * along + dy * across, aside = dx * across - dy * along;
      const double half_chord = kDisc * kDisc - aside * aside;
      if (ahead > 0 && half_chord > 0) range = std::min(range, std::max(0.0, ahead - std::sqrt(half_chord)));
    }
    obs(3 + k) = range;
  }
}

}  // namespace mbrl
