// Reacher-v4 and -v5.
#include "mbrl/mujoco/tasks/reacher.hpp"

#include "mujoco/assets/reacher.hpp"
#include "mujoco/tasks/task_helpers.hpp"

namespace mbrl::mujoco {
namespace {

constexpr int kFingertip = 3, kTarget = 4;  // bodies, in the model's order

}  // namespace

EnvSpec ReacherTask::spec() const {
  EnvSpec spec = make_spec(versioned("Reacher", version_), "Gymnasium 1.4 mujoco/reacher",
                           version_ == GymVersion::kV4 ? 11 : 10, 2, 1.0, 50, 0.02);
  spec.reward = ReacherReward<float>{version_};
  spec.encoding.hold_constant(4, 2);  // the target
  return spec;
}

Model ReacherTask::model() const {
  return Model::from_string(assets::reacher(), versioned("Reacher", version_));
}

void ReacherTask::draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const {
  add_uniform(random, 0.1, kPositions, qpos.head<2>());
  add_uniform(random, 0.005, kVelocities, qvel.head<2>());
  for (std::uint32_t attempt = 0;; ++attempt) {
    qpos(2) = random.uniform(-0.2, 0.2, 0, kPlaces, attempt);
    qpos(3) = random.uniform(-0.2, 0.2, 1, kPlaces, attempt);
    if (qpos.tail<2>().norm() < 0.2) break;
  }
}

void ReacherTask::measure(const mjModel& /*model*/, mjData& data, Vecd& out) const {
  for (int i = 0; i < 3; ++i) out(i) = data.xpos[3 * kFingertip + i] - data.xpos[3 * kTarget + i];
}

void ReacherTask::observe(const TaskView& view, Vecd& obs) const {
  const double *q = view.data.qpos, *v = view.data.qvel;
  obs.head<8>() << std::cos(q[0]), std::cos(q[1]), std::sin(q[0]), std::sin(q[1]), q[2], q[3], v[0], v[1];
  obs.tail(obs.size() - 8) = view.after.head(obs.size() - 8);
}

double ReacherTask::reward(const TaskView& view, ConstVecRef<double> action) const {
  const Vecd& apart = version_ == GymVersion::kV4 ? view.before : view.after;
  return -apart.norm() - action.squaredNorm();
}

}  // namespace mbrl::mujoco
