#include "mbrl/models/local/state_trajectory.hpp"

#include <algorithm>

#include "mbrl/core/error.hpp"

namespace mbrl {
namespace {

void write_transition(const StateTrajectory& from, Index t, Eigen::Ref<Vecd> to) {
  to << from.states.col(t), from.actions.col(t), from.states.col(t + 1);
}

}  // namespace

void check_trajectories(std::string_view where, const std::vector<StateTrajectory>& trajectories,
                        int fewest) {
  const auto n = static_cast<int>(trajectories.size());
  require(n >= fewest, where, ": ", n, n == 1 ? " trajectory" : " trajectories", ", expected at least ",
          fewest);
  const StateTrajectory& first = trajectories.front();
  require(first.steps() >= 1 && first.states.rows() >= 1 && first.actions.rows() >= 1, where,
          ": a trajectory of ", first.steps(), " steps with ", first.states.rows(), " states and ",
          first.actions.rows(), " actions, expected at least one of each");
  for (const StateTrajectory& each : trajectories) {
    require_dim(where, "a trajectory's state", each.states.rows(), first.states.rows());
    require_dim(where, "a trajectory's action", each.actions.rows(), first.actions.rows());
    require(each.steps() == first.steps(), where, ": a trajectory has ", each.steps(),
            each.steps() == 1 ? " step, expected " : " steps, expected ", first.steps());
    require(each.states.cols() == first.steps() + 1, where, ": a trajectory of ", first.steps(),
            " steps has ", each.states.cols(), " states, expected ", first.steps() + 1);
    require(each.states.allFinite() && each.actions.allFinite(), where,
            ": a trajectory holds a number that is not finite");
  }
  require(n == 1 || std::any_of(trajectories.begin() + 1, trajectories.end(),
                                [&](const StateTrajectory& each) {
                                  return each.states != first.states || each.actions != first.actions;
                                }),
          where, ": all ", n, " trajectories are equal, expected some that differ");
}

Batchd transitions_at(const std::vector<StateTrajectory>& trajectories, Index t) {
  const StateTrajectory& first = trajectories.front();
  Batchd all(2 * first.states.rows() + first.actions.rows(), static_cast<Index>(trajectories.size()));
  Index j = 0;
  for (const StateTrajectory& each : trajectories) write_transition(each, t, all.col(j++));
  return all;
}

Batchd all_transitions(const std::vector<StateTrajectory>& trajectories) {
  const StateTrajectory& first = trajectories.front();
  Batchd all(2 * first.states.rows() + first.actions.rows(),
             static_cast<Index>(trajectories.size()) * first.steps());
  Index j = 0;
  for (const StateTrajectory& each : trajectories)
    for (Index t = 0; t < each.steps(); ++t) write_transition(each, t, all.col(j++));
  return all;
}

}  // namespace mbrl
