// A system of optimal control as an environment: dynamics and cost that every planner can be given, acted on
// like any other task.
#pragma once

#include <string>
#include <utility>

#include "mbrl/env/analytic_environment.hpp"
#include "mbrl/models/dynamics_model.hpp"
#include "mbrl/task/action_bounds.hpp"
#include "mbrl/task/trajectory_cost.hpp"

namespace mbrl {

/// An AnalyticTask that is observed in full. A step earns -cost.stage of the state before it; the final cost
/// is the planners' alone. Start: entry i is start(i) + U(-spread(i), spread(i)). Never terminates. Actions
/// beyond the bounds are moved to them.
template <DynamicsModel Model, TrajectoryCost Cost>
struct ControlTask {
  std::string name, source;
  Model model;
  Cost cost;
  ActionBounds bounds;
  Vecd start, spread;
  double dt = 0;  // s a step
  int max_steps = 0;

  EnvSpec spec() const {
    EnvSpec spec;
    spec.name = name;
    spec.source = source;
    spec.obs_dim = state_dim();
    bounds.validate(name, static_cast<int>(model.action_dim()));
    spec.action_low = Eigen::Map<const Vecd>(bounds.low.data(), bounds.dim());
    spec.action_high = Eigen::Map<const Vecd>(bounds.high.data(), bounds.dim());
    spec.max_steps = max_steps;
    spec.dt = dt;
    spec.encoding = ObsEncoding::identity(state_dim());
    return spec;
  }
  int state_dim() const { return static_cast<int>(model.obs_dim()); }
  void draw_start(const RandomStream& random, Vecd& state) const {
    for (Index i = 0; i < state.size(); ++i)
      state(i) = start(i) + spread(i) * random.uniform(-1.0, 1.0, static_cast<std::uint32_t>(i));
  }
  StepOutcome step(Vecd& state, ConstVecRef<double> action) const {
    const Eigen::Map<const Vecd> low(bounds.low.data(), bounds.dim()), high(bounds.high.data(), bounds.dim());
    const Vecd u = action.cwiseMax(low).cwiseMin(high);
    const StepOutcome outcome{.reward = -cost.stage(state, u, 0)};
    Vecd next(state.size());
    typename Model::Workspace workspace;
    model.step(state, u, next, workspace);
    state = next;
    return outcome;
  }
};

}  // namespace mbrl
