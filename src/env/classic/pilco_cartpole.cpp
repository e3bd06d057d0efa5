// The cart-pole swing-up of PILCO.
#include "mbrl/env/classic/pilco_cartpole.hpp"

#include <algorithm>
#include <array>

#include "mbrl/math/integrator.hpp"

namespace mbrl {

EnvSpec PilcoCartPoleTask::spec() {
  EnvSpec spec;
  spec.name = "pilco/CartPole";
  spec.source = "PILCO (Deisenroth and Rasmussen 2011)";
  spec.obs_dim = 4;
  spec.action_low = Vecd::Constant(1, -10.0);
  spec.action_high = Vecd::Constant(1, 10.0);
  spec.max_steps = 25;
  spec.dt = 0.1;
  using Kind = ObsFeature::Kind;
  spec.encoding.features = {
      {Kind::kIdentity, 0}, {Kind::kIdentity, 1}, {Kind::kIdentity, 3}, {Kind::kSin, 2}, {Kind::kCos, 2}};
  spec.encoding.targets.assign(4, TargetKind::kDelta);
  spec.reward = PilcoCartPoleReward<float>{};
  spec.obs_names = {"cart position", "cart velocity", "pole angle", "pole angular velocity"};
  spec.action_names = {"force on the cart"};
  return spec;
}

void PilcoCartPoleTask::draw_start(const RandomStream& random, Vecd& state) const {
  for (Index i = 0; i < 4; ++i) state(i) = 0.1 * random.normal(static_cast<std::uint32_t>(i));
}

StepOutcome PilcoCartPoleTask::step(Vecd& state, ConstVecRef<double> action) const {
  constexpr double kCart = 0.5, kPole = 0.5, kFriction = 0.1, kGravity = 9.82;
  const double force = std::clamp(action(0), -10.0, 10.0);
  const auto derivative = [force](const std::array<double, 4>& x, std::array<double, 4>& dx) {
    const double s = std::sin(x[2]), c = std::cos(x[2]);
    const double push = force - kFriction * x[1], spin = kPole * kLength * x[3] * x[3] * s;
    const double inertia = 4.0 * (kCart + kPole) - 3.0 * kPole * c * c;
    dx[0] = x[1];
    dx[1] = (2.0 * spin + 3.0 * kPole * kGravity * s * c + 4.0 * push) / inertia;
    dx[2] = x[3];
    dx[3] = (-3.0 * spin * c - 6.0 * (kCart + kPole) * kGravity * s - 6.0 * push * c) / (kLength * inertia);
  };
  std::array<double, 4> x{};
  std::copy_n(state.data(), 4, x.begin());
  x = integrate<double>({.dt = 0.1, .method = Integrator::kRk4, .substeps = 5}, derivative, x);
  std::copy_n(x.begin(), 4, state.data());
  Vecd reward(1);
  PilcoCartPoleReward<double>()(state, action, state, 0, reward);
  return {.reward = reward(0)};
}

}  // namespace mbrl
