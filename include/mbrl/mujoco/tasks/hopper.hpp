// Hopper as Gymnasium has it: hop forward on one leg without falling.
#pragma once

#include "mbrl/mujoco/engine/task_environment.hpp"
#include "mbrl/mujoco/tasks/gym_version.hpp"

namespace mbrl::mujoco {

/// obs (11): height (m), pitch (rad), thigh, leg, foot (rad), then vx, vz (m/s), pitch rate and three joint
/// rates (rad/s), all six clipped to +-10. Actions (3) in [-1, 1] x 200 N m; dt 0.008 s, 1000 steps. Start:
/// qpos and qvel U(-0.005, 0.005) about the upright pose. Healthy: height > 0.7, |pitch| < 0.2, all other
/// positions and (unclipped) velocities in (-100, 100).
///   reward = (x' - x) / dt + 1 - 0.001 |a|^2; v5 gives the 1 in healthy states only. Terminates when unhealthy.
/// x is not observed, so the reward has to be learned (or see TrapezoidReward).
class HopperTask {
 public:
  explicit HopperTask(GymVersion version = GymVersion::kV5) : version_(version) {}

  EnvSpec spec() const;
  Model model() const;
  int frame_skip() const { return 4; }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const;
  int measured_dim() const { return 1; }  // x of the torso
  void measure(const mjModel& model, mjData& data, Vecd& out) const;
  void observe(const TaskView& view, Vecd& obs) const;
  double reward(const TaskView& view, ConstVecRef<double> action) const;
  bool terminated(const TaskView& view) const;

 private:
  GymVersion version_;
};

using Hopper = TaskEnvironment<HopperTask>;

/// 1 where the environment terminates: exact unless a velocity beyond 100 ends the episode, which the clipped
/// observation hides.
template <class S>
struct HopperTermination {
  void operator()(ConstBatchRef<S> next_obs, VecRef<S> done) const {
    for (Index i = 0; i < next_obs.cols(); ++i) {
      const auto s = next_obs.col(i);
      done(i) = S(!(s.allFinite() && s.tail(10).cwiseAbs().maxCoeff() < S(100) && s(0) > S(0.7) &&
                    std::abs(s(1)) < S(0.2)));
    }
  }
};

}  // namespace mbrl::mujoco
