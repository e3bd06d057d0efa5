// Pendulum-v1: one semi-implicit Euler step a control step.
#include "mbrl/env/classic/pendulum.hpp"

#include <numbers>

#include "mbrl/core/random.hpp"
#include "mbrl/env/check_action.hpp"

namespace mbrl {
namespace {

// The remainder takes the divisor's sign, so the result lies in [-pi, pi).
double wrapped(double angle) {
  constexpr double kTurn = 2.0 * std::numbers::pi;
  double remainder = std::fmod(angle + std::numbers::pi, kTurn);
  if (remainder < 0.0) remainder += kTurn;
  return remainder - std::numbers::pi;
}

}  // namespace

Pendulum::Pendulum() {
  spec_.name = "Pendulum-v1";
  spec_.source = "Gymnasium 1.4 classic_control/pendulum";
  spec_.obs_dim = 3;
  spec_.action_low = Vecd::Constant(1, -2.0);
  spec_.action_high = Vecd::Constant(1, 2.0);
  spec_.max_steps = 200;
  spec_.dt = 0.05;
  spec_.encoding = ObsEncoding::identity(3);
  spec_.reward = PendulumReward<float>{};
  spec_.obs_names = {"cos(angle)", "sin(angle)", "angular velocity"};
  spec_.action_names = {"torque"};
}

Vecd Pendulum::reset(std::uint64_t seed) {
  const RandomStream random(seed, Stream::kReset);
  theta_ = random.uniform(-std::numbers::pi, std::numbers::pi, 0);
  omega_ = random.uniform(-1.0, 1.0, 1);
  steps_ = 0;
  episode_.begin();
  return observation();
}

StepResult Pendulum::step(ConstVecRef<double> action) {
  episode_.require_running(spec_.name);
  StepResult result;
  result.reward = advance(action).reward;
  result.obs = observation();
  result.truncated = steps_ >= spec_.max_steps;
  episode_.after(result);
  return result;
}

SimulatorStep Pendulum::advance(ConstVecRef<double> action) {
  check_action(spec_, action);
  const double torque = std::clamp(action(0), -2.0, 2.0);
  const double angle = wrapped(theta_);
  const double reward = -(angle * angle + 0.1 * omega_ * omega_ + 0.001 * torque * torque);
  omega_ = std::clamp(omega_ + (15.0 * std::sin(theta_) + 3.0 * torque) * spec_.dt, -8.0, 8.0);
  theta_ += omega_ * spec_.dt;
  ++steps_;
  return {reward, false, false};
}

Vecd Pendulum::observation() const {
  Vecd obs(3);
  observe(obs);
  return obs;
}

void Pendulum::observe(VecRef<double> obs) const { obs << std::cos(theta_), std::sin(theta_), omega_; }

void Pendulum::save_state(std::span<double> state) const {
  require_dim("Pendulum::save_state", "state", state.size(), 3);
  state[0] = theta_;
  state[1] = omega_;
  state[2] = static_cast<double>(steps_);
}

void Pendulum::load_state(std::span<const double> state) {
  require_dim("Pendulum::set_state", "state", state.size(), 3);
  theta_ = state[0];
  omega_ = state[1];
  steps_ = static_cast<int>(state[2]);
  episode_.begin();
}

void Pendulum::set_state(const std::vector<double>& state) { load_state(state); }

Vecd Pendulum::set_physics_state(const std::vector<double>& values) {
  require_dim("Pendulum::set_physics_state", "values", values.size(), 2);
  theta_ = values[0];
  omega_ = values[1];
  steps_ = 0;
  episode_.begin();
  return observation();
}

}  // namespace mbrl
