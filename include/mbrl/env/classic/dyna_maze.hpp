// The maze on which Sutton showed Dyna: Sutton and Barto, "Reinforcement learning: an introduction", 2nd ed., 2018,
// example 8.1.
#pragma once

#include "mbrl/env/analytic_environment.hpp"

namespace mbrl {

/// obs = state (2): row and column, 6 rows of 9 columns from the upper left. The action (1) is rounded to 0, 1, 2 or
/// 3: up, down, left, right; a step against a wall or the edge stays where it was. Start: row 2, column 0. Terminates
/// with a reward of 1 at row 0, column 8, which is 14 steps away; every other reward is 0. The book has no time
/// limit, here it is 20,000 steps. A step has no unit of time: dt is 1.
class DynaMazeTask {
 public:
  static constexpr int kRows = 6, kColumns = 9;

  static EnvSpec spec();
  int state_dim() const { return 2; }
  void draw_start(const RandomStream& random, Vecd& state) const;
  StepOutcome step(Vecd& state, ConstVecRef<double> action) const;

  static bool wall(int row, int column) {
    return (column == 2 && row >= 1 && row <= 3) || (column == 5 && row == 4) || (column == 7 && row <= 2);
  }
  template <class S>
  static bool goal(S row, S column) {
    return row == S(0) && column == S(kColumns - 1);
  }
};

using DynaMaze = AnalyticEnvironment<DynaMazeTask>;

/// 1 where the environment terminates, exact.
template <class S>
struct DynaMazeTermination {
  void operator()(ConstBatchRef<S> next_obs, VecRef<S> done) const {
    for (Index i = 0; i < next_obs.cols(); ++i)
      done(i) = S(DynaMazeTask::goal(next_obs(0, i), next_obs(1, i)));
  }
};

/// The environment's reward, exact.
template <class S>
struct DynaMazeReward {
  void operator()(ConstBatchRef<S> /*obs*/, ConstBatchRef<S> /*action*/, ConstBatchRef<S> next_obs, int /*t*/,
                  VecRef<S> out) const {
    DynaMazeTermination<S>()(next_obs, out);
  }
};

}  // namespace mbrl
