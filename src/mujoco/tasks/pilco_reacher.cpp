// pilco/Reacher.
#include "mbrl/mujoco/tasks/pilco_reacher.hpp"

#include "mujoco/assets/pilco_reacher.hpp"
#include "mujoco/tasks/task_helpers.hpp"

namespace mbrl::mujoco {
namespace {

Eigen::Vector4d seen(const TaskView& view) {
  const double *q = view.data.qpos, *v = view.data.qvel;
  return {q[0], q[0] + q[1], v[0], v[0] + v[1]};
}

}  // namespace

EnvSpec PilcoReacherTask::spec() const {
  EnvSpec spec =
      make_spec("pilco/Reacher", "after PILCO (Deisenroth, Rasmussen and Fox 2011)", 4, 2, 0.4, 30, 0.1);
  using Kind = ObsFeature::Kind;
  spec.encoding.features = {{Kind::kIdentity, 2}, {Kind::kIdentity, 3}, {Kind::kSin, 0},
                            {Kind::kCos, 0},      {Kind::kSin, 1},      {Kind::kCos, 1}};
  spec.reward = PilcoReacherReward<float>{};
  spec.obs_names = {"upper arm's direction", "forearm's direction", "upper arm's angular velocity",
                    "forearm's angular velocity"};
  spec.action_names = {"torque of the shoulder", "torque of the elbow"};
  return spec;
}

Model PilcoReacherTask::model() const { return Model::from_string(assets::pilco_reacher(), "pilco/Reacher"); }

void PilcoReacherTask::draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const {
  qpos << -1.5, 1.6;
  add_normal(random, 0.03, kPositions, qpos);
  add_normal(random, 0.03, kVelocities, qvel);
}

void PilcoReacherTask::observe(const TaskView& view, Vecd& obs) const { obs = seen(view); }

double PilcoReacherTask::reward(const TaskView& view, ConstVecRef<double> action) const {
  const Eigen::Vector4d obs = seen(view);
  Eigen::Matrix<double, 1, 1> reward;
  PilcoReacherReward<double>()(obs, action, obs, 0, reward);
  return reward(0);
}

}  // namespace mbrl::mujoco
