// Who shows an imitator what to do: a planner on an environment's true dynamics, or what a run has learned.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "mbrl/algorithms/registry.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/env/environment.hpp"
#include "mbrl/planning/registry/known_dynamics.hpp"
#include "mbrl/planning/registry/own_planners.hpp"
#include "mbrl/task/switchable_cost.hpp"

namespace mbrl {

/// What an expert would do in a state.
struct Advice {
  Vecd action;     // action_dim
  Vecd deviation;  // standard deviation of its Gaussian around it (cem, icem); empty: it has none
  Vecd values{};   // what each choice is worth to it (mcts, of one entry); empty: it does not say
};

/// The expert of one episode. Called at every control step, whoever acts: with the environment as it stands, its
/// observation, and the step's number.
using Adviser = std::function<Advice(const AnyEnvironment& env, ConstVecRef<double> obs, int t)>;

/// Begins an episode; all that the adviser says is a function of the seed and of what it is shown.
using Expert = std::function<Adviser(std::uint64_t seed)>;

/// What acts in one episode of an imitator that learns, in place of expert or policy: between the two (PLATO). It is told what the
/// policy would do.
using Compromise = std::function<Vecd(const AnyEnvironment& env, ConstVecRef<double> policy_action, int t)>;
/// Begins an episode, as Expert does.
using Teacher = std::function<Compromise(std::uint64_t seed)>;

struct ExpertSettings {
  std::string run{};                  // folder of a run on the same environment; empty: the planner
  KnownPlannerSettings planner = {};  // plans on the true dynamics, again at every step
  int fresh_plans = 0;                // of planners that sample; 0: a plan starts from the last one

  /// The planner's settings are not nested: expert.name, expert.horizon, expert.cem.population.
  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("run", s.run, "folder of a run on this environment that shows what to do; empty: the planner does");
    field("fresh_plans", s.fresh_plans,
          "planners that sample make so many plans at every state, the first from nothing, so that what they "
          "say depends on the state alone; 0: one, from the last state's, whoever acted since");
    KnownPlannerSettings::describe(s.planner, field);
  }
};

/// Whether its advice may come with a deviation: CEM's and iCEM's does, other planners' does not, a run's shows when asked.
bool may_have_gaussian(const ExpertSettings& settings);

/// Where experts come from that this part of the library cannot make by itself.
struct ExpertSource {
  /// Planners that descend, on the equations of the environment of that name. May be empty.
  std::function<Expert(const std::string& environment, const KnownPlannerSettings&, ThreadPool&)> planner{};
  /// What a run's folder has learned. May be empty.
  std::function<Expert(const std::string& folder, const std::string& environment)> run{};
  OwnPlanners planners{};  // beside the library's
  /// What a step of the environment costs, with derivatives; nothing where that is not known. May be empty.
  std::function<std::optional<SwitchableCost>(const std::string& environment)> cost{};
};

/// Planners that sample look ahead in copies of the environment itself. Throws mbrl::Error for a planner that does not
/// exist, or that nothing here can make. The context's pool must outlive it.
Expert make_expert(const ExpertSettings& settings, const AlgorithmContext& context,
                   const ExpertSource& source);

}  // namespace mbrl
