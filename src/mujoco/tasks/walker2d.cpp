// Walker2d-v4 and -v5.
#include "mbrl/mujoco/tasks/walker2d.hpp"

#include "mujoco/assets/walker2d.hpp"
#include "mujoco/tasks/task_helpers.hpp"

namespace mbrl::mujoco {
namespace {

constexpr double kWalker2dDt = 0.008;

bool walker2d_healthy(const mjData& data) {
  const double height = data.qpos[1], pitch = data.qpos[2];
  return height > 0.8 && height < 2.0 && pitch > -1.0 && pitch < 1.0;
}

}  // namespace

EnvSpec Walker2dTask::spec() const {
  EnvSpec spec = make_spec(versioned("Walker2d", version_), "Gymnasium 1.4 mujoco/walker2d", 17, 6, 1.0, 1000,
                           kWalker2dDt);
  spec.termination = Walker2dTermination<float>{};
  return spec;
}

Model Walker2dTask::model() const {
  return Model::from_string(assets::walker2d(version_ == GymVersion::kV4 ? "0.9" : "1.9"),
                            versioned("Walker2d", version_));
}

void Walker2dTask::draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const {
  add_uniform(random, 0.005, kPositions, qpos);
  add_uniform(random, 0.005, kVelocities, qvel);
}

void Walker2dTask::measure(const mjModel& /*model*/, mjData& data, Vecd& out) const { out(0) = data.qpos[0]; }

void Walker2dTask::observe(const TaskView& view, Vecd& obs) const {
  std::copy_n(view.data.qpos + 1, 8, obs.data());
  copy_clipped(view.data.qvel, 9, 10.0, obs.data() + 8);
}

double Walker2dTask::reward(const TaskView& view, ConstVecRef<double> action) const {
  const double bonus = version_ == GymVersion::kV4 || walker2d_healthy(view.data) ? 1.0 : 0.0;
  return (view.after(0) - view.before(0)) / kWalker2dDt + bonus - 1e-3 * action.squaredNorm();
}

bool Walker2dTask::terminated(const TaskView& view) const { return !walker2d_healthy(view.data); }

}  // namespace mbrl::mujoco
