// Swimmer-v4 and -v5.
#include "mbrl/mujoco/tasks/swimmer.hpp"

#include "mujoco/assets/swimmer.hpp"
#include "mujoco/tasks/task_helpers.hpp"

namespace mbrl::mujoco {
namespace {

constexpr double kSwimmerDt = 0.04;

}  // namespace

EnvSpec SwimmerTask::spec() const {
  return make_spec(versioned("Swimmer", version_), "Gymnasium 1.4 mujoco/swimmer (v4 = v5)", 8, 2, 1.0, 1000,
                   kSwimmerDt);
}

Model SwimmerTask::model() const {
  return Model::from_string(assets::swimmer(), versioned("Swimmer", version_));
}

void SwimmerTask::draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const {
  add_uniform(random, 0.1, kPositions, qpos);
  add_uniform(random, 0.1, kVelocities, qvel);
}

void SwimmerTask::measure(const mjModel& /*model*/, mjData& data, Vecd& out) const { out(0) = data.qpos[0]; }

void SwimmerTask::observe(const TaskView& view, Vecd& obs) const {
  std::copy_n(view.data.qpos + 2, 3, obs.data());
  std::copy_n(view.data.qvel, 5, obs.data() + 3);
}

double SwimmerTask::reward(const TaskView& view, ConstVecRef<double> action) const {
  return (view.after(0) - view.before(0)) / kSwimmerDt - 1e-4 * action.squaredNorm();
}

}  // namespace mbrl::mujoco
