// Settings of a soft actor-critic that learns in seconds, over whatever actions.
#pragma once

#include <utility>
#include <vector>

#include "mbrl/learning/sac.hpp"

namespace mbrl::testing {

inline SacSettings small_sac(std::vector<int> hidden) {
  SacSettings s;
  s.policy.hidden = s.critic.hidden = std::move(hidden);
  s.adam.learning_rate = 3e-3;
  return s;
}

}  // namespace mbrl::testing
