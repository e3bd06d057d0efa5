// MuJoCo tasks for planners that use derivatives: the engine's dynamics with the task's own reward as cost.
#pragma once

#include <optional>
#include <string>

#include "mbrl/core/thread_pool.hpp"
#include "plan_tasks.hpp"

namespace mbrl::cli {

// Nothing if the environment is no MuJoCo task, or the program was built without MuJoCo.
std::optional<PlanController> mujoco_controller(const std::string& environment, const PlanConfiguration& c,
                                                std::uint64_t seed, ThreadPool& pool);

}  // namespace mbrl::cli
