#include "mbrl/learning/replay_agent.hpp"

#include "mbrl/core/error.hpp"

namespace mbrl {

void ReplaySettings::validate(const char* who, const EnvSpec& spec) const {
  require(steps >= 1, who, ": steps is ", steps, ", expected at least 1");
  require(random_steps >= 1, who, ": random_steps is ", random_steps, ", expected at least 1");
  require(environments >= 1, who, ": environments is ", environments, ", expected at least 1");
  require(environments <= steps, who, ": environments is ", environments, ", expected at most steps, ",
          steps);
  require(environments <= capacity, who, ": environments is ", environments,
          ", expected at most the capacity, ", capacity);
  require(updates_per_step >= 0, who, ": updates_per_step is ", updates_per_step, ", expected at least 0");
  require(batch_size >= 1, who, ": batch_size is ", batch_size, ", expected at least 1");
  require(capacity >= 1, who, ": capacity is ", capacity, ", expected at least 1");
  require(batch_size <= capacity, who, ": batch_size is ", batch_size, ", expected at most the capacity, ",
          capacity);
  require(n_step >= 1, who, ": n_step is ", n_step, ", expected at least 1");
  priority.validate(who);
  require_time_limit(who, spec);
}

void require_one_environment(const char* who, const ReplaySettings& settings) {
  require(settings.environments == 1, who, ": environments is ", settings.environments,
          ", expected 1: its model is trained after so many steps of one environment");
}

void require_real_actions(const char* who, const EnvSpec& spec) {
  require(spec.choices == 0, who, ": ", spec.name, " has ", spec.choices, " choices, expected real actions");
}

void require_time_limit(const char* who, const EnvSpec& spec) {
  require(spec.max_steps > 0, who, ": ", spec.name, " has no time limit; wrap it in TimeLimit");
}

}  // namespace mbrl
