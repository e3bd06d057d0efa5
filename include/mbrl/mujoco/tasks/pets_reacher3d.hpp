// PETS's reacher in space: bring a seven-joint arm's end to a target.
#pragma once

#include <array>
#include <cmath>

#include <Eigen/Geometry>

#include "mbrl/mujoco/engine/task_environment.hpp"

namespace mbrl::mujoco {

/// obs (17): seven joint angles (rad), target x, y, z (m), seven joint rates (rad/s). Actions (7) in [-20, 20]
/// N m; dt 0.02 s, 150 steps. Start: arm at rest at zero (on two of its limits), target (0, 0.25, 0) + N(0,
/// 0.1).
///   reward = -|E - target|^2 - 0.01 |a|^2 after the step, with E of reacher3d_end. Never terminates.
class PetsReacher3DTask {
 public:
  EnvSpec spec() const;
  Model model() const;
  int frame_skip() const { return 2; }
  void draw_start(const RandomStream& random, Vecd& qpos, Vecd& qvel) const;
  void observe(const TaskView& view, Vecd& obs) const;
  double reward(const TaskView& view, ConstVecRef<double> action) const;
};

using PetsReacher3D = TaskEnvironment<PetsReacher3DTask>;

/// The arm's end (m) at seven joint angles (rad; the last does not matter), as PETS computes it. It lies
/// midway between the model's two fingertip links as long as the elbow's angle is negative, as its limit
/// wants; above zero PETS's formula, kept here, mirrors the forearm's frame and is off by up to 0.3 m, and at
/// zero it is singular.
template <class S, class Angles>
Eigen::Matrix<S, 3, 1> reacher3d_end(const Angles& angle) {
  using Vector = Eigen::Matrix<S, 3, 1>;
  const S c1 = std::cos(angle(0)), s1 = std::sin(angle(0)), c2 = std::cos(angle(1)), s2 = std::sin(angle(1));
  Vector along(c2 * c1, c2 * s1, -s2), across(-s1, c1, S(0));
  Vector end(S(0.1) * c1 + S(0.4) * c1 * c2, S(0.1) * s1 + S(0.4) * s1 * c2 - S(0.188), S(-0.4) * s2);
  for (const auto& [length, roll, hinge] :
       {std::array<S, 3>{S(0.321), angle(2), angle(3)}, std::array<S, 3>{S(0.16828), angle(4), angle(5)}}) {
    const Vector next = std::cos(hinge) * along + std::sin(hinge) * std::sin(roll) * across -
                        std::sin(hinge) * std::cos(roll) * along.cross(across);
    const Vector turned = next.cross(along);
    const S norm = turned.norm();
    if (!(norm < S(1e-30))) across = turned / norm;
    along = next;
    end += length * along;
  }
  return end;
}

/// The environment's reward, exact; the target is the observed one.
template <class S>
struct PetsReacher3DReward {
  void operator()(ConstBatchRef<S> /*obs*/, ConstBatchRef<S> action, ConstBatchRef<S> next_obs, int /*t*/,
                  VecRef<S> out) const {
    for (Index i = 0; i < next_obs.cols(); ++i) {
      const auto s = next_obs.col(i);
      out(i) = -(reacher3d_end<S>(s) - s.template segment<3>(7)).squaredNorm() -
               S(0.01) * action.col(i).squaredNorm();
    }
  }
};

}  // namespace mbrl::mujoco
