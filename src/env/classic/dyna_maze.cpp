// DynaMaze.
#include "mbrl/env/classic/dyna_maze.hpp"

#include "env/classic/discrete_action.hpp"

namespace mbrl {

EnvSpec DynaMazeTask::spec() {
  EnvSpec spec;
  spec.name = "DynaMaze";
  spec.source = "Sutton and Barto 2018, example 8.1";
  spec.obs_dim = 2;
  spec.action_low = Vecd::Constant(1, 0.0);
  spec.action_high = Vecd::Constant(1, 3.0);
  spec.choices = 4;
  spec.max_steps = 20'000;
  spec.dt = 1.0;
  spec.encoding = ObsEncoding::identity(2);
  spec.reward = DynaMazeReward<float>{};
  spec.termination = DynaMazeTermination<float>{};
  spec.obs_names = {"row", "column"};
  spec.action_names = {"up (0), down (1), left (2) or right (3)"};
  return spec;
}

void DynaMazeTask::draw_start(const RandomStream& /*random*/, Vecd& state) const { state << 2, 0; }

StepOutcome DynaMazeTask::step(Vecd& state, ConstVecRef<double> action) const {
  constexpr int kDown[] = {-1, 1, 0, 0}, kRight[] = {0, 0, -1, 1};
  const int choice = discrete_action("DynaMaze", action(0), 4);
  const int row = static_cast<int>(state(0)) + kDown[choice],
            column = static_cast<int>(state(1)) + kRight[choice];
  if (row >= 0 && row < kRows && column >= 0 && column < kColumns && !wall(row, column)) state << row, column;
  const bool arrived = goal(state(0), state(1));
  return {.reward = arrived ? 1.0 : 0.0, .terminated = arrived};
}

}  // namespace mbrl
