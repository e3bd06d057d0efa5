#include "algorithms/imitation/gps_visits.hpp"

#include <utility>

#include "mbrl/core/error.hpp"

namespace mbrl {

Vecd planned_on(const AnyEnvironment& env, PlanOn what, const Vecd& obs) {
  if (what == PlanOn::kObservation) return obs;
  const std::vector<double> state = env.physics_state();
  return Eigen::Map<const Vecd>(state.data(), static_cast<Index>(state.size()));
}

bool visit(AnyEnvironment& env, std::uint64_t start, int horizon, PlanOn plan_on,
           const std::function<Vecd(const Vecd& state, const Vecf& obs, int t)>& act,
           const std::function<bool(int done, double total, const StepResult&)>& on_step,
           GpsVisited& visited) {
  const EnvSpec& spec = env.spec();
  Vecd obs = env.reset(start), state = planned_on(env, plan_on, obs);
  StateTrajectory path{Batchd(state.size(), horizon + 1), Batchd(spec.action_dim(), horizon)};
  Batchf seen(spec.obs_dim, horizon);
  path.states.col(0) = state;
  double total = 0;
  for (int t = 0; t < horizon; ++t) {
    seen.col(t) = obs.cast<float>();
    path.actions.col(t) = act(state, seen.col(t), t);
    // What was asked for is learned from: that bounds cut it off is a part of the dynamics.
    const StepResult step =
        env.step(path.actions.col(t).cwiseMax(spec.action_low).cwiseMin(spec.action_high));
    require(step.fault.empty() && (!(step.terminated || step.truncated) || t + 1 == horizon),
            "gps: an episode ended at step ", t + 1, " of ", horizon,
            step.fault.empty() ? std::string() : ", since " + step.fault,
            "; expected a task that goes on, or a smaller horizon");
    obs = step.obs;
    state = planned_on(env, plan_on, obs);
    path.states.col(t + 1) = state;
    total += step.reward;
    if (!on_step(t + 1, total, step)) return false;
  }
  visited.paths.push_back(std::move(path));
  visited.obs.push_back(std::move(seen));
  visited.total += total;
  return true;
}

std::vector<MetricColumn> gps_columns() {
  return {{.name = "controller_return", .title = "controllers' return", .decimals = 1},
          {.name = "cost", .decimals = 3},
          {.name = "gap", .title = "gap", .decimals = 4},
          {.name = "divergence", .title = "KL", .decimals = 3},
          {.name = "kl_step", .decimals = 3},
          {.name = "dual", .decimals = 4},
          {.name = "penalty", .decimals = 4},
          {.name = "train_loss", .title = "loss", .decimals = 4}};
}

}  // namespace mbrl
