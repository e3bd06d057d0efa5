// Acrobot-v1.
#include "mbrl/env/classic/acrobot.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "env/classic/discrete_action.hpp"

namespace mbrl {
namespace {

constexpr double kAcrobotDt = 0.2, kAcrobotGravity = 9.8, kCentre = 0.5, kPi = std::numbers::pi;
using State = Eigen::Vector4d;

// Spong's equations with the masses, lengths and inertias set to 1, in the form of Sutton and Barto's book.
State derivative(const State& s, double torque) {
  const double cosine = std::cos(s(1)), sine = std::sin(s(1)), w1 = s(2), w2 = s(3);
  const double d1 = kCentre * kCentre + (1.0 + kCentre * kCentre + 2.0 * kCentre * cosine) + 2.0;
  const double d2 = kCentre * kCentre + kCentre * cosine + 1.0;
  const double p2 = kCentre * kAcrobotGravity * std::cos(s(0) + s(1) - kPi / 2.0);
  const double p1 = -kCentre * w2 * w2 * sine - 2.0 * kCentre * w2 * w1 * sine +
                    (kCentre + 1.0) * kAcrobotGravity * std::cos(s(0) - kPi / 2.0) + p2;
  const double a2 =
      (torque + d2 / d1 * p1 - kCentre * w1 * w1 * sine - p2) / (kCentre * kCentre + 1.0 - d2 * d2 / d1);
  return {w1, w2, -(d2 * a2 + p1) / d1, a2};
}

double by_turns(double angle) {
  while (angle > kPi) angle -= 2.0 * kPi;
  while (angle < -kPi) angle += 2.0 * kPi;
  return angle;
}

}  // namespace

EnvSpec AcrobotTask::spec() {
  EnvSpec spec;
  spec.name = "Acrobot-v1";
  spec.source = "Gymnasium 1.4 classic_control/acrobot";
  spec.obs_dim = 6;
  spec.action_low = Vecd::Constant(1, 0.0);
  spec.action_high = Vecd::Constant(1, 2.0);
  spec.choices = 3;
  spec.max_steps = 500;
  spec.dt = kAcrobotDt;
  spec.encoding = ObsEncoding::identity(6);
  spec.reward = AcrobotReward<float>{};
  spec.termination = AcrobotTermination<float>{};
  spec.obs_names = {"cos(angle 1)", "sin(angle 1)",       "cos(angle 2)",
                    "sin(angle 2)", "angular velocity 1", "angular velocity 2"};
  spec.action_names = {"torque -1 (0), 0 (1) or 1 (2)"};
  return spec;
}

void AcrobotTask::draw_start(const RandomStream& random, Vecd& state) const {
  for (Index i = 0; i < 4; ++i) state(i) = random.uniform(-0.1, 0.1, static_cast<std::uint32_t>(i));
}

StepOutcome AcrobotTask::step(Vecd& state, ConstVecRef<double> action) const {
  const double torque = discrete_action("Acrobot-v1", action(0), 3) - 1;
  const State s = state;
  const State k1 = derivative(s, torque), k2 = derivative(s + kAcrobotDt / 2.0 * k1, torque),
              k3 = derivative(s + kAcrobotDt / 2.0 * k2, torque),
              k4 = derivative(s + kAcrobotDt * k3, torque);
  const State next = s + kAcrobotDt / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4);
  state << by_turns(next(0)), by_turns(next(1)), std::clamp(next(2), -4.0 * kPi, 4.0 * kPi),
      std::clamp(next(3), -9.0 * kPi, 9.0 * kPi);
  const bool up = -std::cos(state(0)) - std::cos(state(0) + state(1)) > 1.0;
  return {.reward = up ? 0.0 : -1.0, .terminated = up};
}

void AcrobotTask::observe(const Vecd& state, Vecd& obs) const {
  obs << std::cos(state(0)), std::sin(state(0)), std::cos(state(1)), std::sin(state(1)), state(2), state(3);
}

}  // namespace mbrl
