// Ant-v4, Ant-v5 and mbpo/AntTruncatedObs.
#include "mbrl/mujoco/tasks/ant.hpp"

#include "mujoco/assets/ant.hpp"
#include "mujoco/tasks/task_helpers.hpp"

namespace mbrl::mujoco {
namespace {

constexpr double kAntDt = 0.05;
constexpr int kTorso = 1, kWrenches = 13 * 6;

bool ant_healthy(const mjData& data) { return data.qpos[2] >= 0.2 && data.qpos[2] <= 1.0; }

}  // namespace

std::string AntTask::name() const {
  switch (version_) {
    case Version::kV4:
      return "Ant-v4";
    case Version::kV4Contact:
      return "AntContactForces-v4";
    case Version::kV5:
      return "Ant-v5";
    default:
      return "mbpo/AntTruncatedObs";
  }
}

EnvSpec AntTask::spec() const {
  const int wrenches = version_ == Version::kV5          ? kWrenches
                       : version_ == Version::kV4Contact ? 6 + kWrenches
                                                         : 0;
  const char* source = version_ == Version::kTruncated   ? "mbpo ant_truncated_obs (Janner et al. 2019)"
                       : version_ == Version::kV4Contact ? "Gymnasium 1.4 mujoco/ant, use_contact_forces=True"
                                                         : "Gymnasium 1.4 mujoco/ant";
  EnvSpec spec = make_spec(name(), source, 27 + wrenches, 8, 1.0, 1000, kAntDt);
  spec.termination = AntTermination<float>{};
  return spec;
}

Model AntTask::model() const { return Model::from_string(assets::ant(), name()); }

void AntTask::draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const {
  add_uniform(random, 0.1, kPositions, qpos);
  qpos.segment<4>(3).normalize();  // Old releases of the engine do this themselves, new ones do not.
  add_normal(random, 0.1, kVelocities, qvel);
}

int AntTask::measured_dim() const { return version_ == Version::kV4 ? 1 : 1 + kWrenches; }

void AntTask::measure(const mjModel& model, mjData& data, Vecd& out) const {
  out(0) = data.xpos[3 * kTorso];
  if (version_ == Version::kV4) return;
  if (data.time > 0) mj_rnePostConstraint(&model, &data);  // At the start Gymnasium reports no contact.
  copy_clipped(data.cfrc_ext + 6, kWrenches, 1.0, out.data() + 1);
}

void AntTask::observe(const TaskView& view, Vecd& obs) const {
  std::copy_n(view.data.qpos + 2, 13, obs.data());
  std::copy_n(view.data.qvel, 14, obs.data() + 13);
  if (version_ == Version::kV4Contact) obs.segment<6>(27).setZero();  // the world's
  if (obs.size() > 27) obs.tail<kWrenches>() = view.after.tail<kWrenches>();
}

double AntTask::reward(const TaskView& view, ConstVecRef<double> action) const {
  const double bonus = version_ != Version::kV5 || ant_healthy(view.data) ? 1.0 : 0.0;
  const double contact = 5e-4 * view.after.tail(view.after.size() - 1).squaredNorm();
  return (view.after(0) - view.before(0)) / kAntDt + bonus - 0.5 * action.squaredNorm() - contact;
}

bool AntTask::terminated(const TaskView& view) const { return !ant_healthy(view.data); }

}  // namespace mbrl::mujoco
