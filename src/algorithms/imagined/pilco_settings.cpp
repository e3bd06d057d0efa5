#include <cmath>

#include "mbrl/algorithms/imagined/pilco.hpp"
#include "mbrl/core/error.hpp"

namespace mbrl {

SaturatingCost PilcoCost::make(int features) const {
  const auto f = static_cast<std::size_t>(features);
  require(std::isfinite(width) && width > 0.0, "pilco: cost.width is ", width, ", expected more than 0");
  require(target.size() == f, "pilco: cost.target has ", target.size(), " entries, expected ", f,
          ", one a feature of the observation");
  require(map.size() % f == 0, "pilco: cost.map has ", map.size(), " entries, expected rows of ", f,
          ", one entry a feature");
  SaturatingCost cost;
  cost.target = Eigen::Map<const Vecd>(target.data(), features);
  if (map.empty())
    cost.map = Batchd::Identity(features, features);
  else
    cost.map = Eigen::Map<const Batchd>(map.data(), features, static_cast<Index>(map.size() / f)).transpose();
  cost.map /= width;
  cost.validate("pilco");
  return cost;
}

void PilcoSettings::validate(const EnvSpec& spec) const {
  require(steps >= 0, "pilco: steps is ", steps, ", expected at least 1, or 0 for a budget of trials");
  require(trials >= 1, "pilco: trials is ", trials, ", expected at least 1");
  require(random_trials >= 1, "pilco: random_trials is ", random_trials, ", expected at least 1");
  require(trial_steps >= 0, "pilco: trial_steps is ", trial_steps, ", expected at least 1, or 0");
  require(horizon >= 0, "pilco: horizon is ", horizon, ", expected at least 1, or 0 for that of a trial");
  require(centres >= 1, "pilco: centres is ", centres, ", expected at least 1");
  require(restarts >= 0, "pilco: restarts is ", restarts, ", expected at least 0");
  search.validate("pilco: search");
  gp.validate("pilco: gp");
  require(spec.choices == 0, "pilco: ", spec.name, " has ", spec.choices, " choices, expected real actions");
  require(spec.max_steps > 0 || trial_steps > 0, "pilco: ", spec.name, " has no time limit; set trial_steps");
  for (const TargetKind kind : spec.encoding.targets)
    require(kind != TargetKind::kConstant, "pilco: ", spec.name,
            " has entries that are constant through an episode, expected an observation that moves");
  require(!cost.target.empty(), "pilco: the goal of ", spec.name, " is not known; set cost.target, ",
          spec.encoding.feature_dim(), " entries, one a feature of the observation, and cost.width");
  static_cast<void>(cost.make(spec.encoding.feature_dim()));
}

PilcoSettings default_pilco(const EnvSpec& spec) {
  PilcoSettings s;
  if (spec.name == "pilco/CartPole") {
    // Features x, x', th', sin th, cos th; the distance of the tip of a pole of 0.6 m from its place.
    constexpr double kLength = 0.6;
    s.cost.width = 0.25;
    s.cost.target = {0.0, 0.0, 0.0, 0.0, -1.0};
    s.cost.map = {1.0, 0.0, 0.0, kLength, 0.0, 0.0, 0.0, 0.0, 0.0, kLength};
  } else if (spec.name == "Pendulum-v1") {  // cos th, sin th, th'
    s.cost.width = 0.5;
    s.cost.target = {1.0, 0.0, 0.0};
    s.cost.map = {1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.1};
    s.trial_steps = 60;
  } else if (spec.name == "CartPoleContinuous") {  // x, x', th, th'
    s.cost.width = 1.0;
    s.cost.target = {0.0, 0.0, 0.0, 0.0};
    s.cost.map = {1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 10.0, 0.0};
    s.policy = PilcoPolicy::kLinear;
    s.horizon = 50;
  }
  return s;
}

}  // namespace mbrl
