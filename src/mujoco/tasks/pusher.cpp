// Pusher-v4, Pusher-v5, pets/Pusher and pets/PusherFingertips.
#include "mbrl/mujoco/tasks/pusher.hpp"

#include "mujoco/assets/pusher.hpp"
#include "mujoco/tasks/task_helpers.hpp"

namespace mbrl::mujoco {
namespace {

constexpr int kTips = 10, kArm = 7;  // the tips' body, before those of object and goal

void places(const mjData& data, Vecd& out) { std::copy_n(data.xpos + 3 * kTips, 9, out.data()); }

// Joint angles, their rates, and as many of the places as the observation has room for.
void observe_arm(const TaskView& view, Vecd& obs) {
  std::copy_n(view.data.qpos, kArm, obs.data());
  std::copy_n(view.data.qvel, kArm, obs.data() + kArm);
  obs.tail(obs.size() - 2 * kArm) = view.after.head(obs.size() - 2 * kArm);
}

}  // namespace

EnvSpec PusherTask::spec() const {
  EnvSpec spec =
      make_spec(versioned("Pusher", version_), "Gymnasium 1.4 mujoco/pusher", 23, kArm, 2.0, 100, 0.05);
  spec.reward = PusherReward<float>{version_};
  spec.encoding.hold_constant(20, 3);  // the goal
  return spec;
}

Model PusherTask::model() const {
  return Model::from_string(
      assets::pusher(version_ == GymVersion::kV4 ? assets::light_object() : assets::heavy_object(),
                     "1.714602"),
      versioned("Pusher", version_));
}

void PusherTask::draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const {
  add_uniform(random, 0.005, kVelocities, qvel.head<kArm>());
  for (std::uint32_t attempt = 0;; ++attempt) {
    qpos(7) = random.uniform(-0.3, 0.0, 0, kPlaces, attempt);  // y
    qpos(8) = random.uniform(-0.2, 0.2, 1, kPlaces, attempt);  // x
    if (qpos.segment<2>(7).norm() > 0.17) break;
  }
}

void PusherTask::measure(const mjModel& /*model*/, mjData& data, Vecd& out) const { places(data, out); }

void PusherTask::observe(const TaskView& view, Vecd& obs) const { observe_arm(view, obs); }

double PusherTask::reward(const TaskView& view, ConstVecRef<double> action) const {
  const Vecd& at = version_ == GymVersion::kV4 ? view.before : view.after;
  const auto tips = at.head<3>(), object = at.segment<3>(3), goal = at.tail<3>();
  return -(object - goal).norm() - 0.1 * action.squaredNorm() - 0.5 * (object - tips).norm();
}

EnvSpec PetsPusherTask::spec() const {
  const bool wrist = tips_ == Tips::kWrist;
  EnvSpec spec = make_spec(
      wrist ? "pets/Pusher" : "pets/PusherFingertips",
      wrist ? "handful-of-trials pusher (Chua et al. 2018)"
            : "handful-of-trials pusher (Chua et al. 2018), tips between the fingers as in gym 0.9.4",
      20, kArm, 2.0, 150, 0.04);
  spec.reward = PetsPusherReward<float>{};
  return spec;
}

Model PetsPusherTask::model() const {
  return Model::from_string(assets::pusher(assets::light_object(), "2.0"), "pets/Pusher");
}

void PetsPusherTask::draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const {
  add_uniform(random, 0.005, kVelocities, qvel.head<kArm>());
  qpos.segment<2>(7) << -0.25, 0.15;
  add_normal(random, 0.025, kPlaces, qpos.segment<2>(7));
}

void PetsPusherTask::measure(const mjModel& /*model*/, mjData& data, Vecd& out) const {
  places(data, out);
  if (tips_ == Tips::kBetweenFingers) std::copy_n(data.subtree_com + 3 * kTips, 3, out.data());
}

void PetsPusherTask::observe(const TaskView& view, Vecd& obs) const { observe_arm(view, obs); }

double PetsPusherTask::reward(const TaskView& view, ConstVecRef<double> action) const {
  const auto tips = view.before.head<3>(), object = view.before.segment<3>(3), goal = view.before.tail<3>();
  return -1.25 * (object - goal).lpNorm<1>() - 0.5 * (object - tips).lpNorm<1>() - 0.1 * action.squaredNorm();
}

}  // namespace mbrl::mujoco
