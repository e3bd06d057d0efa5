// InvertedDoublePendulum-v4 and -v5.
#include "mbrl/mujoco/tasks/inverted_double_pendulum.hpp"

#include "mujoco/assets/inverted_pendulum.hpp"
#include "mujoco/tasks/task_helpers.hpp"

namespace mbrl::mujoco {

EnvSpec InvertedDoublePendulumTask::spec() const {
  EnvSpec spec = make_spec(versioned("InvertedDoublePendulum", version_),
                           "Gymnasium 1.4 mujoco/inverted_double_pendulum",
                           version_ == GymVersion::kV4 ? 11 : 9, 1, 1.0, 1000, 0.05);
  spec.reward = InvertedDoublePendulumReward<float>{version_};
  spec.termination = InvertedDoublePendulumTermination<float>{};
  return spec;
}

Model InvertedDoublePendulumTask::model() const {
  return Model::from_string(assets::inverted_double_pendulum(),
                            versioned("InvertedDoublePendulum", version_));
}

void InvertedDoublePendulumTask::draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const {
  add_uniform(random, 0.1, kPositions, qpos);
  add_normal(random, 0.1, kVelocities, qvel);
}

void InvertedDoublePendulumTask::measure(const mjModel& /*model*/, mjData& data, Vecd& out) const {
  out << data.site_xpos[0], data.site_xpos[2], data.qfrc_constraint[0], data.qfrc_constraint[1],
      data.qfrc_constraint[2];
}

void InvertedDoublePendulumTask::observe(const TaskView& view, Vecd& obs) const {
  const double* q = view.data.qpos;
  obs.head<5>() << q[0], std::sin(q[1]), std::sin(q[2]), std::cos(q[1]), std::cos(q[2]);
  copy_clipped(view.data.qvel, 3, 10.0, obs.data() + 5);
  copy_clipped(view.after.data() + 2, static_cast<int>(obs.size()) - 8, 10.0, obs.data() + 8);
}

double InvertedDoublePendulumTask::reward(const TaskView& view, ConstVecRef<double> /*action*/) const {
  const double x = view.after(0), z = view.after(1), *v = view.data.qvel;
  const double bonus = version_ == GymVersion::kV4 || !terminated(view) ? 10.0 : 0.0;
  return bonus - 0.01 * x * x - (z - 2.0) * (z - 2.0) - 1e-3 * v[1] * v[1] - 5e-3 * v[2] * v[2];
}

bool InvertedDoublePendulumTask::terminated(const TaskView& view) const { return view.after(1) <= 1.0; }

}  // namespace mbrl::mujoco
