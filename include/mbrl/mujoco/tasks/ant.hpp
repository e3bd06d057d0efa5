// Ant as Gymnasium has it (v4, v5) and as MBPO has it: walk forward on four legs.
#pragma once

#include <string>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/mujoco/engine/task_environment.hpp"

namespace mbrl::mujoco {

/// obs: 0 height (m), 1-4 quaternion w x y z, 5-12 hip and ankle 1, 2, 3, 4 (rad), 13-15 linear velocity
/// (world, m/s), 16-18 angular velocity (body, rad/s), 19-26 joint rates. v5 adds the contact wrenches
/// [torque, force] of bodies 1 to 13, clipped to +-1 (105 entries), v4 with contact forces those of the world
/// (zero) before them (111); v4 and MBPO's truncated version have none (27). Actions (8) in [-1, 1] x 150 N m,
/// in the order hip 4, ankle 4, hip 1, ankle 1, hip 2, ...; dt 0.05 s, 1000 steps. Start: qpos + U(-0.1, 0.1)
/// with the quaternion normalised, qvel = 0.1 N(0, 1). Healthy: 0.2 <= height <= 1. With X the torso's x as of
/// the last evaluation inside mj_step,
///   reward = (X' - X) / dt + 1 - 0.5 |a|^2 - contact cost, contact cost = 5e-4 sum clip(wrench, -1, 1)^2.
/// v4 without contact forces has no contact cost; v5 gives the 1 in healthy states only. Terminates when
/// unhealthy. X is not observed, so the reward has to be learned.
class AntTask {
 public:
  /// kV4Contact is Gymnasium's v4 with use_contact_forces=True.
  enum class Version { kV4, kV4Contact, kV5, kTruncated };
  explicit AntTask(Version version = Version::kV5) : version_(version) {}

  EnvSpec spec() const;
  Model model() const;
  int frame_skip() const { return 5; }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const;
  int measured_dim() const;  // X, and but for v4 the 13 x 6 clipped contact wrenches
  void measure(const mjModel& model, mjData& data, Vecd& out) const;
  void observe(const TaskView& view, Vecd& obs) const;
  double reward(const TaskView& view, ConstVecRef<double> action) const;
  bool terminated(const TaskView& view) const;

 private:
  std::string name() const;
  Version version_;
};

constexpr auto enum_names(AntTask::Version) {
  using Version = AntTask::Version;
  return std::array{std::pair{Version::kV4, "v4"}, std::pair{Version::kV4Contact, "v4 with contact forces"},
                    std::pair{Version::kV5, "v5"}, std::pair{Version::kTruncated, "truncated"}};
}

using Ant = TaskEnvironment<AntTask>;

/// 1 where the environment terminates, exact.
template <class S>
struct AntTermination {
  void operator()(ConstBatchRef<S> next_obs, VecRef<S> done) const {
    for (Index i = 0; i < next_obs.cols(); ++i)
      done(i) = S(!(next_obs.col(i).allFinite() && next_obs(0, i) >= S(0.2) && next_obs(0, i) <= S(1)));
  }
};

}  // namespace mbrl::mujoco
