// Systems of optimal control as environments: control/CartPole, control/Acrobot and others, each with a
// smooth cost.
#pragma once

#include <vector>

#include "mbrl/env/registry.hpp"
#include "mbrl/models/identification/identification.hpp"
#include "plan_tasks.hpp"

namespace mbrl::cli {

struct ControlTaskEntry {
  EnvSpec spec;
  PlanTask task;
  AnyParametricModel parametric;  // its equations, for identification
};

std::vector<ControlTaskEntry> control_tasks();
void register_control_tasks(EnvRegistry& registry);

}  // namespace mbrl::cli
