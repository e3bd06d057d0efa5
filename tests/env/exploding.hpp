// A task whose state leaves the finite numbers in its second step.
#pragma once

#include "mbrl/env/analytic_environment.hpp"

namespace mbrl::env_test {

struct Exploding {
  EnvSpec spec() const {
    EnvSpec spec;
    spec.name = "exploding";
    spec.obs_dim = 1;
    spec.action_low = Vecd::Constant(1, -1.0);
    spec.action_high = Vecd::Constant(1, 1.0);
    spec.max_steps = 100;
    spec.encoding = ObsEncoding::identity(1);
    return spec;
  }
  int state_dim() const { return 1; }
  void draw_start(const RandomStream&, Vecd& state) const { state(0) = 1e100; }
  StepOutcome step(Vecd& state, ConstVecRef<double>) const {
    state(0) *= state(0);  // 1e200, then 1e400
    return {.reward = 1.0};
  }
};

}  // namespace mbrl::env_test
