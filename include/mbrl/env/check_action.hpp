// The checks every environment makes: of a task's specification when it is made, of the actions it is given.
#pragma once

#include <cmath>

#include "mbrl/env/environment.hpp"

namespace mbrl {

/// Throws unless the bounds of actions are finite, in order and fit the choices, and the time of a step is none or more.
inline void check_bounds(const EnvSpec& spec) {
  require_dim(spec.name, "spec().action_high", spec.action_high.size(), spec.action_low.size());
  require(spec.action_low.size() >= 1, spec.name,
          ": spec().action_low is empty, expected an entry for each of an action");
  for (Index i = 0; i < spec.action_low.size(); ++i)
    require(std::isfinite(spec.action_low(i)) && std::isfinite(spec.action_high(i)) &&
                spec.action_low(i) < spec.action_high(i),
            spec.name, ": spec() bounds action entry ", i, " by [", spec.action_low(i), ", ",
            spec.action_high(i), "], expected finite numbers, the first below the second");
  for (Index i = 0; i < spec.action_low.size() && spec.choices != 0; ++i)
    require(spec.choices >= 2 && spec.action_low(i) == 0 && spec.action_high(i) == spec.choices - 1,
            spec.name, ": spec().choices is ", spec.choices, " and action entry ", i, " is bounded by [",
            spec.action_low(i), ", ", spec.action_high(i), "], expected 2 or more choices, bounded by 0 and ",
            spec.choices - 1);
  require(std::isfinite(spec.dt) && spec.dt >= 0, spec.name, ": spec().dt is ", spec.dt,
          " s, expected the seconds of a control step, or 0 where time does not matter");
}

/// The same, and that it says how long an episode is, and its encoding makes sense and fits its dimensions.
inline void check_spec(const EnvSpec& spec) {
  check_bounds(spec);
  require(spec.max_steps >= 1, spec.name, ": spec().max_steps is ", spec.max_steps,
          ", expected 1 or more: the control steps of an episode");
  require_dim(spec.name, "spec().encoding", spec.encoding.obs_dim(), spec.obs_dim);
  spec.encoding.validate();
}

/// Throws unless the action has the environment's dimension and every entry is finite. Entries outside the
/// bounds pass: what they mean is the environment's specification.
inline void check_action(const EnvSpec& spec, ConstVecRef<double> action) {
  if (action.size() != spec.action_low.size()) [[unlikely]]
    fail(spec.name, ": action has dimension ", action.size(), ", expected ", spec.action_low.size());
  for (Index i = 0; i < action.size(); ++i)
    if (!std::isfinite(action(i))) [[unlikely]]
      fail(spec.name, ": action entry ", i, " is ", action(i), ", expected a finite number");
}

}  // namespace mbrl
