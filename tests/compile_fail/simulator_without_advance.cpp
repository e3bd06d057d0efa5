// A simulator that cannot be stepped: refused by SimulatorRollout.
// expect: Simulator
// expect: simulator.advance(action)
#include <span>

#include "mbrl/rollout/simulator_rollout.hpp"

struct Counter {
  int obs_dim() const { return 1; }
  int action_dim() const { return 1; }
  int state_dim() const { return 1; }
  void save_state(std::span<double> out) const { out[0] = x; }
  void load_state(std::span<const double> in) { x = in[0]; }
#ifndef MBRL_BREAK
  mbrl::SimulatorStep advance(mbrl::ConstVecRef<double> action) { return {x += action(0), false, false}; }
#endif
  void observe(mbrl::VecRef<double> obs) const { obs(0) = x; }
  double x = 0;
};

using MyRollout = mbrl::SimulatorRollout<Counter>;
MyRollout* rollout = nullptr;
