// HalfCheetah as PETS has it (Chua et al. 2018): the forward velocity is observed, so the reward is known.
#pragma once

#include "mbrl/mujoco/engine/task_environment.hpp"

namespace mbrl::mujoco {

/// obs (18): (x' - x) / dt over the last control step (0 at the start), then the 17 entries of HalfCheetah:
/// height offset, pitch, six leg angles, vx, vz, pitch rate, six leg rates. Start: qpos and qvel = N(0,
/// 0.001). Never terminates. reward = obs'[0] - 0.1 |a|^2. The model sees neither obs[0] nor the raw pitch
/// (its sine and cosine instead), and predicts obs'[0] itself and the change of the rest.
class PetsHalfCheetahTask {
 public:
  EnvSpec spec() const;
  Model model() const;
  int frame_skip() const { return 5; }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const;
  int measured_dim() const { return 1; }  // x of the torso
  void measure(const mjModel& model, mjData& data, Vecd& out) const;
  void observe(const TaskView& view, Vecd& obs) const;
  double reward(const TaskView& view, ConstVecRef<double> action) const;
};

using PetsHalfCheetah = TaskEnvironment<PetsHalfCheetahTask>;

/// The environment's reward as a function of (next_obs, action), exact: for planners.
template <class S>
struct PetsHalfCheetahReward {
  void operator()(ConstBatchRef<S> /*obs*/, ConstBatchRef<S> action, ConstBatchRef<S> next_obs, int /*t*/,
                  VecRef<S> out) const {
    for (Index i = 0; i < next_obs.cols(); ++i)
      out(i) = next_obs(0, i) - S(0.1) * action.col(i).squaredNorm();
  }
};

}  // namespace mbrl::mujoco
