#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "mbrl/algorithms/imagined/pilco.hpp"
#include "mbrl/core/error.hpp"

namespace mbrl {

namespace {

// Row by row, as many columns as features.
Batchd matrix(const char* what, const std::vector<double>& entries, int features) {
  const auto f = static_cast<std::size_t>(features);
  if (entries.empty()) return Batchd::Identity(features, features);
  require(entries.size() % f == 0, "pilco: ", what, " has ", entries.size(), " entries, expected rows of ", f,
          ", one entry a feature");
  return Eigen::Map<const Batchd>(entries.data(), features, static_cast<Index>(entries.size() / f))
      .transpose();
}

// One for all, or one each.
Vecd each(const char* what, const std::vector<double>& values, Index count) {
  if (values.size() == 1) return Vecd::Constant(count, values.front());
  require(static_cast<Index>(values.size()) == count, "pilco: ", what, " has ", values.size(),
          " entries, expected one for all or ", count, ", one an obstacle");
  return Eigen::Map<const Vecd>(values.data(), count);
}

ObstaclePenalty make_obstacles(const PilcoObstacles& o, const PilcoCost& cost, int features) {
  ObstaclePenalty penalty;
  if (o.centres.empty()) {
    require(
        o.radius.empty() && o.width.empty() && o.map.empty(),
        "pilco: cost.obstacles has no centres, expected those of the obstacles whose radius, width or map "
        "are set");
    return penalty;
  }
  penalty.map =
      o.map.empty() ? matrix("cost.map", cost.map, features) : matrix("cost.obstacles.map", o.map, features);
  const Index dim = penalty.map.rows();
  require(dim <= 3, "pilco: an obstacle's place has ", dim,
          " dimensions, expected 1 to 3; set cost.obstacles.map, rows of ", features,
          ", one entry a feature");
  const auto entries = static_cast<Index>(o.centres.size());
  require(entries % dim == 0, "pilco: cost.obstacles.centres has ", entries, " entries, expected places of ",
          dim, ", one entry a row of the map");
  require(!o.radius.empty(),
          "pilco: cost.obstacles.radius is not given, expected one for all obstacles or one each");
  penalty.centres = Eigen::Map<const Batchd>(o.centres.data(), dim, entries / dim);
  penalty.radii = each("cost.obstacles.radius", o.radius, penalty.count());
  penalty.widths = o.width.empty() ? penalty.radii : each("cost.obstacles.width", o.width, penalty.count());
  penalty.weight = o.weight;
  return penalty;
}

// In the order of the encoding.
std::string feature_names(const EnvSpec& spec) {
  std::string text;
  for (const ObsFeature& feature : spec.encoding.features) {
    const auto entry = static_cast<std::size_t>(feature.obs_index);
    text += text.empty() ? "" : ", ";
    if (feature.kind != ObsFeature::Kind::kIdentity) text += to_string(feature.kind) + " of ";
    text += entry < spec.obs_names.size() ? spec.obs_names[entry] : "obs " + std::to_string(entry);
  }
  return text;
}

}  // namespace

ObstructedCost PilcoCost::make(int features) const {
  require(std::isfinite(width) && width > 0.0, "pilco: cost.width is ", width, ", expected more than 0");
  require(target.size() == static_cast<std::size_t>(features), "pilco: cost.target has ", target.size(),
          " entries, expected ", features, ", one a feature of the observation");
  ObstructedCost cost{
      {matrix("cost.map", map, features) / width, Eigen::Map<const Vecd>(target.data(), features)},
      make_obstacles(obstacles, *this, features)};
  cost.validate("pilco: cost");
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
          spec.encoding.feature_dim(), " entries, one a feature of the observation (", feature_names(spec),
          "), and cost.width");
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
  } else if (spec.name == "pilco/Reacher") {
    // Features th1', th2', sin th1, cos th1, sin th2, cos th2; the distance of the tip of two links of 0.3 m from its
    // place: any features whose tip is there make a target.
    constexpr double kLink = 0.3, kGoalX = 0.32, kGoalY = 0.27;
    s.cost.width = 0.25;
    s.cost.target = {0.0, 0.0, kGoalY / kLink, kGoalX / kLink, 0.0, 0.0};
    s.cost.map = {0.0, 0.0, 0.0, kLink, 0.0, kLink, 0.0, 0.0, kLink, 0.0, kLink, 0.0};
    s.cost.obstacles.centres = {0.29, 0.0};
    s.cost.obstacles.radius = {0.08};
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
