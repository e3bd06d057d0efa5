// The torque-limited pendulum swing-up, Gymnasium's Pendulum-v1, with its state in double precision.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mbrl/env/environment.hpp"

namespace mbrl {

/// Upright is th = 0 (rad), w = dth/dt (rad/s), the torque u = clip(a, -2, 2) (N m). With g = 10, m = l = 1,
/// dt = 0.05 s:
///   w' = clip(w + (15 sin th + 3 u) dt, -8, 8),  th' = th + w' dt,
///   reward = -(n(th)^2 + 0.1 w^2 + 0.001 u^2) of the state before the step, n wrapping to [-pi, pi).
/// Observation: cos th, sin th, w. Start: th ~ U(-pi, pi), w ~ U(-1, 1). Never terminates; 200 steps.
class Pendulum {
 public:
  Pendulum();

  const EnvSpec& spec() const { return spec_; }
  Vecd reset(std::uint64_t seed);
  StepResult step(ConstVecRef<double> action);  // throws on a wrong dimension or a number that is not finite

  std::vector<double> state() const { return {theta_, omega_, static_cast<double>(steps_)}; }
  void set_state(const std::vector<double>& state);
  Vecd observation() const;

  /// The environment as a Simulator.
  int obs_dim() const { return 3; }
  int action_dim() const { return 1; }
  int state_dim() const { return 3; }
  void save_state(std::span<double> state) const;
  void load_state(std::span<const double> state);
  SimulatorStep advance(ConstVecRef<double> action);
  void observe(VecRef<double> obs) const;

  std::vector<std::string> physics_names() const { return {"state0", "state1"}; }
  std::vector<double> physics_state() const { return {theta_, omega_}; }
  Vecd set_physics_state(const std::vector<double>& values);

 private:
  EnvSpec spec_;
  double theta_ = 0.0, omega_ = 0.0;
  int steps_ = 0;
  EpisodeGuard episode_;
};

/// The same reward as a function of (obs, action), exact: for planners.
template <class S>
struct PendulumReward {
  void operator()(ConstBatchRef<S> obs, ConstBatchRef<S> action, ConstBatchRef<S> /*next_obs*/, int /*t*/,
                  VecRef<S> out) const {
    for (Index i = 0; i < obs.cols(); ++i) {
      const S angle = std::atan2(obs(1, i), obs(0, i));
      const S torque = std::min(S(2), std::max(S(-2), action(0, i)));
      out(i) = -(angle * angle + S(0.1) * obs(2, i) * obs(2, i) + S(0.001) * torque * torque);
    }
  }
};

}  // namespace mbrl
