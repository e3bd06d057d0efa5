// Humanoid-v4, -v5, mbpo/HumanoidTruncatedObs, HumanoidStandup-v4 and -v5.
#include "mbrl/mujoco/tasks/humanoid.hpp"

#include "mujoco/assets/humanoid.hpp"
#include "mujoco/tasks/task_helpers.hpp"

namespace mbrl::mujoco {
namespace {

constexpr double kTimestep = 0.003, kHumanoidDt = 0.015;
constexpr int kBodies = 14, kPosition = 22, kVelocity = 23;

// The engine's quantities that are observed, one after the other: how many numbers, and how many of them, of
// the world or the free joint, v5 leaves out.
struct Group {
  int size, left_out;
};
constexpr Group kGroups[] = {{10 * kBodies, 10}, {6 * kBodies, 6}, {kVelocity, 6}, {6 * kBodies, 6}};
constexpr int kAll = 26 * kBodies - 4 * kBodies + kVelocity, kLeftOut = 28;
static_assert(kPosition + kVelocity + kAll == 376 && 376 - kLeftOut == 348);

bool humanoid_healthy(const mjData& data) { return data.qpos[2] > 1.0 && data.qpos[2] < 2.0; }

}  // namespace

EnvSpec HumanoidBody::spec(const std::string& name, const std::string& source) const {
  const int beyond = version_ == Version::kTruncated ? 0 : version_ == Version::kV4 ? kAll : kAll - kLeftOut;
  return make_spec(name, source, kPosition + kVelocity + beyond, 17, 0.4, 1000, kHumanoidDt);
}

void HumanoidBody::draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const {
  add_uniform(random, 0.01, kPositions, qpos);
  qpos.segment<4>(3).normalize();  // Old releases of the engine do this themselves, new ones do not.
  add_uniform(random, 0.01, kVelocities, qvel);
}

int HumanoidBody::measured_dim() const { return version_ == Version::kTruncated ? 2 : 2 + kAll; }

void HumanoidBody::measure(const mjModel& model, mjData& data, Vecd& out) const {
  double moment = 0.0, mass = 0.0;
  for (int body = 0; body < kBodies; ++body) {
    moment += model.body_mass[body] * data.xipos[3 * body];
    mass += model.body_mass[body];
  }
  if (data.time > 0) mj_rnePostConstraint(&model, &data);  // At the start Gymnasium reports no contact.
  out(0) = moment / mass;
  out(1) = Eigen::Map<const Vecd>(data.cfrc_ext, 6 * kBodies).squaredNorm();
  if (version_ == Version::kTruncated) return;
  double* next = out.data() + 2;
  next = std::copy_n(data.cinert, 10 * kBodies, next);
  next = std::copy_n(data.cvel, 6 * kBodies, next);
  next = std::copy_n(data.qfrc_actuator, kVelocity, next);
  std::copy_n(data.cfrc_ext, 6 * kBodies, next);
}

void HumanoidBody::observe(const TaskView& view, Vecd& obs) const {
  double* next = std::copy_n(view.data.qpos + 2, kPosition, obs.data());
  next = std::copy_n(view.data.qvel, kVelocity, next);
  if (version_ == Version::kTruncated) return;
  const double* in = view.after.data() + 2;
  for (const Group& group : kGroups) {
    const int skip = version_ == Version::kV5 ? group.left_out : 0;
    next = std::copy_n(in + skip, group.size - skip, next);
    in += group.size;
  }
}

double HumanoidBody::contact_cost(const TaskView& view) const { return std::min(5e-7 * view.after(1), 10.0); }

std::string HumanoidTask::name() const {
  return version_ == Version::kV4   ? "Humanoid-v4"
         : version_ == Version::kV5 ? "Humanoid-v5"
                                    : "mbpo/HumanoidTruncatedObs";
}

EnvSpec HumanoidTask::spec() const {
  EnvSpec spec = HumanoidBody::spec(name(), version_ == Version::kTruncated
                                                ? "mbpo humanoid_truncated_obs (Janner et al. 2019)"
                                                : "Gymnasium 1.4 mujoco/humanoid");
  spec.termination = HumanoidTermination<float>{};
  return spec;
}

Model HumanoidTask::model() const { return Model::from_string(assets::humanoid(assets::kStanding), name()); }

double HumanoidTask::reward(const TaskView& view, ConstVecRef<double> action) const {
  const double bonus = version_ != Version::kV5 || humanoid_healthy(view.data) ? 5.0 : 0.0;
  const double contact = version_ == Version::kV4 ? 0.0 : contact_cost(view);
  return 1.25 * (view.after(0) - view.before(0)) / kHumanoidDt + bonus - 0.1 * action.squaredNorm() - contact;
}

bool HumanoidTask::terminated(const TaskView& view) const {
  if (version_ == Version::kTruncated) return !(view.data.qpos[2] >= 1.0 && view.data.qpos[2] <= 2.0);
  return !humanoid_healthy(view.data);
}

std::string HumanoidStandupTask::name() const {
  return version_ == Version::kV4 ? "HumanoidStandup-v4" : "HumanoidStandup-v5";
}

EnvSpec HumanoidStandupTask::spec() const {
  return HumanoidBody::spec(name(), "Gymnasium 1.4 mujoco/humanoidstandup");
}

Model HumanoidStandupTask::model() const {
  return Model::from_string(assets::humanoid(assets::kLying), name());
}

double HumanoidStandupTask::reward(const TaskView& view, ConstVecRef<double> action) const {
  return view.data.qpos[2] / kTimestep + 1.0 - 0.1 * action.squaredNorm() - contact_cost(view);
}

}  // namespace mbrl::mujoco
