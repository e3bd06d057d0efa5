#include "mbrl/algorithms/model_free/on_policy_settings.hpp"

#include "mbrl/core/error.hpp"
#include "mbrl/learning/replay_agent.hpp"

namespace mbrl {

void OnPolicySettings::validate(const char* who, const EnvSpec& spec) const {
  require(steps >= 1, who, ": steps is ", steps, ", expected at least 1");
  require(environments >= 1, who, ": environments is ", environments, ", expected at least 1");
  require(horizon >= 1, who, ": horizon is ", horizon, ", expected at least 1");
  require(spec.choices == 0 || spec.action_dim() == 1, who, ": ", spec.name, " has ", spec.action_dim(),
          " choices at once, expected one");
  require_time_limit(who, spec);
}

}  // namespace mbrl
