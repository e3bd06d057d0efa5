// pets/CartPole.
#include "mbrl/mujoco/tasks/pets_cartpole.hpp"

#include "mujoco/assets/cartpole.hpp"

namespace mbrl::mujoco {

EnvSpec PetsCartPoleTask::spec() const {
  EnvSpec spec;
  spec.name = "pets/CartPole";
  spec.source = "handful-of-trials cartpole (Chua et al. 2018)";
  spec.obs_dim = 4;
  spec.action_low = Vecd::Constant(1, -3.0);
  spec.action_high = Vecd::Constant(1, 3.0);
  spec.max_steps = 200;
  spec.dt = 0.04;
  using Kind = ObsFeature::Kind;
  spec.encoding.features = {
      {Kind::kSin, 1}, {Kind::kCos, 1}, {Kind::kIdentity, 0}, {Kind::kIdentity, 2}, {Kind::kIdentity, 3}};
  spec.encoding.targets.assign(4, TargetKind::kDelta);
  spec.reward = PetsCartPoleReward<float>{};
  return spec;
}

Model PetsCartPoleTask::model() const { return Model::from_string(assets::kCartPole, "pets/CartPole"); }

void PetsCartPoleTask::draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const {
  for (Index i = 0; i < qpos.size(); ++i) qpos(i) += 0.1 * random.normal(static_cast<std::uint32_t>(i), 0);
  for (Index i = 0; i < qvel.size(); ++i) qvel(i) = 0.1 * random.normal(static_cast<std::uint32_t>(i), 1);
}

void PetsCartPoleTask::observe(const TaskView& view, Vecd& obs) const {
  std::copy_n(view.data.qpos, 2, obs.data());
  std::copy_n(view.data.qvel, 2, obs.data() + 2);
}

double PetsCartPoleTask::reward(const TaskView& view, ConstVecRef<double> action) const {
  const double length = 0.6;
  const double dx = view.data.qpos[0] - length * std::sin(view.data.qpos[1]);
  const double dz = -length * std::cos(view.data.qpos[1]) - length;
  return std::exp(-(dx * dx + dz * dz) / (length * length)) - 0.01 * action.squaredNorm();
}

}  // namespace mbrl::mujoco
