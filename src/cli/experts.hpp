// Whom imitators can ask in the program: any planner of mbrl plan, and any run's folder.
#pragma once

#include "mbrl/algorithms/imitation/expert.hpp"

namespace mbrl::cli {

ExpertSource expert_source(const OwnPlanners& planners);

}  // namespace mbrl::cli
