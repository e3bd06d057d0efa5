#include "plan_mujoco.hpp"

#include "mbrl/task/switchable_cost.hpp"
#if MBRL_HAS_MUJOCO
#include "mbrl/mujoco/engine/dynamics.hpp"
#include "mbrl/mujoco/tasks.hpp"
#include "mbrl/mujoco/tasks/task_cost.hpp"
#endif

namespace mbrl::cli {

#if MBRL_HAS_MUJOCO
std::optional<PlanController> mujoco_controller(const std::string& environment, const PlanConfiguration& c,
                                                std::uint64_t seed, ThreadPool& pool) {
  std::optional<PlanController> controller;
  mujoco::for_each_task([&](const auto& task) {
    const EnvSpec spec = task.spec();
    if (controller || spec.name != environment) return;
    require(task.model()->nmocap == 0, spec.name, ": '", c.planner.sampling.name,
            "' needs derivatives, which models with mocap bodies do not have; take a planner that samples");
    // One type of cost, so that the planners are compiled once for all tasks.
    controller =
        known_controller(mujoco::Dynamics(task, {}, &pool), SwitchableCost(mujoco::TaskCost(task, {}, &pool)),
                         ActionBounds(spec.action_low, spec.action_high), c, seed, pool);
  });
  return controller;
}
#else
std::optional<PlanController> mujoco_controller(const std::string&, const PlanConfiguration&, std::uint64_t,
                                                ThreadPool&) {
  return {};
}
#endif

}  // namespace mbrl::cli
