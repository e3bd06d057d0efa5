// Settings of sampling planners for a budget of rollouts per plan.
#pragma once

#include <string>
#include <vector>

#include "mbrl/planning/planner_settings.hpp"

namespace mbrl {

/// Settings with which no plan of any planner costs more candidate rollouts than `rollouts`, the evaluation of
/// the plan included (particles are not counted); what is not a matter of the budget stays as given. A budget
/// is spent on as many iterations as the settings have only while each has enough candidates to learn from;
/// below that there are fewer iterations, not fewer candidates:
///   cem, icem    5 elites or a tenth of the candidates, whichever is more, and at least 4 candidates per elite in
///                the first iteration
///   mppi, cmaes  at least 16 and 12 candidates per iteration
///   mcts         as many simulations as there is room for, shared out among its trees
/// A budget too small for one such iteration is one iteration. Planners named in `keep_iterations` keep theirs
/// whatever the candidates. Throws unless rollouts is at least 2 and the settings' numbers of iterations, and of
/// trees, at least 1.
PlannerSettings within_budget(const PlannerSettings& settings, int rollouts,
                              const std::vector<std::string>& keep_iterations = {});

/// Rollouts that a plan of iCEM costs at most, elites kept from the last plan included.
int most_rollouts(const ICemSettings& settings);

}  // namespace mbrl
