// The walkers and the pendulum of the model-based RL benchmark (Wang et al. 2019, "Benchmarking Model-Based
// Reinforcement Learning"), whose rewards are functions of the observation before the step.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "mbrl/mujoco/engine/task_environment.hpp"
#include "mbrl/mujoco/tasks/ant.hpp"
#include "mbrl/mujoco/tasks/half_cheetah.hpp"
#include "mbrl/mujoco/tasks/hopper.hpp"
#include "mbrl/mujoco/tasks/humanoid.hpp"
#include "mbrl/mujoco/tasks/inverted_pendulum.hpp"
#include "mbrl/mujoco/tasks/reacher.hpp"
#include "mbrl/mujoco/tasks/swimmer.hpp"
#include "mbrl/mujoco/tasks/walker2d.hpp"

namespace mbrl::mujoco {

/// What the tasks differ in. With s the observation before the step,
///   reward = speed_weight s[speed] - penalty_weight (s[penalised] - target)^2 - action_weight |a|^2 + bonus.
struct MbblFacts {
  std::string name;
  int skipped = 1;  // leading positions that are not observed: x, or x and y
  int speed = 0;
  double speed_weight = 1.0;
  int penalised = 0;
  double penalty_weight = 0.0, target = 0.0;
  double action_weight = 0.1;
  double bonus = 0.0;
  /// A healthy state: s[0] above low and below high, |s[1]| below tilt. The bounds of s[0] belong to it if
  /// closed.
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity(),
         tilt = std::numeric_limits<double>::infinity();
  bool closed = false;
  bool bonus_if_healthy = false;  // else always
  bool terminates = false;        // when unhealthy; else episodes have a fixed length
  int max_steps = 1000;
};

/// NaN is unhealthy.
template <class S>
bool mbbl_healthy(const MbblFacts& facts, ConstVecRef<S> obs) {
  const S height = obs(0), low = S(facts.low), high = S(facts.high);
  const bool inside = facts.closed ? height >= low && height <= high : height > low && height < high;
  return inside && std::abs(obs(1)) < S(facts.tilt);
}

/// The environment's reward, exact: it is a function of the observation before the step and the action.
template <class S>
struct MbblReward {
  MbblFacts facts;

  S operator()(ConstVecRef<S> obs, ConstVecRef<S> action) const {
    const S off = obs(facts.penalised) - S(facts.target);
    const bool alive = !facts.bonus_if_healthy || mbbl_healthy<S>(facts, obs);
    return S(facts.speed_weight) * obs(facts.speed) - S(facts.penalty_weight) * off * off -
           S(facts.action_weight) * action.squaredNorm() + (alive ? S(facts.bonus) : S(0));
  }
  void operator()(ConstBatchRef<S> obs, ConstBatchRef<S> action, ConstBatchRef<S> /*next_obs*/, int /*t*/,
                  VecRef<S> out) const {
    for (Index i = 0; i < obs.cols(); ++i) out(i) = (*this)(obs.col(i), action.col(i));
  }
};

/// 1 where an ET ("early termination") variant terminates, exact.
template <class S>
struct MbblTermination {
  MbblFacts facts;

  void operator()(ConstBatchRef<S> next_obs, VecRef<S> done) const {
    for (Index i = 0; i < next_obs.cols(); ++i)
      done(i) = S(!(next_obs.col(i).allFinite() && mbbl_healthy<S>(facts, next_obs.col(i))));
  }
};

/// A Gymnasium task's model, actions, control step and start; the observation is that of its positions but the
/// skipped ones, then its velocities, not clipped. The skipped positions start at zero.
template <class Gym>
class MbblTask {
 public:
  MbblTask(Gym gym, MbblFacts facts) : gym_(std::move(gym)), reward_{std::move(facts)} {}

  EnvSpec spec() const {
    EnvSpec spec = gym_.spec();
    spec.name = facts().name;
    spec.source = "mbbl (Wang et al. 2019)";
    spec.max_steps = facts().max_steps;
    spec.reward = MbblReward<float>{facts()};
    spec.termination = {};
    if (facts().terminates) spec.termination = MbblTermination<float>{facts()};
    return spec;
  }
  Model model() const { return gym_.model(); }
  int frame_skip() const { return gym_.frame_skip(); }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const {
    gym_.draw_start(random, qpos, qvel);
    qpos.head(facts().skipped).setZero();
  }
  int measured_dim() const { return gym_.spec().obs_dim; }  // the observation, which the next reward needs
  void measure(const mjModel& model, mjData& data, Vecd& out) const {
    double* next = std::copy(data.qpos + facts().skipped, data.qpos + model.nq, out.data());
    std::copy_n(data.qvel, model.nv, next);
  }
  void observe(const TaskView& view, Vecd& obs) const { obs = view.after; }
  double reward(const TaskView& view, ConstVecRef<double> action) const {
    return reward_(view.before, action);
  }
  bool terminated(const TaskView& view) const {
    return facts().terminates && !mbbl_healthy<double>(facts(), view.after);
  }
  const MbblFacts& facts() const { return reward_.facts; }

 private:
  Gym gym_;
  MbblReward<double> reward_;
};

/// Reacher-v4 under the benchmark's name: its reward is a function of the observation before the step as it
/// is.
class MbblReacherTask : public ReacherTask {
 public:
  MbblReacherTask() : ReacherTask(GymVersion::kV4) {}
  EnvSpec spec() const {
    EnvSpec spec = ReacherTask::spec();
    spec.name = "mbbl/Reacher";
    spec.source = "mbbl (Wang et al. 2019)";
    return spec;
  }
};

/// Speeds in m/s, heights in m, pitch in rad.
inline MbblTask<HalfCheetahTask> mbbl_half_cheetah() {
  return {HalfCheetahTask("HalfCheetah-v4"), {.name = "mbbl/HalfCheetah", .skipped = 1, .speed = 8}};
}
inline MbblTask<SwimmerTask> mbbl_swimmer() {
  return {SwimmerTask(GymVersion::kV4),
          {.name = "mbbl/Swimmer", .skipped = 2, .speed = 3, .action_weight = 1e-4}};
}
inline MbblTask<Walker2dTask> mbbl_walker2d(bool et) {
  return {Walker2dTask(GymVersion::kV4),
          {.name = et ? "mbbl/Walker2dET" : "mbbl/Walker2d",
           .skipped = 1,
           .speed = 8,
           .penalty_weight = 3.0,
           .target = 1.3,
           .bonus = 1.0,
           .low = 0.8,
           .high = 2.0,
           .tilt = 1.0,
           .bonus_if_healthy = et,
           .terminates = et}};
}
inline MbblTask<HopperTask> mbbl_hopper(bool et) {
  return {HopperTask(GymVersion::kV4),
          {.name = et ? "mbbl/HopperET" : "mbbl/Hopper",
           .skipped = 1,
           .speed = 5,
           .penalty_weight = 3.0,
           .target = 1.3,
           .bonus = 1.0,
           .low = 0.7,
           .tilt = 0.2,
           .bonus_if_healthy = et,
           .terminates = et}};
}
inline MbblTask<AntTask> mbbl_ant(bool et) {
  return {AntTask(AntTask::Version::kV4),
          {.name = et ? "mbbl/AntET" : "mbbl/Ant",
           .skipped = 2,
           .speed = 13,
           .penalty_weight = 3.0,
           .target = 0.57,
           .bonus = 1.0,
           .low = 0.2,
           .high = 1.0,
           .closed = true,
           .bonus_if_healthy = et,
           .terminates = et}};
}
/// Gives the bonus in healthy states only, whether it terminates or not.
inline MbblTask<HumanoidTask> mbbl_slim_humanoid(bool et) {
  return {HumanoidTask(HumanoidTask::Version::kTruncated),
          {.name = et ? "mbbl/SlimHumanoidET" : "mbbl/SlimHumanoid",
           .skipped = 2,
           .speed = 22,
           .speed_weight = 0.25 / 0.015,
           .bonus = 5.0,
           .low = 1.0,
           .high = 2.0,
           .closed = true,
           .bonus_if_healthy = true,
           .terminates = et}};
}
inline MbblTask<InvertedPendulumTask> mbbl_inverted_pendulum() {
  return {InvertedPendulumTask(GymVersion::kV4),
          {.name = "mbbl/InvertedPendulum",
           .skipped = 0,
           .speed_weight = 0.0,
           .penalised = 1,
           .penalty_weight = 1.0,
           .action_weight = 0.0,
           .max_steps = 100}};
}

}  // namespace mbrl::mujoco
