// Pusher as Gymnasium has it (v4, v5) and as PETS has it: push a cylinder to a goal with a seven-joint arm.
#pragma once

#include <array>
#include <utility>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/mujoco/engine/task_environment.hpp"
#include "mbrl/mujoco/tasks/gym_version.hpp"

namespace mbrl::mujoco {

/// obs (23): seven joint angles (rad), their rates (rad/s), then the places (m) of tips, object and goal as of
/// the last evaluation inside mj_step. Actions (7) in [-2, 2] N m; dt 0.05 s, 100 steps. Start: arm at zero
/// (on two of its limits), rates U(-0.005, 0.005), object displaced by (x, y) = (U(-0.2, 0.2), U(-0.3, 0)),
/// farther than 0.17 m from the goal.
///   reward = -|object - goal| - 0.1 |a|^2 - 0.5 |object - tips|, in v4 with the distances before the step.
/// Never terminates.
class PusherTask {
 public:
  explicit PusherTask(GymVersion version = GymVersion::kV5) : version_(version) {}

  EnvSpec spec() const;
  Model model() const;
  int frame_skip() const { return 5; }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const;
  int measured_dim() const { return 9; }  // places of tips, object, goal
  void measure(const mjModel& model, mjData& data, Vecd& out) const;
  void observe(const TaskView& view, Vecd& obs) const;
  double reward(const TaskView& view, ConstVecRef<double> action) const;

 private:
  GymVersion version_;
};

/// As in PETS (Chua et al. 2018): obs (20) without the goal, which is fixed; dt 0.04 s, 150 steps; a wider
/// shoulder limit; the object starts at (x, y) = (0.15, -0.25) + N(0, 0.025) from the goal.
///   reward = -1.25 |object - goal|_1 - 0.5 |object - tips|_1 - 0.1 |a|^2 with the places before the step.
/// The tips are the wrist of Gymnasium and mbrl-lib, at x = 0.821 in the reference pose; or, as the gym 0.9.4 of
/// PETS's published curves had it, the centre of mass of the body there, midway between the fingertips (0.921).
class PetsPusherTask {
 public:
  enum class Tips { kWrist, kBetweenFingers };

  explicit PetsPusherTask(Tips tips = Tips::kWrist) : tips_(tips) {}

  EnvSpec spec() const;
  Model model() const;
  int frame_skip() const { return 4; }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const;
  int measured_dim() const { return 9; }
  void measure(const mjModel& model, mjData& data, Vecd& out) const;
  void observe(const TaskView& view, Vecd& obs) const;
  double reward(const TaskView& view, ConstVecRef<double> action) const;

 private:
  Tips tips_;
};

constexpr auto enum_names(PetsPusherTask::Tips) {
  using Tips = PetsPusherTask::Tips;
  return std::array{std::pair{Tips::kWrist, "wrist"},
                    std::pair{Tips::kBetweenFingers, "between the fingers"}};
}

using Pusher = TaskEnvironment<PusherTask>;
using PetsPusher = TaskEnvironment<PetsPusherTask>;

/// Gymnasium's reward, exact.
template <class S>
struct PusherReward {
  GymVersion version = GymVersion::kV5;

  void operator()(ConstBatchRef<S> obs, ConstBatchRef<S> action, ConstBatchRef<S> next_obs, int /*t*/,
                  VecRef<S> out) const {
    const auto& s = version == GymVersion::kV4 ? obs : next_obs;
    for (Index i = 0; i < s.cols(); ++i) {
      const auto tips = s.col(i).template segment<3>(14), object = s.col(i).template segment<3>(17),
                 goal = s.col(i).template segment<3>(20);
      out(i) =
          -(object - goal).norm() - S(0.1) * action.col(i).squaredNorm() - S(0.5) * (object - tips).norm();
    }
  }
};

/// PETS's planner looks at the places after the step, its environment at those before it: one step's delay.
template <class S>
struct PetsPusherReward {
  void operator()(ConstBatchRef<S> /*obs*/, ConstBatchRef<S> action, ConstBatchRef<S> next_obs, int /*t*/,
                  VecRef<S> out) const {
    const Eigen::Matrix<S, 3, 1> goal(S(0.45), S(-0.05), S(-0.323));
    for (Index i = 0; i < next_obs.cols(); ++i) {
      const auto tips = next_obs.col(i).template segment<3>(14),
                 object = next_obs.col(i).template segment<3>(17);
      out(i) = S(-1.25) * (object - goal).template lpNorm<1>() -
               S(0.5) * (object - tips).template lpNorm<1>() - S(0.1) * action.col(i).squaredNorm();
    }
  }
};

}  // namespace mbrl::mujoco
