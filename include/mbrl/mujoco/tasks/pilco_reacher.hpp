// A task after PILCO's manipulator: reach a goal with an obstacle in the way (Deisenroth, Rasmussen and Fox, "Learning to
// control a low-cost manipulator using data-efficient reinforcement learning", RSS 2011). The arm is of our own.
#pragma once

#include <cmath>

#include "mbrl/mujoco/engine/task_environment.hpp"

namespace mbrl::mujoco {

/// A planar arm of two links of l = 0.3 m on a table. obs (4): directions of upper arm and forearm, th1 and th2 (rad, both
/// from the x axis, not wrapped), their rates. Actions (2): torques of shoulder and elbow in [-0.4, 0.4] N m, constant for
/// a step of 0.1 s, against a friction of 0.3 N m s/rad, so that the tip is slow beside the disc. The tip is at l (cos th1 + cos th2, sin th1 + sin th2); it starts near (0.32, -0.27) m (shoulder -1.5
/// rad, elbow 1.6 rad, at rest, every joint's angle and rate + N(0, 0.03^2)) and is wanted at (0.32, 0.27) m. Between lies
/// a forbidden disc about (0.29, 0) m of radius 0.08 m, which is passed through, not run into. With d and o (m) the tip's
/// distances from goal and disc's centre,
///   reward = exp(-1/2 (d / 0.25)^2) - 5 exp(-1/2 (o / 0.08)^2)
/// of the next state. Never terminates; 30 steps. The model sees the rates, sines and cosines, and predicts changes.
class PilcoReacherTask {
 public:
  static constexpr double kLink = 0.3, kWidth = 0.25;  // of the arm, of the reward (m)
  static constexpr double kGoal[2] = {0.32, 0.27}, kDisc[2] = {0.29, 0.0}, kRadius = 0.08, kPenalty = 5.0;

  EnvSpec spec() const;
  Model model() const;
  int frame_skip() const { return 10; }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const;
  void observe(const TaskView& view, Vecd& obs) const;
  double reward(const TaskView& view, ConstVecRef<double> action) const;
};

using PilcoReacher = TaskEnvironment<PilcoReacherTask>;

/// The environment's reward, exact.
template <class S>
struct PilcoReacherReward {
  void operator()(ConstBatchRef<S> /*obs*/, ConstBatchRef<S> /*action*/, ConstBatchRef<S> next_obs, int /*t*/,
                  VecRef<S> out) const {
    using Task = PilcoReacherTask;
    for (Index i = 0; i < next_obs.cols(); ++i) {
      const S x = S(Task::kLink) * (std::cos(next_obs(0, i)) + std::cos(next_obs(1, i)));
      const S y = S(Task::kLink) * (std::sin(next_obs(0, i)) + std::sin(next_obs(1, i)));
      out(i) =
          near(x, y, Task::kGoal, Task::kWidth) - S(Task::kPenalty) * near(x, y, Task::kDisc, Task::kRadius);
    }
  }

 private:
  static S near(S x, S y, const double (&place)[2], double width) {
    const S dx = (x - S(place[0])) / S(width), dy = (y - S(place[1])) / S(width);
    return std::exp(S(-0.5) * (dx * dx + dy * dy));
  }
};

}  // namespace mbrl::mujoco
