// What is fixed of a task, whoever simulates it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/types.hpp"
#include "mbrl/task/action_bounds.hpp"
#include "mbrl/task/observation_encoding.hpp"
#include "mbrl/task/task_functions.hpp"

namespace mbrl {

/// A task's fixed facts, and what a planner may know of it.
struct EnvSpec {
  std::string name;    // e.g. "pets/HalfCheetah"
  std::string source;  // where the specification comes from
  int obs_dim = 0;
  Vecd action_low, action_high;
  int max_steps = 0;                       // control steps until truncation
  double dt = 0.0;                         // seconds a control step
  ObsEncoding encoding;                    // model inputs and targets
  RewardFunction<float> reward;            // planner-side reward; empty: has to be learned
  TerminationFunction<float> termination;  // empty: never terminates
  int choices = 0;                         // n: an action is a choice of 0 ... n - 1; 0: it is real numbers
  std::vector<std::string> obs_names{};    // what each entry is, for people; empty where it is not said
  std::vector<std::string> action_names{};

  int action_dim() const { return static_cast<int>(action_low.size()); }
  /// What is executed of an action, and what data must hold: of choices the nearest.
  Vecd executed(ConstVecRef<double> action) const {
    if (choices == 0) return action;
    return (action.array() + 0.5).floor().max(0.0).min(choices - 1.0);
  }
  /// An action within the bounds (of choices: each as likely), as it is executed; uniform(low, high, i) draws
  /// entry i.
  template <class Uniform>
  Vecd random_action(const Uniform& uniform) const {
    const double beyond = choices > 0 ? 0.5 : 0.0;
    Vecd action(action_low.size());
    for (Index i = 0; i < action.size(); ++i)
      action(i) = uniform(action_low(i) - beyond, action_high(i) + beyond, static_cast<std::uint32_t>(i));
    return executed(action);
  }
};

/// What it says of its actions, for planners and policies.
inline ActionBounds action_bounds(const EnvSpec& spec) {
  ActionBounds bounds(spec.action_low, spec.action_high);
  bounds.choices = spec.choices;
  return bounds;
}

}  // namespace mbrl
