// CartPole-v1 and CartPoleContinuous.
#include "mbrl/env/classic/cartpole.hpp"

#include "env/classic/discrete_action.hpp"

namespace mbrl {
namespace {

constexpr double kCartPoleDt = 0.02, kCartPoleGravity = 9.8, kPoleMass = 0.1, kMass = 1.1, kHalfLength = 0.5,
                 kForce = 10.0;

}  // namespace

EnvSpec CartPoleTask::spec() const {
  const bool discrete = kind_ == Action::kDiscrete;
  EnvSpec spec;
  spec.name = discrete ? "CartPole-v1" : "CartPoleContinuous";
  spec.source = discrete ? "Gymnasium 1.4 classic_control/cartpole" : "mbrl-lib cartpole_continuous";
  spec.obs_dim = 4;
  spec.action_low = Vecd::Constant(1, discrete ? 0.0 : -1.0);
  spec.action_high = Vecd::Constant(1, 1.0);
  spec.choices = discrete ? 2 : 0;
  spec.max_steps = discrete ? 500 : 200;
  spec.dt = kCartPoleDt;
  spec.encoding = ObsEncoding::identity(4);
  spec.reward = CartPoleReward<float>{};
  spec.termination = CartPoleTermination<float>{};
  spec.obs_names = {"cart position", "cart velocity", "pole angle", "pole angular velocity"};
  spec.action_names = {discrete ? "push left (0) or right (1)" : "force"};
  return spec;
}

void CartPoleTask::draw_start(const RandomStream& random, Vecd& state) const {
  for (Index i = 0; i < 4; ++i) state(i) = random.uniform(-0.05, 0.05, static_cast<std::uint32_t>(i));
}

StepOutcome CartPoleTask::step(Vecd& state, ConstVecRef<double> action) const {
  const double force = kind_ == Action::kContinuous                        ? kForce * action(0)
                       : discrete_action("CartPole-v1", action(0), 2) == 1 ? kForce
                                                                           : -kForce;
  const double cosine = std::cos(state(2)), sine = std::sin(state(2));
  const double moment = kPoleMass * kHalfLength;
  const double push = (force + moment * state(3) * state(3) * sine) / kMass;
  const double angular = (kCartPoleGravity * sine - cosine * push) /
                         (kHalfLength * (4.0 / 3.0 - kPoleMass * cosine * cosine / kMass));
  const double linear = push - moment * angular * cosine / kMass;
  state(0) += kCartPoleDt * state(1);
  state(1) += kCartPoleDt * linear;
  state(2) += kCartPoleDt * state(3);
  state(3) += kCartPoleDt * angular;
  constexpr double kAngle = 12.0 * 2.0 * std::numbers::pi / 360.0;
  return {.reward = 1.0, .terminated = std::abs(state(0)) > 2.4 || std::abs(state(2)) > kAngle};
}

}  // namespace mbrl
