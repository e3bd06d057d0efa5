// Trajectories of guided policy search, as controllers and as the policy see them.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "mbrl/algorithms/imitation/gps_settings.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/env/environment.hpp"
#include "mbrl/models/local/state_trajectory.hpp"
#include "mbrl/run/metrics.hpp"

namespace mbrl {

// From one start state.
struct GpsVisited {
  std::vector<StateTrajectory> paths;
  std::vector<Batchf> obs;  // obs_dim x T each
  double total = 0;         // return
};

// What controllers see of the environment as it stands.
Vecd planned_on(const AnyEnvironment& env, PlanOn what, const Vecd& obs);

// Adds a trajectory and its return. `act` gives the action, which bounds cut off; `on_step` is called after every step,
// false ends it, and what was begun is not added. Throws where an episode ends before the horizon.
bool visit(AnyEnvironment& env, std::uint64_t start, int horizon, PlanOn plan_on,
           const std::function<Vecd(const Vecd& state, const Vecf& obs, int t)>& act,
           const std::function<bool(int done, double total, const StepResult&)>& on_step,
           GpsVisited& visited);

std::vector<MetricColumn> gps_columns();

}  // namespace mbrl
