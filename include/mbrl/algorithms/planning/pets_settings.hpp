// The settings of the PETS loop, and what they ask of an environment.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "mbrl/core/error.hpp"
#include "mbrl/env/environment.hpp"

namespace mbrl {

struct PetsSettings {
  int trials = 20;                // episodes under the planner
  int random_trials = 1;          // episodes of uniformly random actions before the first model
  std::int64_t steps = 0;         // a budget in environment steps instead of trials; 0: trials
  std::int64_t random_steps = 0;  // at least as many random steps, in further random episodes
  int trial_steps = 0;            // control steps that end an episode; 0: the environment's own limit
  int train_every = 0;            // control steps between trainings within an episode; 0: none

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("trials", s.trials, "episodes under the planner");
    field("random_trials", s.random_trials, "episodes of random actions before the first model");
    field("steps", s.steps,
          "environment steps, the random ones among them, in place of trials; an episode under way is "
          "finished; "
          "0: trials decide");
    field("random_steps", s.random_steps,
          "random episodes go on until there are as many environment steps; 0: random_trials decide");
    field("trial_steps", s.trial_steps,
          "control steps that end an episode; 0: the environment's own limit decides");
    field("train_every", s.train_every,
          "control steps after which the model is trained again within an episode; 0: before episodes only");
  }
};

/// Transitions that a run may collect. Throws mbrl::Error where the settings make no sense, for an environment
/// of that time limit (control steps; 0: none) or for any.
inline std::size_t most_transitions(const PetsSettings& s, const EnvSpec& spec) {
  require(s.trials >= 1, "pets: trials is ", s.trials, ", expected at least 1");
  require(s.random_trials >= 1, "pets: random_trials is ", s.random_trials, ", expected at least 1");
  require(s.steps >= 0, "pets: steps is ", s.steps, ", expected at least 1, or 0 for a budget of trials");
  require(s.random_steps >= 0, "pets: random_steps is ", s.random_steps, ", expected at least 0");
  require(s.trial_steps >= 0, "pets: trial_steps is ", s.trial_steps, ", expected at least 0");
  require(s.train_every >= 0, "pets: train_every is ", s.train_every, ", expected at least 0");
  require(s.steps == 0 || s.steps > s.random_steps, "pets: steps is ", s.steps,
          ", expected more than random_steps, ", s.random_steps);
  const bool endless = spec.max_steps == 0 && s.trial_steps == 0;
  require(!endless || (s.steps > 0 && s.random_steps > 0), "pets: ", spec.name,
          " has no time limit; set pets.trial_steps, or both pets.steps and pets.random_steps");
  const double episode = std::max(s.trial_steps == 0 ? spec.max_steps : s.trial_steps, 0);
  const double random =
      std::max(episode * s.random_trials, static_cast<double>(s.random_steps) + episode + s.random_trials);
  const double rows = random + (s.steps > 0 ? static_cast<double>(s.steps) + episode : episode * s.trials);
  require(rows <= std::numeric_limits<std::uint32_t>::max(),
          "pets: ", s.steps > 0 ? "steps is " : "trials is ", s.steps > 0 ? s.steps : s.trials,
          ", which makes up to ", rows, " transitions; expected at most ",
          std::numeric_limits<std::uint32_t>::max());
  return static_cast<std::size_t>(rows);
}

}  // namespace mbrl
