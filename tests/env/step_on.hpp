// Steps of tests that go on beyond the end of an episode, where `step` itself does not go.
#pragma once

#include "mbrl/env/environment.hpp"

namespace mbrl {

// env.step, after which the state put back begins a new episode where one has ended.
template <class Env>
StepResult step_on(Env& env, ConstVecRef<double> action) {
  StepResult result = env.step(action);
  if ((result.terminated || result.truncated) && result.fault.empty()) env.set_state(env.state());
  return result;
}

}  // namespace mbrl
