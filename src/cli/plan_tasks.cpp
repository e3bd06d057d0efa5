#include "plan_tasks.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numbers>
#include <utility>

#include "control_tasks.hpp"
#include "mbrl/models/analytic/analytic_model.hpp"
#include "mbrl/models/analytic/systems.hpp"
#include "mbrl/planning/proposing_planner.hpp"
#include "mbrl/rollout/simulator_rollout.hpp"
#include "mbrl/task/env_spec.hpp"
#include "plan_mujoco.hpp"
#include "plan_terminal.hpp"
#include "registries.hpp"

namespace mbrl::cli {
namespace {

Vecd vector_of(const std::vector<double>& values) {
  return Eigen::Map<const Vecd>(values.data(), static_cast<Index>(values.size()));
}
Vecd whole_state(const AnyEnvironment& env) { return vector_of(env.state()); }

// Rollouts in the environment itself, from states in the type that all planners here share.
class EnvironmentRollout {
 public:
  using Scalar = double;
  using State = Vecd;
  EnvironmentRollout(const std::function<AnyEnvironment()>& make, int horizon,
                     const LearnedTerminal* terminal, ThreadPool& pool)
      : rollout_(make, {.horizon = horizon, .discount = terminal ? terminal->discount() : 1.0}, pool) {
    if (terminal) rollout_.set_terminal_value(terminal->value());
  }
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

// Sampling planners in the environment itself.
PlanController simulated(const std::function<AnyEnvironment()>& make, const EnvSpec& spec,
                         const PlanConfiguration& c, std::uint64_t seed, ThreadPool& pool,
                         const std::shared_ptr<const LearnedTerminal>& terminal = {}) {
  OwningPlanner planner(Rollout(EnvironmentRollout(make, c.planner.horizon, terminal.get(), pool)),
                        action_bounds(spec), c.planner.sampling, seed);
  if (terminal) {
    auto observation = std::make_shared<Vecd>(Vecd::Zero(spec.obs_dim));
    const auto simulator = std::make_shared<AnyEnvironment>(make());
    simulator->reset(seed);
    Rollout& rollout = planner.evaluator();
    ProposingPlanner proposing(
        std::move(planner), rollout,
        [terminal, observation, simulator, seed](const Vecd& state, int t, BatchRef<double> sequences) {
          terminal->propose(*simulator, state, *observation, seed, t, sequences);
        },
        kProposals);
    return {Mpc(Planner(std::move(proposing)), action_bounds(spec), c.mpc, seed), whole_state,
            [](Planner&) { return std::vector<double>(); }, observation};
  }
  return {Mpc(Planner(std::move(planner)), action_bounds(spec), c.mpc, seed), whole_state,
          [](Planner&) { return std::vector<double>(); }};
}

// mbbl/Pendulum's: an action of 1 is a torque of 2 N m.
struct MbblPendulumSystem : PendulumSystem {
  template <class T>
  void derivative(const std::array<T, 2>& x, const std::array<T, 1>& u, std::array<T, 2>& dx) const {
    PendulumSystem::derivative(x, std::array<T, 1>{u[0] * 2.0}, dx);
  }
};

// Minus MbblPendulumReward, with a rounded edge where the pendulum hangs.
struct MbblPendulumCost {
  template <class T>
  T stage(const std::array<T, 2>& x, const std::array<T, 1>& u, int t) const {
    return final_cost(x, t) + u[0] * u[0] * 0.004;
  }
  template <class T>
  T final_cost(const std::array<T, 2>& x, int) const {
    using std::cos, std::sin, std::sqrt;
    const T s = sin(x[0]);
    return cos(x[0]) + sqrt(s * s + 1e-6) * 0.1 + x[1] * x[1] * 0.1;
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

// Gymnasium's pendulum without its limit on the rate, 8 rad/s, which a swing-up does not reach.
template <class Cost, class System>
PlanController pendulum(const System& system, const EnvSpec& spec, const PlanConfiguration& c,
                        std::uint64_t seed, ThreadPool& pool) {
  return known_controller(AnalyticModel(system, {.dt = spec.dt, .method = Integrator::kSemiImplicit}),
                          AutoDiffCost<Cost, 2, 1>(), ActionBounds(spec.action_low, spec.action_high), c,
                          seed, pool);
}

}  // namespace

Vecd physics_state(const AnyEnvironment& env) { return vector_of(env.physics_state()); }

PlanTask plan_task(const std::string& environment, const std::shared_ptr<const LearnedTerminal>& terminal) {
  const EnvRegistry& registry = registries().environments;
  const EnvSpec spec = registry.spec(environment);
  if (terminal) {
    PlanTask task;
    task.make = [&registry, environment] { return registry.make(environment); };
    task.controller = [make = task.make, spec, terminal](const PlanConfiguration& c, std::uint64_t seed,
                                                         ThreadPool& pool) {
      require(samples(c.planner.sampling.name), "--terminal: planner '", c.planner.sampling.name,
              "' descends; expected one that samples: rs, cem, icem, mppi, pddm, cmaes or mcts");
      return simulated(make, spec, c, seed, pool, terminal);
    };
    return task;
  }
  for (ControlTaskEntry& e : control_tasks())
    if (e.spec.name == environment) return std::move(e.task);
  PlanTask task;
  task.make = [&registry, environment] { return registry.make(environment); };
  task.controller = [make = task.make, spec](const PlanConfiguration& c, std::uint64_t seed,
                                             ThreadPool& pool) {
    if (!samples(c.planner.sampling.name)) {
      if (spec.name == "Pendulum-v1") return pendulum<PendulumCost>(PendulumSystem{}, spec, c, seed, pool);
      if (spec.name == "mbbl/Pendulum")
        return pendulum<MbblPendulumCost>(MbblPendulumSystem{}, spec, c, seed, pool);
      if (auto controller = mujoco_controller(spec.name, c, seed, pool)) return std::move(*controller);
    }
    return simulated(make, spec, c, seed, pool);
  };
  return task;
}

}  // namespace mbrl::cli
