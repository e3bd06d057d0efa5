// PILCO: a policy from a few seconds of experience, by the gradient of its expected cost under Gaussian processes.
// Deisenroth and Rasmussen, "PILCO: a model-based and data-efficient approach to policy search", ICML 2011.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "mbrl/algorithms/registry.hpp"
#include "mbrl/core/enum_names.hpp"
#include "mbrl/math/lbfgs.hpp"
#include "mbrl/models/gp/gp_trainer.hpp"
#include "mbrl/task/env_spec.hpp"
#include "mbrl/task/obstacle_penalty.hpp"

namespace mbrl {

enum class PilcoPolicy : int { kRbf = 0, kLinear = 1 };

constexpr auto enum_names(PilcoPolicy) {
  return std::array{std::pair{PilcoPolicy::kRbf, "rbf"}, std::pair{PilcoPolicy::kLinear, "linear"}};
}

/// What predictions take into account; all but the first are ablations.
enum class PilcoUncertainty : int {
  kFull = 0,   // of the start and of the model
  kStart = 1,  // of the start: the model's mean is taken for the truth
  kNone = 2    // neither: one trajectory by the model's mean
};

constexpr auto enum_names(PilcoUncertainty) {
  return std::array{std::pair{PilcoUncertainty::kFull, "full"}, std::pair{PilcoUncertainty::kStart, "start"},
                    std::pair{PilcoUncertainty::kNone, "none"}};
}

/// Balls to keep out of: of places map features, a penalty weight exp(-1/2 |place - centre|^2 / width^2) for each.
struct PilcoObstacles {
  std::vector<double> centres;  // place by place, as many entries as `map` has rows; empty: no obstacle
  std::vector<double> radius;   // one for all, or one an obstacle
  std::vector<double> width;    // of the penalty, likewise; empty: the radius
  double weight = 5.0;
  std::vector<double> map;  // row by row; empty: the cost's

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("centres", s.centres, "places of the obstacles, one after the other; empty: there is none");
    field("radius", s.radius, "of an obstacle: one for all, or one each");
    field("width", s.width, "of the penalty: one for all, or one each; empty: the radius");
    field("weight", s.weight,
          "cost in the middle of an obstacle; 0: collisions are predicted, and cost nothing");
    field("map", s.map, "what makes places of features, one to three rows, row by row; empty: cost.map");
  }
};

/// c = 1 - exp(-1/2 |map (features - target)|^2 / width^2), features as the environment's encoding makes them, and what
/// obstacles add.
struct PilcoCost {
  double width = 0.25;
  std::vector<double> target;  // one entry a feature; empty: not given
  std::vector<double> map;     // row by row, as many columns as features; empty: the identity
  PilcoObstacles obstacles;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("width", s.width, "distance at which the cost is 0.39 of its most");
    field("target", s.target, "features of the goal; empty where the task's goal is not known");
    field("map", s.map, "what makes distances of features, row by row; empty: each feature counts as it is");
    field("obstacles", s.obstacles, "forbidden places");
  }

  /// Throws mbrl::Error for other numbers of entries than features and obstacles ask for.
  ObstructedCost make(int features) const;
};

struct PilcoSettings {
  std::int64_t steps = 0;  // environment steps in place of trials; 0: trials decide
  int trials = 9;          // episodes under the policy, each after learning
  int random_trials = 1;   // episodes of random actions before
  int trial_steps = 0;     // control steps that end an episode; 0: the environment's own limit
  int horizon = 0;         // control steps that a policy is optimised over; 0: those of a trial
  PilcoPolicy policy = PilcoPolicy::kRbf;
  int centres = 50;  // of a policy of radial basis functions
  int restarts = 1;  // policies drawn anew each round, beside the one so far
  PilcoUncertainty uncertainty = PilcoUncertainty::kFull;
  PilcoCost cost;
  // Far from the goal J is next to flat, and still worth descending.
  LbfgsSettings search{.iterations = 150, .gradient_tolerance = 1e-10, .trials = 12};
  GpSettings gp{.max_points = 500, .restarts = 0};

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("steps", s.steps,
          "environment steps in place of trials, an episode under way is finished; 0: trials decide");
    field("trials", s.trials, "episodes under the policy, each after learning");
    field("random_trials", s.random_trials, "episodes of random actions before");
    field("trial_steps", s.trial_steps,
          "control steps that end an episode; 0: the environment's own limit decides");
    field("horizon", s.horizon, "control steps that the policy is optimised over; 0: those of a trial");
    field("policy", s.policy, "rbf or linear, both squashed to the actions' range by a sine");
    field("centres", s.centres, "basis functions of an rbf policy");
    field("restarts", s.restarts, "policies drawn anew each round, beside the one so far");
    field("uncertainty", s.uncertainty,
          "what predictions count: full; start: the model's mean is taken for the truth; none: one "
          "trajectory by it");
    field("cost", s.cost, "the saturating cost, and obstacles");
    field("search", s.search, "the search for a policy, L-BFGS");
    field("gp", s.gp, "the Gaussian processes and their training");
  }

  /// Throws mbrl::Error for settings that make no sense on the environment.
  void validate(const EnvSpec& spec) const;
};

/// With the environment's cost where it is known: pilco/CartPole, pilco/Reacher, Pendulum-v1, CartPoleContinuous.
PilcoSettings default_pilco(const EnvSpec& spec);

/// Registers it as "pilco".
void register_pilco(AlgorithmRegistry& registry);

}  // namespace mbrl
