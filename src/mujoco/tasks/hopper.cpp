// Hopper-v4 and -v5.
#include "mbrl/mujoco/tasks/hopper.hpp"

#include "mujoco/assets/hopper.hpp"
#include "mujoco/tasks/task_helpers.hpp"

namespace mbrl::mujoco {
namespace {

constexpr double kHopperDt = 0.008;

bool hopper_healthy(const mjData& data) {
  const auto small = [](double x) { return std::abs(x) < 100.0; };
  return data.qpos[1] > 0.7 && std::abs(data.qpos[2]) < 0.2 &&
         std::all_of(data.qpos + 2, data.qpos + 6, small) && std::all_of(data.qvel, data.qvel + 6, small);
}

}  // namespace

EnvSpec HopperTask::spec() const {
  EnvSpec spec =
      make_spec(versioned("Hopper", version_), "Gymnasium 1.4 mujoco/hopper", 11, 3, 1.0, 1000, kHopperDt);
  spec.termination = HopperTermination<float>{};
  return spec;
}

Model HopperTask::model() const {
  return Model::from_string(assets::hopper(), versioned("Hopper", version_));
}

void HopperTask::draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const {
  add_uniform(random, 0.005, kPositions, qpos);
  add_uniform(random, 0.005, kVelocities, qvel);
}

void HopperTask::measure(const mjModel& /*model*/, mjData& data, Vecd& out) const { out(0) = data.qpos[0]; }

void HopperTask::observe(const TaskView& view, Vecd& obs) const {
  std::copy_n(view.data.qpos + 1, 5, obs.data());
  copy_clipped(view.data.qvel, 6, 10.0, obs.data() + 5);
}

double HopperTask::reward(const TaskView& view, ConstVecRef<double> action) const {
  const double bonus = version_ == GymVersion::kV4 || hopper_healthy(view.data) ? 1.0 : 0.0;
  return (view.after(0) - view.before(0)) / kHopperDt + bonus - 1e-3 * action.squaredNorm();
}

bool HopperTask::terminated(const TaskView& view) const { return !hopper_healthy(view.data); }

}  // namespace mbrl::mujoco
