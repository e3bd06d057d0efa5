// Trajectories as local models learn from them: in double precision, whole, and as many steps each.
#pragma once

#include <string_view>
#include <vector>

#include "mbrl/core/types.hpp"

namespace mbrl {

/// What was passed through, and what was done.
struct StateTrajectory {
  Batchd states;   // nx x (T + 1)
  Batchd actions;  // nu x T

  Index steps() const { return actions.cols(); }
};

/// Throws mbrl::Error, which begins with `where`, unless there are at least `fewest` trajectories of the same sizes, all
/// numbers are finite, and not all trajectories are the same one.
void check_trajectories(std::string_view where, const std::vector<StateTrajectory>& trajectories, int fewest);

/// [x_t; u_t; x_(t+1)], a column a trajectory.
Batchd transitions_at(const std::vector<StateTrajectory>& trajectories, Index t);

/// The same of all steps of all trajectories.
Batchd all_transitions(const std::vector<StateTrajectory>& trajectories);

}  // namespace mbrl
