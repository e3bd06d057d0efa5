#include "mbrl/algorithms/imitation/expert.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/sampling/cem.hpp"
#include "mbrl/planning/sampling/icem.hpp"
#include "mbrl/planning/tree/mcts.hpp"
#include "mbrl/rollout/simulator_rollout.hpp"

namespace mbrl {
namespace {

using Rollout = SimulatorRollout<AnyEnvironment>;

// A planner in its loop, with the rollouts it plans through. `make(rollout)` gives the planner.
template <class Make>
Adviser planning(const std::function<AnyEnvironment()>& make_environment, int horizon, int fresh_plans,
                 ThreadPool& pool, const Make& make) {
  auto rollout =
      std::make_shared<Rollout>(make_environment, SimulatorRolloutSettings{.horizon = horizon}, pool);
  using P = decltype(make(*rollout));
  const bool fresh = fresh_plans > 0;
  auto mpc =
      std::make_shared<Mpc<P>>(make(*rollout), MpcSettings{.cold_start_plans = std::max(fresh_plans, 1)});
  return [rollout, mpc, fresh](const AnyEnvironment& env, ConstVecRef<double>, int) {
    if (fresh) mpc->forget();
    Advice advice;
    advice.action = mpc->act(env.state());
    if constexpr (requires { mpc->planner().deviation(); })
      advice.deviation = mpc->planner().deviation().head(advice.action.size());
    if constexpr (requires { mpc->planner().root(); }) {
      const auto& tried = mpc->planner().root();
      double worst = std::numeric_limits<double>::infinity();
      for (const auto& choice : tried)
        if (choice.visits > 0) worst = std::min(worst, choice.value);
      // What was not tried counts as the worst that was.
      if (std::isfinite(worst)) advice.values.setConstant(env.spec().choices, worst);
      for (const auto& choice : tried)
        if (choice.visits > 0)
          advice.values(static_cast<Index>(mpc->planner().action(choice)(0))) = choice.value;
    }
    return advice;
  };
}

}  // namespace

bool may_have_gaussian(const ExpertSettings& settings) {
  const std::string& name = settings.planner.sampling.name;
  return !settings.run.empty() || name == "cem" || name == "icem";
}

Expert make_expert(const ExpertSettings& settings, const AlgorithmContext& context,
                   const ExpertSource& source) {
  const EnvSpec spec = context.make_environment().spec();
  if (!settings.run.empty()) {
    require(static_cast<bool>(source.run), "expert: run is '", settings.run,
            "', but this program reads no run folders; name a planner");
    return source.run(settings.run, spec.name);
  }
  require(settings.fresh_plans >= 0, "expert: fresh_plans is ", settings.fresh_plans, ", expected 0 or more");
  const KnownPlannerSettings& s = settings.planner;
  const std::string& name = s.sampling.name;
  const auto& library = planner_names();
  const bool samples =
      source.planners.contains(name) || std::find(library.begin(), library.end(), name) != library.end();
  if (!samples && source.planner) return source.planner(spec.name, s, context.pool);

  Expert expert = [s, fresh = settings.fresh_plans, spec, planners = source.planners,
                   make = context.make_environment, &pool = context.pool](std::uint64_t seed) {
    const ActionBounds bounds = action_bounds(spec);
    const auto with = [&](const auto& planner) { return planning(make, s.horizon, fresh, pool, planner); };
    // Those that can be asked for more than an action, by their own types.
    if (s.sampling.name == "cem" && bounds.choices == 0)
      return with([&](Rollout& rollout) { return Cem<Rollout>(rollout, bounds, s.sampling.cem, seed); });
    if (s.sampling.name == "icem" && bounds.choices == 0)
      return with([&](Rollout& rollout) { return ICem<Rollout>(rollout, bounds, s.sampling.icem, seed); });
    if (s.sampling.name == "mcts" && bounds.choices > 0 && bounds.dim() == 1)
      return with([&](Rollout& rollout) { return Mcts<Rollout>(rollout, bounds, s.sampling.mcts, seed); });
    return with([&](Rollout& rollout) { return planners.make(rollout, bounds, s.sampling, seed); });
  };
  expert(0);  // settings that make no sense are refused here
  return expert;
}

}  // namespace mbrl
