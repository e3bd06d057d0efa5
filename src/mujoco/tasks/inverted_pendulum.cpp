// InvertedPendulum-v4 and -v5.
#include "mbrl/mujoco/tasks/inverted_pendulum.hpp"

#include "mujoco/assets/inverted_pendulum.hpp"
#include "mujoco/tasks/task_helpers.hpp"

namespace mbrl::mujoco {
namespace {

bool fallen(const mjData& data) { return !(std::abs(data.qpos[1]) <= 0.2); }

}  // namespace

EnvSpec InvertedPendulumTask::spec() const {
  EnvSpec spec = make_spec(versioned("InvertedPendulum", version_), "Gymnasium 1.4 mujoco/inverted_pendulum",
                           4, 1, 3.0, 1000, 0.04);
  spec.reward = InvertedPendulumReward<float>{};
  spec.termination = InvertedPendulumTermination<float>{};
  return spec;
}

Model InvertedPendulumTask::model() const {
  return Model::from_string(assets::inverted_pendulum(), versioned("InvertedPendulum", version_));
}

void InvertedPendulumTask::draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const {
  add_uniform(random, 0.01, kPositions, qpos);
  add_uniform(random, 0.01, kVelocities, qvel);
}

void InvertedPendulumTask::observe(const TaskView& view, Vecd& obs) const {
  std::copy_n(view.data.qpos, 2, obs.data());
  std::copy_n(view.data.qvel, 2, obs.data() + 2);
}

double InvertedPendulumTask::reward(const TaskView& view, ConstVecRef<double> /*action*/) const {
  return version_ == GymVersion::kV4 || !fallen(view.data) ? 1.0 : 0.0;
}

bool InvertedPendulumTask::terminated(const TaskView& view) const { return fallen(view.data); }

}  // namespace mbrl::mujoco
