// What planners ask of a simulator: put it into a state, step it, and hear what the task makes of that.
#pragma once

#include <concepts>
#include <span>
#include <utility>

#include "mbrl/core/types.hpp"

namespace mbrl {

/// What a step is worth. A broken one (the simulation diverged) has no meaning, its reward included.
struct SimulatorStep {
  double reward = 0.0;
  bool terminated = false;
  bool broken = false;
};

// clang-format off
/// The state is all the future depends on: loaded again, it gives the same steps bit for bit, on any copy of the simulator.
/// One object is used by one thread at a time. Steps should allocate nothing.
template <class S>
concept Simulator = std::movable<S> &&
    requires(S& simulator, const S& csimulator, std::span<const double> in, std::span<double> out, VecRef<double> obs,
             ConstVecRef<double> action) {
  { csimulator.obs_dim() } -> std::convertible_to<int>;
  { csimulator.action_dim() } -> std::convertible_to<int>;
  { csimulator.state_dim() } -> std::convertible_to<int>;
  csimulator.save_state(out);                                        // state_dim numbers
  simulator.load_state(in);                                          // throws mbrl::Error on another number of them
  { simulator.advance(action) } -> std::same_as<SimulatorStep>;      // one control step
  simulator.observe(obs);                                            // obs_dim numbers: what is seen after a step
};
// clang-format on

}  // namespace mbrl
