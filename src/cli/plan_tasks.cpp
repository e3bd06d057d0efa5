#include "plan_tasks.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numbers>
#include <utility>

#include "environments.hpp"
#include "mbrl/algorithms/control_task.hpp"
#include "mbrl/models/analytic_model.hpp"
#include "mbrl/models/systems.hpp"
#include "mbrl/rollout/simulator_rollout.hpp"

namespace mbrl::cli {
namespace {

Vecd column(std::initializer_list<double> entries) {
  Vecd v(static_cast<Index>(entries.size()));
  std::copy(entries.begin(), entries.end(), v.begin());
  return v;
}
Batchd diagonal(std::initializer_list<double> entries) { return column(entries).asDiagonal(); }

Vecd vector_of(const std::vector<double>& values) {
  return Eigen::Map<const Vecd>(values.data(), static_cast<Index>(values.size()));
}
Vecd whole_state(const AnyEnvironment& env) { return vector_of(env.state()); }
Vecd physics_state(const AnyEnvironment& env) { return vector_of(env.physics_state()); }

// Rollouts in the environment itself, from states in the type that all planners here share.
class EnvironmentRollout {
 public:
  using Scalar = double;
  using State = Vecd;
  EnvironmentRollout(const std::function<AnyEnvironment()>& make, int horizon, ThreadPool& pool)
      : rollout_(make, {.horizon = horizon}, pool) {}
  int horizon() const { return rollout_.horizon(); }
  int action_dim() const { return rollout_.action_dim(); }
  void evaluate(const Vecd& state, ConstBatchRef<double> actions, RolloutKey key, VecRef<double> returns) {
    state_.assign(state.begin(), state.end());
    rollout_.evaluate(state_, actions, key, returns);
  }

 private:
  SimulatorRollout<AnyEnvironment> rollout_;
  std::vector<double> state_;
};

using Rollout = AnyRollout<Vecd, double>;
using Planner = PlanController::Planner;

bool samples(const std::string& name) {
  const auto names = PlannerRegistry<Rollout>().names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Planners over dynamics and cost that are written down; their state is the environment's physical state.
template <class Model, class Cost>
PlanController known(const Model& model, const Cost& cost, const ActionBounds& bounds,
                     const PlanConfiguration& c, std::uint64_t seed, ThreadPool& pool) {
  const KnownPlannerRegistry<Model, Cost> registry;
  return {Mpc(registry.make(model, cost, bounds, c.planner, seed, pool), c.mpc), physics_state,
          KnownPlannerRegistry<Model, Cost>::cost_per_iteration};
}

// Sampling planners in the environment itself.
PlanController simulated(const std::function<AnyEnvironment()>& make, const EnvSpec& spec,
                         const PlanConfiguration& c, std::uint64_t seed, ThreadPool& pool) {
  OwningPlanner planner(Rollout(EnvironmentRollout(make, c.planner.horizon, pool)),
                        ActionBounds(spec.action_low, spec.action_high), c.planner.sampling, seed);
  return {Mpc(Planner(std::move(planner)), c.mpc), whole_state,
          [](Planner&) { return std::vector<double>(); }};
}

// --- costs, as templates over the type of number
// -------------------------------------------------------------

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

// Pendulum-v1's reward, of the angle wrapped to [-pi, pi].
struct PendulumCost {
  template <class T>
  T stage(const std::array<T, 2>& x, const std::array<T, 1>& u, int) const {
    const T angle = x[0] - turns(x[0]);
    return angle * angle + x[1] * x[1] * 0.1 + u[0] * u[0] * 0.001;
  }
  template <class T>
  T final_cost(const std::array<T, 2>& x, int) const {
    const T angle = x[0] - turns(x[0]);
    return angle * angle * 5.0 + x[1] * x[1] * 0.5;
  }

 private:
  static double turns(double angle) {
    constexpr double kTurn = 2 * std::numbers::pi;
    return kTurn * std::round(angle / kTurn);
  }
  template <class V, int N>
  static double turns(const Jet<V, N>& angle) {
    return turns(angle.v);
  }
};

template <class System, class F>
using Task = ControlTask<AnalyticModel<System>, AutoDiffCost<F, System::kObsDim, System::kActionDim>>;
template <class System>
using GoalTask = ControlTask<AnalyticModel<System>, QuadraticCost>;

struct ControlEntry {
  EnvSpec spec;
  PlanTask task;
};

template <class T>
ControlEntry entry(T task, int horizon) {
  ControlEntry e;
  e.spec = task.spec();
  e.task.make = [task] { return AnyEnvironment(AnalyticEnvironment<T>(task)); };
  e.task.controller = [task](const PlanConfiguration& c, std::uint64_t seed, ThreadPool& pool) {
    return known(task.model, task.cost, task.bounds, c, seed, pool);
  };
  e.task.horizon = horizon;
  return e;
}

std::vector<ControlEntry> control_tasks() {
  const char* kSystem = "mbrl models/systems.hpp";
  std::vector<ControlEntry> all;
  all.push_back(entry(Task<CartPoleSystem, CartPoleCost>{.name = "control/CartPole",
                                                         .source = kSystem,
                                                         .model = AnalyticModel(CartPoleSystem{}, {0.05}),
                                                         .cost = AutoDiffCost<CartPoleCost, 4, 1>(),
                                                         .bounds = ActionBounds::uniform(1, -20, 20),
                                                         .start = Vecd::Zero(4),
                                                         .spread = Vecd::Constant(4, 0.05),
                                                         .dt = 0.05,
                                                         .max_steps = 200},
                      25));
  all.push_back(entry(Task<AcrobotSystem, AcrobotCost>{.name = "control/Acrobot",
                                                       .source = kSystem,
                                                       .model = AnalyticModel(AcrobotSystem{}, {0.05}),
                                                       .cost = AutoDiffCost<AcrobotCost, 4, 1>(),
                                                       .bounds = ActionBounds::uniform(1, -5, 5),
                                                       .start = Vecd::Zero(4),
                                                       .spread = Vecd::Constant(4, 0.05),
                                                       .dt = 0.05,
                                                       .max_steps = 400},
                      60));
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
      20));
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
      30));
  return all;
}

// Gymnasium's pendulum without its limit on the rate, 8 rad/s, which a swing-up does not reach.
PlanController pendulum(const EnvSpec& spec, const PlanConfiguration& c, std::uint64_t seed,
                        ThreadPool& pool) {
  return known(AnalyticModel(PendulumSystem{}, {.dt = spec.dt, .method = Integrator::kSemiImplicit}),
               AutoDiffCost<PendulumCost, 2, 1>(), ActionBounds(spec.action_low, spec.action_high), c, seed,
               pool);
}

}  // namespace

void register_control_tasks(EnvRegistry& registry) {
  for (const ControlEntry& e : control_tasks()) registry.add(e.spec, e.task.make);
}

PlanTask plan_task(const std::string& environment) {
  const EnvRegistry registry = all_environments();
  const EnvSpec spec = registry.spec(environment);
  for (ControlEntry& e : control_tasks())
    if (e.spec.name == environment) return std::move(e.task);
  PlanTask task;
  task.make = [registry, environment] { return registry.make(environment); };
  task.controller = [make = task.make, spec](const PlanConfiguration& c, std::uint64_t seed,
                                             ThreadPool& pool) {
    if (!samples(c.planner.sampling.name) && spec.name == "Pendulum-v1") return pendulum(spec, c, seed, pool);
    return simulated(make, spec, c, seed, pool);
  };
  return task;
}

}  // namespace mbrl::cli
