// HalfCheetah-v4 and -v5.
#include "mbrl/mujoco/tasks/half_cheetah.hpp"

#include "mujoco/assets/half_cheetah.hpp"

namespace mbrl::mujoco {
namespace {

constexpr double kHalfCheetahDt = 0.05;

}  // namespace

EnvSpec HalfCheetahTask::spec() const {
  EnvSpec spec;
  spec.name = name_;
  spec.source = "Gymnasium 1.4 mujoco/half_cheetah (v4 = v5)";
  spec.obs_dim = 17;
  spec.action_low = Vecd::Constant(6, -1.0);
  spec.action_high = Vecd::Constant(6, 1.0);
  spec.max_steps = 1000;
  spec.dt = kHalfCheetahDt;
  spec.encoding = ObsEncoding::identity(17);
  return spec;
}

Model HalfCheetahTask::model() const { return Model::from_string(assets::kHalfCheetah, name_); }

void HalfCheetahTask::draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const {
  for (Index i = 0; i < qpos.size(); ++i)
    qpos(i) += random.uniform(-0.1, 0.1, static_cast<std::uint32_t>(i), 0);
  for (Index i = 0; i < qvel.size(); ++i) qvel(i) = 0.1 * random.normal(static_cast<std::uint32_t>(i), 1);
}

void HalfCheetahTask::measure(const mjModel& /*model*/, mjData& data, Vecd& out) const {
  out(0) = data.qpos[0];
}

void HalfCheetahTask::observe(const TaskView& view, Vecd& obs) const {
  std::copy_n(view.data.qpos + 1, 8, obs.data());
  std::copy_n(view.data.qvel, 9, obs.data() + 8);
}

double HalfCheetahTask::reward(const TaskView& view, ConstVecRef<double> action) const {
  return (view.after(0) - view.before(0)) / kHalfCheetahDt - 0.1 * action.squaredNorm();
}

}  // namespace mbrl::mujoco
