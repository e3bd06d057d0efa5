// Model-based value expansion: the targets of critics look some imagined steps ahead before they ask the critics.
// Feinberg, Wan, Stoica, Jordan, Gonzalez, Levine, "Model-based value estimation for efficient model-free
// reinforcement learning", arXiv 1803.00101, 2018. What its ensemble form has in common with it (Buckman et al.,
// stochastic_expansion.hpp) is `partial_return`.
#pragma once

#include "mbrl/core/types.hpp"
#include "mbrl/rollout/imagination.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

/// What the steps [from, end) of a trajectory bring, and what counts of the value of where they arrive.
struct PartialReturn {
  double reward = 0;    // sum_{k=from}^{end-1} gamma^{k-from} r_k
  double discount = 1;  // gamma^{end-from}; 0 where the trajectory has terminated
  int end = 0;          // `to`; fewer where the trajectory ended before
};

/// Trajectory `i` from step `from` to step `to` at most, with from <= to <= horizon. `reward`: n x H, as the
/// trajectories' own.
PartialReturn partial_return(const Trajectories& paths, const Batchf& reward, Index i, int from, int to,
                             double discount);

/// The transitions (s_-1, a_-1, r_-1, s_0) of the batch and, behind them, what was imagined from their s_0 on:
/// trajectory i of `paths` begins at column i of next_obs. Of a batch of n, `out` has n (H + 1) columns; column
/// t n + i is (s_{t-1}, a_{t-1}) of transition i with everything that came after it:
///   reward   = sum_{k=t-1}^{H-1} gamma^{k-t+1} r_k,   next_obs = s_H,   discount = gamma^{H-t+1},
/// so that its Bellman target reward + discount Q'(s_H, pi'(s_H)) is the expanded one (equation 4, the "TD-k trick"),
/// or ends where the trajectory ended. Columns past that end repeat the one before and have weight 0. Without
/// `imagined` there are the batch's own n alone. The batch's own discounts and weights, where it has any, hold for
/// its transitions and what they lead to. Throws mbrl::Error unless there is a trajectory for each transition.
void expand_values(const Transitions& batch, const Trajectories& paths, double discount, Transitions& out,
                   bool imagined = true);

}  // namespace mbrl
