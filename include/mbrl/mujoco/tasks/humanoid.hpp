// Humanoid as Gymnasium has it (v4, v5) and as MBPO has it, walking; HumanoidStandup, getting up.
#pragma once

#include <string>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/mujoco/engine/task_environment.hpp"
#include "mbrl/mujoco/tasks/gym_version.hpp"

namespace mbrl::mujoco {

/// What the tasks share. obs: 0 height (m), 1-4 quaternion w x y z, 5-21 joint angles (rad), 22-24 linear
/// velocity (world, m/s), 25-27 angular velocity (body, rad/s), 28-44 joint rates; then, but for the truncated
/// observation (45), of all bodies the inertias about the centre of mass (10 each), the velocities [angular,
/// linear] (6 each), the joint forces of the motors (23), the contact wrenches [torque, force] (6 each). v4
/// (376) has the world and the free joint among them, v5 (348) has not. Actions (17) in [-0.4, 0.4] x 25 to
/// 300 N m; dt 0.015 s, 1000 steps. Start: qpos and qvel + U(-0.01, 0.01), the quaternion normalised.
class HumanoidBody {
 public:
  enum class Version { kV4, kV5, kTruncated };

  int frame_skip() const { return 5; }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const;
  /// x of the centre of mass, sum of squared contact wrenches, and what is observed beyond positions and
  /// velocities.
  int measured_dim() const;
  void measure(const mjModel& model, mjData& data, Vecd& out) const;
  void observe(const TaskView& view, Vecd& obs) const;

 protected:
  explicit HumanoidBody(Version version) : version_(version) {}
  EnvSpec spec(const std::string& name, const std::string& source) const;
  // min(5e-7 sum of squares, 10)
  double contact_cost(const TaskView& view) const;
  Version version_;
};

constexpr auto enum_names(HumanoidBody::Version) {
  using Version = HumanoidBody::Version;
  return std::array{std::pair{Version::kV4, "v4"}, std::pair{Version::kV5, "v5"},
                    std::pair{Version::kTruncated, "truncated"}};
}

/// With C the x of the centre of mass, as of the last evaluation inside mj_step,
///   reward = 1.25 (C' - C) / dt + 5 - 0.1 |a|^2 - contact cost.
/// v4 has no contact cost; v5 gives the 5 in healthy states only, 1 < height < 2. Terminates when unhealthy.
/// C is not observed, so the reward has to be learned.
class HumanoidTask : public HumanoidBody {
 public:
  explicit HumanoidTask(Version version = Version::kV5) : HumanoidBody(version) {}
  EnvSpec spec() const;
  Model model() const;
  double reward(const TaskView& view, ConstVecRef<double> action) const;
  bool terminated(const TaskView& view) const;

 private:
  std::string name() const;
};

/// Starts lying on its back. reward = height / 0.003 s (the time step, not dt) + 1 - 0.1 |a|^2 - contact cost.
/// Never terminates. v5 differs from v4 in the observation alone.
class HumanoidStandupTask : public HumanoidBody {
 public:
  explicit HumanoidStandupTask(GymVersion version = GymVersion::kV5)
      : HumanoidBody(version == GymVersion::kV4 ? Version::kV4 : Version::kV5) {}
  EnvSpec spec() const;
  Model model() const;
  double reward(const TaskView& view, ConstVecRef<double> action) const;

 private:
  std::string name() const;
};

using Humanoid = TaskEnvironment<HumanoidTask>;
using HumanoidStandup = TaskEnvironment<HumanoidStandupTask>;

/// 1 where the environment terminates; heights of exactly 1 and 2 count as healthy here, as in MBPO's
/// function.
template <class S>
struct HumanoidTermination {
  void operator()(ConstBatchRef<S> next_obs, VecRef<S> done) const {
    for (Index i = 0; i < next_obs.cols(); ++i)
      done(i) = S(!(next_obs(0, i) >= S(1) && next_obs(0, i) <= S(2)));
  }
};

}  // namespace mbrl::mujoco
