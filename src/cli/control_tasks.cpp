#include "control_tasks.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <string>
#include <utility>

#include "mbrl/env/control/control_task.hpp"
#include "mbrl/models/analytic/analytic_model.hpp"
#include "mbrl/models/analytic/systems.hpp"
#include "mbrl/models/identification/analytic_family.hpp"

namespace mbrl::cli {
namespace {

Vecd column(std::initializer_list<double> entries) {
  Vecd v(static_cast<Index>(entries.size()));
  std::copy(entries.begin(), entries.end(), v.begin());
  return v;
}
Batchd diagonal(std::initializer_list<double> entries) { return column(entries).asDiagonal(); }

// Costs are templates over the type of number: derivatives come from them.

// Squares where they count, 1 + cos for the pole: 0 upright, smooth all the way round. Angle 0 hangs. The
// rate costs enough that a pole which is kept spinning is no way out.
struct CartPoleCost {
  template <class T>
  T stage(const std::array<T, 4>& x, const std::array<T, 1>& u, int) const {
    using std::cos;
    return (cos(x[1]) + 1.0) * 0.5 + x[0] * x[0] * 0.1 + x[2] * x[2] * 0.005 + x[3] * x[3] * 0.01 +
           u[0] * u[0] * 1e-4;
  }
  template <class T>
  T final_cost(const std::array<T, 4>& x, int) const {
    using std::cos;
    return (cos(x[1]) + 1.0) * 10.0 + x[0] * x[0] * 1.0 + x[2] * x[2] * 0.2 + x[3] * x[3] * 0.2;
  }
};

// The tip's missing height in link lengths, of 4.
struct AcrobotCost {
  template <class T>
  T stage(const std::array<T, 4>& x, const std::array<T, 1>& u, int) const {
    using std::cos;
    return (cos(x[0]) + cos(x[0] + x[1]) + 2.0) * 0.25 + (x[2] * x[2] + x[3] * x[3]) * 0.005 +
           u[0] * u[0] * 1e-4;
  }
  template <class T>
  T final_cost(const std::array<T, 4>& x, int) const {
    using std::cos;
    return (cos(x[0]) + cos(x[0] + x[1]) + 2.0) * 10.0 + x[2] * x[2] + x[3] * x[3];
  }
};

template <class System, class F>
using Task = ControlTask<AnalyticModel<System>, AutoDiffCost<F, System::kObsDim, System::kActionDim>>;
template <class System>
using GoalTask = ControlTask<AnalyticModel<System>, QuadraticCost>;

template <class T>
ControlTaskEntry entry(T task, int horizon, const CemSettings& cem, std::vector<std::string> obs_names,
                       std::vector<std::string> action_names) {
  ControlTaskEntry e;
  e.spec = task.spec();
  e.spec.obs_names = std::move(obs_names);
  e.spec.action_names = std::move(action_names);
  e.task.make = [task] { return AnyEnvironment(AnalyticEnvironment<T>(task)); };
  e.task.controller = [task](const PlanConfiguration& c, std::uint64_t seed, ThreadPool& pool) {
    return known_controller(task.model, task.cost, task.bounds, c, seed, pool);
  };
  e.task.horizon = horizon;
  e.task.cem = cem;
  e.parametric = any_parametric_model(AnalyticFamily(task.model));
  e.task.cost = SwitchableCost(task.cost);
  return e;
}

}  // namespace

std::vector<ControlTaskEntry> control_tasks() {
  const char* kSystem = "mbrl models/analytic/systems.hpp";
  std::vector<ControlTaskEntry> all;
  all.push_back(entry(Task<CartPoleSystem, CartPoleCost>{.name = "control/CartPole",
                                                         .source = kSystem,
                                                         .model = AnalyticModel(CartPoleSystem{}, {0.05}),
                                                         .cost = AutoDiffCost<CartPoleCost, 4, 1>(),
                                                         .bounds = ActionBounds::uniform(1, -20, 20),
                                                         .start = Vecd::Zero(4),
                                                         .spread = Vecd::Constant(4, 0.05),
                                                         .dt = 0.05,
                                                         .max_steps = 200},
                      20, {}, {"position", "angle", "velocity", "angular velocity"}, {"force"}));
  all.push_back(entry(Task<AcrobotSystem, AcrobotCost>{.name = "control/Acrobot",
                                                       .source = kSystem,
                                                       .model = AnalyticModel(AcrobotSystem{}, {0.05}),
                                                       .cost = AutoDiffCost<AcrobotCost, 4, 1>(),
                                                       .bounds = ActionBounds::uniform(1, -5, 5),
                                                       .start = Vecd::Zero(4),
                                                       .spread = Vecd::Constant(4, 0.05),
                                                       .dt = 0.05,
                                                       .max_steps = 400},
                      60, {.iterations = 3, .spline = {.knots = 10}},
                      {"angle 1", "angle 2", "angular velocity 1", "angular velocity 2"}, {"torque"}));
  all.push_back(entry(
      GoalTask<PointMassSystem>{.name = "control/PointMass",
                                .source = kSystem,
                                .model = AnalyticModel(PointMassSystem{}, {0.1}),
                                .cost = QuadraticCost(diagonal({1, 1, 0.1, 0.1}), diagonal({0.01, 0.01}),
                                                      diagonal({10, 10, 1, 1}), column({1, 1, 0, 0})),
                                .bounds = ActionBounds::uniform(2, -1, 1),
                                .start = Vecd::Zero(4),
                                .spread = column({0.5, 0.5, 0.1, 0.1}),
                                .dt = 0.1,
                                .max_steps = 100},
      20, {}, {"x", "y", "x velocity", "y velocity"}, {"x force", "y force"}));
  const PlanarQuadrotorSystem planar;
  const double hover = 0.5 * planar.mass * planar.gravity;
  all.push_back(entry(
      GoalTask<PlanarQuadrotorSystem>{
          .name = "control/PlanarQuadrotor",
          .source = kSystem,
          .model = AnalyticModel(planar, {0.05}),
          .cost = QuadraticCost(diagonal({1, 1, 0.5, 0.1, 0.1, 0.05}), diagonal({0.01, 0.01}),
                                diagonal({20, 20, 5, 2, 2, 1}), column({1, 1, 0, 0, 0, 0}),
                                column({hover, hover})),
          .bounds = ActionBounds::uniform(2, 0, 2 * hover),
          .start = Vecd::Zero(6),
          .spread = column({0.5, 0.5, 0.2, 0.1, 0.1, 0.1}),
          .dt = 0.05,
          .max_steps = 100},
      30, {}, {"x", "z", "pitch", "x velocity", "z velocity", "pitch rate"},
      {"right thrust", "left thrust"}));
  return all;
}

void register_control_tasks(EnvRegistry& registry) {
  for (const ControlTaskEntry& e : control_tasks()) registry.add(e.spec, e.task.make);
}

}  // namespace mbrl::cli
