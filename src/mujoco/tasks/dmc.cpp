// dmc/cheetah-run, cartpole-swingup, reacher-easy, finger-spin, ball_in_cup-catch, walker-walk.
#include "mbrl/mujoco/tasks/dmc.hpp"

#include <numbers>

#include "mujoco/assets/dmc.hpp"
#include "mujoco/tasks/task_helpers.hpp"

namespace mbrl::mujoco {
namespace {

constexpr double kPi = std::numbers::pi, kDegree = kPi / 180.0;
constexpr const char* kSource = "dm_control suite (Tassa et al. 2018)";

double in_range(const RandomStream& random, std::uint32_t i, double low, double high) {
  return random.uniform(low * kDegree, high * kDegree, i, kPositions);
}

}  // namespace

EnvSpec DmcCheetahTask::spec() const { return make_spec("dmc/cheetah-run", kSource, 17, 6, 1.0, 1000, 0.01); }

Model DmcCheetahTask::model() const { return Model::from_string(assets::dmc_cheetah(), "dmc/cheetah-run"); }

void DmcCheetahTask::draw_start(const RandomStream& random, Vecd& qpos, Vecd& /*qvel*/) const {
  constexpr double kRanges[][2] = {{-30, 60}, {-50, 50}, {-230, 50}, {-57, 0.4}, {-70, 50}, {-28, 28}};
  for (std::uint32_t i = 0; i < 6; ++i) qpos(3 + i) = in_range(random, i, kRanges[i][0], kRanges[i][1]);
}

void DmcCheetahTask::measure(const mjModel& /*model*/, mjData& data, Vecd& out) const {
  out(0) = data.sensordata[0];
}

void DmcCheetahTask::observe(const TaskView& view, Vecd& obs) const {
  std::copy_n(view.data.qpos + 1, 8, obs.data());
  std::copy_n(view.data.qvel, 9, obs.data() + 8);
}

double DmcCheetahTask::reward(const TaskView& view, ConstVecRef<double> /*action*/) const {
  return std::clamp(1.0 - (10.0 - view.after(0)) / 10.0, 0.0, 1.0);
}

EnvSpec DmcCartPoleTask::spec() const {
  EnvSpec spec = make_spec("dmc/cartpole-swingup", kSource, 5, 1, 1.0, 1000, 0.01);
  spec.reward = DmcCartPoleReward<float>{};
  return spec;
}

Model DmcCartPoleTask::model() const {
  return Model::from_string(assets::dmc_cartpole(), "dmc/cartpole-swingup");
}

void DmcCartPoleTask::draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const {
  add_normal(random, 0.01, kPositions, qpos);
  qpos(1) += kPi;
  add_normal(random, 0.01, kVelocities, qvel);
}

void DmcCartPoleTask::measure(const mjModel& /*model*/, mjData& data, Vecd& out) const {
  const double* pole = data.xmat + 9 * 2;
  out << pole[8], pole[2];
}

void DmcCartPoleTask::observe(const TaskView& view, Vecd& obs) const {
  obs << view.data.qpos[0], view.after, view.data.qvel[0], view.data.qvel[1];
}

double DmcCartPoleTask::reward(const TaskView& view, ConstVecRef<double> action) const {
  Vecd obs(5);
  observe(view, obs);
  return DmcCartPoleReward<double>{}(obs, action(0));
}

EnvSpec DmcReacherTask::spec() const {
  EnvSpec spec = make_spec("dmc/reacher-easy", kSource, 6, 2, 1.0, 1000, 0.02);
  spec.reward = DmcReacherReward<float>{};
  return spec;
}

Model DmcReacherTask::model() const { return Model::from_string(assets::dmc_reacher(), "dmc/reacher-easy"); }

void DmcReacherTask::draw_start(const RandomStream& random, Vecd& qpos, Vecd& /*qvel*/) const {
  qpos(0) = random.uniform(-kPi, kPi, 0, kPositions);
  qpos(1) = in_range(random, 1, -160, 160);
}

void DmcReacherTask::draw_places(const RandomStream& random, Vecd& places) const {
  const double angle = random.uniform(0.0, 2.0 * kPi, 0, kPlaces);
  const double radius = random.uniform(0.05, 0.2, 1, kPlaces);
  places.head<2>() << radius * std::sin(angle), radius * std::cos(angle);
}

void DmcReacherTask::measure(const mjModel& /*model*/, mjData& data, Vecd& out) const {
  constexpr int kFinger = 3, kTarget = 4;  // bodies
  for (int i = 0; i < 2; ++i) out(i) = data.xpos[3 * kTarget + i] - data.xpos[3 * kFinger + i];
}

void DmcReacherTask::observe(const TaskView& view, Vecd& obs) const {
  const double *q = view.data.qpos, *v = view.data.qvel;
  obs << q[0], q[1], view.after, v[0], v[1];
}

double DmcReacherTask::reward(const TaskView& view, ConstVecRef<double> /*action*/) const {
  return view.after.norm() <= DmcReacherReward<double>::kReach ? 1.0 : 0.0;
}

EnvSpec DmcFingerTask::spec() const {
  EnvSpec spec = make_spec("dmc/finger-spin", kSource, 9, 2, 1.0, 1000, 0.02);
  spec.reward = DmcFingerReward<float>{};
  return spec;
}

Model DmcFingerTask::model() const { return Model::from_string(assets::dmc_finger(), "dmc/finger-spin"); }

void DmcFingerTask::draw_start(const RandomStream& random, Vecd& qpos, Vecd& /*qvel*/) const {
  for (std::uint32_t i = 0; i < 2; ++i) qpos(i) = in_range(random, i, -110, 110);
  qpos(2) = random.uniform(-kPi, kPi, 2, kPositions);
}

bool DmcFingerTask::accepts_start(const mjModel& /*model*/, const mjData& data) const {
  return data.ncon == 0;
}

void DmcFingerTask::measure(const mjModel& /*model*/, mjData& data, Vecd& out) const {
  constexpr int kSpinner = 3, kTip = 2;  // body, site
  for (int i : {0, 2}) out(i / 2) = data.site_xpos[3 * kTip + i] - data.xpos[3 * kSpinner + i];
  for (int i : {0, 1}) out(2 + i) = std::log1p(data.sensordata[i]);
}

void DmcFingerTask::observe(const TaskView& view, Vecd& obs) const {
  const double *q = view.data.qpos, *v = view.data.qvel;
  obs << q[0], q[1], view.after.head<2>(), v[0], v[1], v[2], view.after.tail<2>();
}

double DmcFingerTask::reward(const TaskView& view, ConstVecRef<double> /*action*/) const {
  return view.data.qvel[2] <= -15.0 ? 1.0 : 0.0;
}

EnvSpec DmcBallInCupTask::spec() const {
  EnvSpec spec = make_spec("dmc/ball_in_cup-catch", kSource, 8, 2, 1.0, 1000, 0.02);
  spec.reward = DmcBallInCupReward<float>{};
  return spec;
}

Model DmcBallInCupTask::model() const {
  return Model::from_string(assets::dmc_ball_in_cup(), "dmc/ball_in_cup-catch");
}

void DmcBallInCupTask::draw_start(const RandomStream& random, Vecd& qpos, Vecd& /*qvel*/) const {
  qpos(2) = random.uniform(-0.2, 0.2, 0, kPositions);
  qpos(3) = random.uniform(0.2, 0.5, 1, kPositions);
}

bool DmcBallInCupTask::accepts_start(const mjModel& /*model*/, const mjData& data) const {
  return data.ncon == 0;
}

void DmcBallInCupTask::measure(const mjModel& /*model*/, mjData& data, Vecd& out) const {
  constexpr int kInside = 1, kBall = 2;  // site, body
  for (int i : {0, 2}) out(i / 2) = data.site_xpos[3 * kInside + i] - data.xpos[3 * kBall + i];
}

void DmcBallInCupTask::observe(const TaskView& view, Vecd& obs) const {
  std::copy_n(view.data.qpos, 4, obs.data());
  std::copy_n(view.data.qvel, 4, obs.data() + 4);
}

double DmcBallInCupTask::reward(const TaskView& view, ConstVecRef<double> /*action*/) const {
  return view.after.cwiseAbs().maxCoeff() < DmcBallInCupReward<double>::kReach ? 1.0 : 0.0;
}

EnvSpec DmcWalkerTask::spec() const { return make_spec("dmc/walker-walk", kSource, 24, 6, 1.0, 1000, 0.025); }

Model DmcWalkerTask::model() const { return Model::from_string(assets::dmc_walker(), "dmc/walker-walk"); }

void DmcWalkerTask::draw_start(const RandomStream& random, Vecd& qpos, Vecd& /*qvel*/) const {
  constexpr double kRanges[][2] = {{-20, 100}, {-150, 0}, {-45, 45}};
  qpos(2) = random.uniform(-kPi, kPi, 2, kPositions);
  for (std::uint32_t i = 0; i < 6; ++i)
    qpos(3 + i) = in_range(random, 3 + i, kRanges[i % 3][0], kRanges[i % 3][1]);
}

void DmcWalkerTask::measure(const mjModel& /*model*/, mjData& data, Vecd& out) const {
  for (int body = 1; body <= 7; ++body) {
    out(2 * body - 2) = data.xmat[9 * body];
    out(2 * body - 1) = data.xmat[9 * body + 2];
  }
  constexpr int kTorso = 1;
  out.tail<3>() << data.xpos[3 * kTorso + 2], data.xmat[9 * kTorso + 8], data.sensordata[0];
}

void DmcWalkerTask::observe(const TaskView& view, Vecd& obs) const {
  obs.head<15>() = view.after.head<15>();
  std::copy_n(view.data.qvel, 9, obs.data() + 15);
}

double DmcWalkerTask::reward(const TaskView& view, ConstVecRef<double> /*action*/) const {
  const double height = view.after(14), upright = view.after(15), speed = view.after(16);
  const double stand = (3.0 * dmc_gaussian((1.2 - height) / 0.6) + (1.0 + upright) / 2.0) / 4.0;
  return stand * (5.0 * std::clamp(speed, 0.0, 1.0) + 1.0) / 6.0;
}

}  // namespace mbrl::mujoco
