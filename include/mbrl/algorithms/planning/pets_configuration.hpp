// Every setting of PETS in one struct, and the settings known to work for each environment.
#pragma once

#include <string>
#include <utility>

#include "mbrl/algorithms/planning/ensemble_gradient.hpp"
#include "mbrl/algorithms/planning/ensemble_planning.hpp"
#include "mbrl/algorithms/planning/model_kinds.hpp"
#include "mbrl/algorithms/planning/pets_settings.hpp"
#include "mbrl/models/neural/ensemble_training.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/planner_settings.hpp"
#include "mbrl/planning/registry/own_planners.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"

namespace mbrl {

/// What is learned. The paper's ensemble has its settings beside the name, other models have theirs below their own.
struct PetsModelSettings : MlpEnsembleSettings {
  static constexpr const char* kEnsemble = "ensemble";
  std::string name = kEnsemble;  // or one of model_kind_names()
  ModelKindSettings kinds{};

  bool is_ensemble() const { return name == kEnsemble; }

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("name", s.name,
          "ensemble (of networks), linear, forest, gp (Gaussian processes), bayesian or mixture");
    MlpEnsembleSettings::describe(s, field);
    ModelKindSettings::describe(s.kinds, field);
  }
};

/// Planners that descend, below `planner.` like those that sample.
struct DescendingPlanners {
  EnsembleGradientSettings gradient;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("gradient", s.gradient,
          "name=gradient: Adam on the actions, through the networks' mean prediction");
  }
};

struct PetsConfiguration {
  std::string trainer = "native";    // native, torch-cpu or torch-cuda
  std::string evaluator = "native";  // of plans in the model: native, torch-cpu or torch-cuda
  PetsSettings pets;
  PetsModelSettings model;
  EnsembleTrainingSettings training;
  EnsembleRolloutSettings rollout;
  PlannerSettings planner;
  DescendingPlanners descending;
  OwnPlanners own_planners;
  MpcSettings mpc;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("trainer", s.trainer, "native, torch-cpu or torch-cuda");
    field("evaluator", s.evaluator, "of plans in the model: native, torch-cpu or torch-cuda");
    field("pets", s.pets, "the loop");
    field("model", s.model, "what is learned");
    field("training", s.training, "how the ensemble learns");
    field("rollout", s.rollout, "how plans are evaluated in the model");
    field("planner", s.planner, "which planner, and the settings of each");
    field("planner", s.descending, "planners that descend in the model");
    field("planner", s.own_planners, "planners of the user's own");
    field("mpc", s.mpc, "how plans are executed");
  }
};

/// As published by Chua et al. for the four PETS tasks (handful-of-trials, dmbrl/config): full CEM, 20
/// particles, 5 epochs a trial. Slow. Any other environment gets HalfCheetah's.
inline PetsConfiguration published_pets(const std::string& environment) {
  PetsConfiguration c;
  c.planner.name = "cem";
  c.rollout.common_noise = false;
  c.rollout.data_margin = 0.0f;            // the paper believes the model everywhere
  c.training.standardise_targets = false;  // and fits targets in their own units
  if (environment == "pets/CartPole") {
    c.pets.trials = 50;
    c.model.hidden = {500, 500, 500};
    c.training.weight_decay = {1e-4f, 2.5e-4f, 2.5e-4f, 5e-4f};
    c.rollout.horizon = 25;
    c.planner.cem.population = 400;
    c.planner.cem.elites = 40;
  } else if (environment == "pets/Reacher3D") {
    c.pets.trials = 100;
    c.training.learning_rate = 7.5e-4f;
    c.training.weight_decay = {2.5e-4f, 5e-4f, 5e-4f, 5e-4f, 7.5e-4f};
    c.rollout.horizon = 25;
    c.planner.cem.population = 400;
    c.planner.cem.elites = 40;
  } else if (environment.starts_with("pets/Pusher")) {
    c.pets.trials = 100;
    c.model.hidden = {200, 200, 200};
    c.training.weight_decay = {2.5e-4f, 5e-4f, 5e-4f, 7.5e-4f};
    c.rollout.horizon = 25;
  } else {
    c.pets.trials = 300;
  }
  // The authors' code stops at a variance of 1e-3 in action units squared.
  const double half_range = environment == "pets/CartPole"           ? 3.0
                            : environment == "pets/Reacher3D"        ? 20.0
                            : environment.starts_with("pets/Pusher") ? 2.0
                                                                     : 1.0;
  c.planner.cem.epsilon = 1e-3 / (half_range * half_range);
  return c;
}

/// With the planner that matches the published CEM for less.
inline PetsConfiguration matched_pets(PetsConfiguration c) {
  EnsemblePlanningSettings matched = matched_planning({c.rollout, c.planner, c.own_planners});
  c.rollout = matched.rollout;
  c.planner = std::move(matched.planner);
  return c;
}

/// What `mbrl train pets` starts from: the frugal planner on few particles, and more training a trial than the
/// paper's five epochs, which leave the model useless in the first trials.
inline PetsConfiguration default_pets(const std::string& environment) {
  PetsConfiguration c = published_pets(environment);
  c.planner.name = "icem";
  c.planner.icem.population = 64;
  c.planner.icem.iterations = 3;
  c.mpc.cold_start_plans = 10;  // a poor first plan can throw the cheetah on its back for the whole episode
  c.rollout.common_noise = true;
  c.rollout.particles = 5;
  c.model.kinds.of<ForestKind>().trees = 5;  // a particle each
  c.model.kinds.of<BayesianKind>().shape.members = 5;
  c.model.kinds.of<GpKind>().max_points = 150;  // a prediction costs their square
  c.rollout.data_margin = EnsembleRolloutSettings().data_margin;
  c.training.standardise_targets = true;
  c.training.nll_beta = 0.5f;  // contacts are rare, and large in units of what mostly happens
  c.training.epochs = 30;
  c.pets.trials = 20;
  if (environment == "pets/CartPole") {
    c.pets.trials = 15;
    c.model.hidden = {200, 200, 200};
    c.mpc.cold_start_plans = 1;  // starts hanging down, at rest: nothing to lose
  } else if (environment == "pets/Reacher3D") {
    c.pets.trials = 40;
    c.planner.icem.initial_std =
        0.2;  // torques cost 0.01 |a|^2 with |a| up to 20 each: the plan's noise is dear
  } else if (environment.starts_with("pets/Pusher")) {
    c.pets.trials = 40;
    c.pets.train_every = 30;  // touching the object is rare: what it taught serves in the same episode
    // A push is worth finding: 64 candidates x 3 leave the object where it is in most episodes.
    c = matched_pets(std::move(c));
  } else if (environment == "pets/HalfCheetah") {
    c.rollout.data_margin = 0.2f;  // speed pays: further from the data plans promise what never comes
  }
  return c;
}

/// For a first look, in seconds: the default with networks of 2 x 64 units. Good enough for tasks of a few
/// dimensions, e.g. pets/CartPole.
inline PetsConfiguration quick_pets(const std::string& environment) {
  PetsConfiguration c = default_pets(environment);
  c.model.hidden = {64, 64};
  c.pets.trials = 10;
  return c;
}

}  // namespace mbrl
