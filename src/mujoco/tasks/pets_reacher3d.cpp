// pets/Reacher3D.
#include "mbrl/mujoco/tasks/pets_reacher3d.hpp"

#include "mujoco/assets/pets_reacher3d.hpp"
#include "mujoco/tasks/task_helpers.hpp"

namespace mbrl::mujoco {

EnvSpec PetsReacher3DTask::spec() const {
  EnvSpec spec =
      make_spec("pets/Reacher3D", "handful-of-trials reacher (Chua et al. 2018)", 17, 7, 20.0, 150, 0.02);
  spec.reward = PetsReacher3DReward<float>{};
  spec.encoding.hold_constant(7, 3);  // the target
  return spec;
}

Model PetsReacher3DTask::model() const {
  return Model::from_string(assets::pets_reacher3d(), "pets/Reacher3D");
}

void PetsReacher3DTask::draw_start(const RandomStream& random, Vecd& qpos, Vecd& /*qvel*/) const {
  add_normal(random, 0.1, kPlaces, qpos.tail<3>());
}

void PetsReacher3DTask::observe(const TaskView& view, Vecd& obs) const {
  std::copy_n(view.data.qpos, 10, obs.data());
  std::copy_n(view.data.qvel, 7, obs.data() + 10);
}

double PetsReacher3DTask::reward(const TaskView& view, ConstVecRef<double> action) const {
  const Eigen::Map<const Eigen::Matrix<double, 10, 1>> qpos(view.data.qpos);
  return -(reacher3d_end<double>(qpos) - qpos.tail<3>()).squaredNorm() - 0.01 * action.squaredNorm();
}

}  // namespace mbrl::mujoco
