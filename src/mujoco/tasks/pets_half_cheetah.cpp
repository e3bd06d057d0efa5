// pets/HalfCheetah.
#include "mbrl/mujoco/tasks/pets_half_cheetah.hpp"

#include "mujoco/assets/half_cheetah.hpp"

namespace mbrl::mujoco {
namespace {

constexpr double kPetsHalfCheetahDt = 0.05;

}  // namespace

EnvSpec PetsHalfCheetahTask::spec() const {
  EnvSpec spec;
  spec.name = "pets/HalfCheetah";
  spec.source = "handful-of-trials halfcheetah (Chua et al. 2018)";
  spec.obs_dim = 18;
  spec.action_low = Vecd::Constant(6, -1.0);
  spec.action_high = Vecd::Constant(6, 1.0);
  spec.max_steps = 1000;
  spec.dt = kPetsHalfCheetahDt;
  using Kind = ObsFeature::Kind;
  spec.encoding.features = {{Kind::kIdentity, 1}, {Kind::kSin, 2}, {Kind::kCos, 2}};
  for (int i = 3; i < spec.obs_dim; ++i) spec.encoding.features.push_back({Kind::kIdentity, i});
  spec.encoding.targets.assign(18, TargetKind::kDelta);
  spec.encoding.targets[0] = TargetKind::kAbsolute;
  spec.reward = PetsHalfCheetahReward<float>{};
  return spec;
}

Model PetsHalfCheetahTask::model() const {
  return Model::from_string(assets::kHalfCheetah, "pets/HalfCheetah");
}

void PetsHalfCheetahTask::draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const {
  for (Index i = 0; i < qpos.size(); ++i) qpos(i) += 0.001 * random.normal(static_cast<std::uint32_t>(i), 0);
  for (Index i = 0; i < qvel.size(); ++i) qvel(i) = 0.001 * random.normal(static_cast<std::uint32_t>(i), 1);
}

void PetsHalfCheetahTask::measure(const mjModel& /*model*/, mjData& data, Vecd& out) const {
  out(0) = data.qpos[0];
}

void PetsHalfCheetahTask::observe(const TaskView& view, Vecd& obs) const {
  obs(0) = (view.after(0) - view.before(0)) / kPetsHalfCheetahDt;
  std::copy_n(view.data.qpos + 1, 8, obs.data() + 1);
  std::copy_n(view.data.qvel, 9, obs.data() + 9);
}

double PetsHalfCheetahTask::reward(const TaskView& view, ConstVecRef<double> action) const {
  return (view.after(0) - view.before(0)) / kPetsHalfCheetahDt - 0.1 * action.squaredNorm();
}

}  // namespace mbrl::mujoco
