// The dm_control suite's tasks that model-based RL is measured on (Tassa et al. 2018, "DeepMind Control
// Suite").
#pragma once

#include <cmath>
#include <string>

#include "mbrl/mujoco/engine/task_environment.hpp"

namespace mbrl::mujoco {

/// What they have in common. Actions in [-1, 1], 1000 control steps, rewards in [0, 1], no termination;
/// derived quantities are those of the new state, but for sensors of forces, which lag by a time step.
/// Published results repeat actions: see ActionRepeat.
class DmcTask {
 public:
  Derived derived() const { return Derived::kInSync; }
};

/// 1 where the distance is 0 or negative, falling off to 0.1 at 1: exp(ln(0.1) distance^2).
template <class S>
S dmc_gaussian(S distance) {
  const S scale = std::sqrt(S(-2) * std::log(S(0.1)));
  return distance > S(0) ? std::exp(S(-0.5) * (distance * scale) * (distance * scale)) : S(1);
}

/// Run. obs (17): height offset (m), pitch, six leg angles (rad), vx, vz (m/s), pitch rate, six leg rates
/// (rad/s). Actions (6): torques of 120, 90, 60, 90, 60, 30 N m; a control step lasts 0.01 s. Start: every leg
/// joint uniform in its range, then 200 time steps to settle. reward = clip(v / 10 m/s, 0, 1) with v the
/// centre of mass's, which is not observed: it has to be learned.
class DmcCheetahTask : public DmcTask {
 public:
  EnvSpec spec() const;
  Model model() const;
  int frame_skip() const { return 1; }
  int settling_steps() const { return 200; }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const;
  int measured_dim() const { return 1; }  // v
  void measure(const mjModel& model, mjData& data, Vecd& out) const;
  void observe(const TaskView& view, Vecd& obs) const;
  double reward(const TaskView& view, ConstVecRef<double> action) const;
};

/// With s' the observation after the step, exact:
///   (1 + cos th) / 2  (1 + g(x / 2)) / 2  (4 + max(0, 1 - u^2)) / 5  (1 + g(th' / 5)) / 2, g the Gaussian
/// that is 0.1 at 1.
template <class S>
struct DmcCartPoleReward {
  S operator()(ConstVecRef<S> next_obs, S action) const {
    const S upright = (next_obs(1) + S(1)) / S(2);
    const S centred = (S(1) + dmc_gaussian(std::abs(next_obs(0)) / S(2))) / S(2);
    const S gentle = (S(4) + (std::abs(action) < S(1) ? S(1) - action * action : S(0))) / S(5);
    const S slow = (S(1) + dmc_gaussian(std::abs(next_obs(4)) / S(5))) / S(2);
    return upright * gentle * slow * centred;
  }
  void operator()(ConstBatchRef<S> /*obs*/, ConstBatchRef<S> action, ConstBatchRef<S> next_obs, int /*t*/,
                  VecRef<S> out) const {
    for (Index i = 0; i < out.size(); ++i) out(i) = (*this)(next_obs.col(i), action(0, i));
  }
};

/// Swing-up. obs (5): x (m), cos th, sin th (0 up), their rates. Action (1): 10 N; 0.01 s. Start: x = N(0,
/// 0.01), th = pi + N(0, 0.01), rates N(0, 0.01).
class DmcCartPoleTask : public DmcTask {
 public:
  EnvSpec spec() const;
  Model model() const;
  int frame_skip() const { return 1; }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const;
  int measured_dim() const { return 2; }  // cos th, sin th
  void measure(const mjModel& model, mjData& data, Vecd& out) const;
  void observe(const TaskView& view, Vecd& obs) const;
  double reward(const TaskView& view, ConstVecRef<double> action) const;
};

/// 1 if the finger is within 0.06 m of the target after the step, exact.
template <class S>
struct DmcReacherReward {
  static constexpr double kReach = 0.05 + 0.01;  // radii of target and finger, m
  void operator()(ConstBatchRef<S> /*obs*/, ConstBatchRef<S> /*action*/, ConstBatchRef<S> next_obs, int /*t*/,
                  VecRef<S> out) const {
    for (Index i = 0; i < out.size(); ++i)
      out(i) = S(next_obs.col(i).template segment<2>(2).norm() <= S(kReach));
  }
};

/// Reach, easy. obs (6): shoulder, wrist (rad), target minus finger x, y (m), joint rates (rad/s). Actions
/// (2): 0.05 N m; 0.02 s. Start: shoulder U(-pi, pi), wrist uniform in its range, target r (sin b, cos b) with
/// r = U(0.05, 0.2) m, b = U(0, 2 pi). The target's place is part of the physical state, mocap0 to mocap2.
class DmcReacherTask : public DmcTask {
 public:
  EnvSpec spec() const;
  Model model() const;
  int frame_skip() const { return 1; }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const;
  void draw_places(const RandomStream& random, Vecd& places) const;
  int measured_dim() const { return 2; }  // target minus finger
  void measure(const mjModel& model, mjData& data, Vecd& out) const;
  void observe(const TaskView& view, Vecd& obs) const;
  double reward(const TaskView& view, ConstVecRef<double> action) const;
};

/// 1 if the body spins at 15 rad/s or faster the one way after the step, exact.
template <class S>
struct DmcFingerReward {
  void operator()(ConstBatchRef<S> /*obs*/, ConstBatchRef<S> /*action*/, ConstBatchRef<S> next_obs, int /*t*/,
                  VecRef<S> out) const {
    for (Index i = 0; i < out.size(); ++i) out(i) = S(next_obs(6, i) <= S(-15));
  }
};

/// Spin. obs (9): proximal and distal joint (rad), tip of the body relative to its hinge x, z (m), rates of
/// the two joints and the hinge (rad/s), log(1 + touch) at top and bottom of the fingertip (touch in N).
/// Actions (2): 30, 15 N m; 0.02 s. Start: all joints uniform, those of the finger in their ranges, without
/// contacts.
class DmcFingerTask : public DmcTask {
 public:
  EnvSpec spec() const;
  Model model() const;
  int frame_skip() const { return 2; }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const;
  bool accepts_start(const mjModel& model, const mjData& data) const;
  int measured_dim() const { return 4; }  // tip minus hinge, log(1 + touch)
  void measure(const mjModel& model, mjData& data, Vecd& out) const;
  void observe(const TaskView& view, Vecd& obs) const;
  double reward(const TaskView& view, ConstVecRef<double> action) const;
};

/// 1 if the ball is within 0.025 m of the middle of the cup in x and in z after the step, exact.
template <class S>
struct DmcBallInCupReward {
  static constexpr double kReach = 0.05 - 0.025;
  void operator()(ConstBatchRef<S> /*obs*/, ConstBatchRef<S> /*action*/, ConstBatchRef<S> next_obs, int /*t*/,
                  VecRef<S> out) const {
    for (Index i = 0; i < out.size(); ++i) {
      const S x = next_obs(0, i) - next_obs(2, i);
      const S z = S(0.6 - 0.05 - 0.2) + next_obs(1, i) - next_obs(3, i);
      out(i) = S(std::abs(x) < S(kReach) && std::abs(z) < S(kReach));
    }
  }
};

/// Catch. obs (8): cup x, z, ball x, z (m), their rates. Actions (2): 5 N; 0.02 s. Start: the ball at x =
/// U(-0.2, 0.2), z = U(0.2, 0.5), touching nothing.
class DmcBallInCupTask : public DmcTask {
 public:
  EnvSpec spec() const;
  Model model() const;
  int frame_skip() const { return 10; }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const;
  bool accepts_start(const mjModel& model, const mjData& data) const;
  int measured_dim() const { return 2; }  // cup's middle minus ball, x and z
  void measure(const mjModel& model, mjData& data, Vecd& out) const;
  void observe(const TaskView& view, Vecd& obs) const;
  double reward(const TaskView& view, ConstVecRef<double> action) const;
};

/// Walk. obs (24): xx and xz of the rotation of torso, right thigh, leg, foot, left thigh, leg, foot; the
/// torso's height (m); the rates of z, x, pitch and six joints. Actions (6): hip 100, knee 50, ankle 20 N m,
/// right then left; 0.025 s. Start: six joints uniform in their ranges, pitch U(-pi, pi). With h the torso's
/// height, zz its uprightness and v the velocity of the centre of mass,
///   stand = (3 g((1.2 - h) / 0.6) + (1 + zz) / 2) / 4, reward = stand (5 clip(v, 0, 1) + 1) / 6.
/// v is not observed, so the reward has to be learned.
class DmcWalkerTask : public DmcTask {
 public:
  EnvSpec spec() const;
  Model model() const;
  int frame_skip() const { return 10; }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const;
  int measured_dim() const { return 17; }  // 7 x (xx, xz), height, zz, v
  void measure(const mjModel& model, mjData& data, Vecd& out) const;
  void observe(const TaskView& view, Vecd& obs) const;
  double reward(const TaskView& view, ConstVecRef<double> action) const;
};

}  // namespace mbrl::mujoco
