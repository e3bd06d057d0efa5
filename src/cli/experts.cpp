#include "experts.hpp"

#include <memory>
#include <utility>

#include "mbrl/algorithms/load_run.hpp"
#include "mbrl/core/error.hpp"
#include "plan_tasks.hpp"
#include "registries.hpp"

namespace mbrl::cli {
namespace {

Expert planner(const std::string& environment, const KnownPlannerSettings& settings, ThreadPool& pool) {
  Expert expert = [task = plan_task(environment), settings, &pool](std::uint64_t seed) -> Adviser {
    auto controller = std::make_shared<PlanController>(task.controller({settings, {}}, seed, pool));
    return [controller](const AnyEnvironment& env, ConstVecRef<double> obs, int) {
      return Advice{controller->act(env, obs), {}};
    };
  };
  expert(0);  // settings that make no sense are refused here
  return expert;
}

Expert learned(const std::string& folder, const std::string& environment) {
  Expert expert = [folder, environment](std::uint64_t seed) -> Adviser {
    // Read anew for every episode: what it says then depends on nothing that went before.
    auto run =
        std::make_shared<RunController>(load_controller(folder, registries(), {.threads = 1, .device = ""}));
    const std::string& name = run->configuration.environment;
    require(name == environment, "expert: the run in ", folder, " acts in ", name, ", expected ",
            environment);
    run->actor.begin(seed);
    return [run](const AnyEnvironment&, ConstVecRef<double> obs, int t) {
      return Advice{run->actor.act(obs, t), {}};
    };
  };
  expert(0);
  return expert;
}

}  // namespace

ExpertSource expert_source(const OwnPlanners& planners) {
  return {planner, learned, planners,
          [](const std::string& environment) { return plan_task(environment).cost; }};
}

}  // namespace mbrl::cli
