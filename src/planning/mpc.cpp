// What the MPC loop logs.
#include "mbrl/planning/mpc.hpp"

#include <spdlog/spdlog.h>

namespace mbrl {

void warn_unusable_plan(int step, std::string_view why) {
  spdlog::warn(
      "mpc: the plan at step {} is unusable: {}. The last action is held (mid-range at an episode's start) "
      "until a plan is usable again",
      step, why);
}

}  // namespace mbrl
