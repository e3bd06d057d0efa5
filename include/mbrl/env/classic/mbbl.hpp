// The classic control tasks of the model-based RL benchmark (Wang et al. 2019, "Benchmarking Model-Based
// Reinforcement Learning"): Gymnasium's dynamics, rewards that are functions of the observation before the
// step, episodes of a fixed length.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/env/registry.hpp"
#include "mbrl/env/wrappers/wrappers.hpp"

namespace mbrl {

/// With s the observation before the step and a the action, in [-1, 1]; each is the environment's reward, exact.
/// mbbl/Pendulum (s = cos th, sin th, w): -(s0 + 0.1 |s1| + 0.1 s2^2 + 0.001 u^2) with the torque
/// u = clip(2 a, -2, 2), largest where the pendulum hangs: as the benchmark has it.
template <class S>
struct MbblPendulumReward {
  void operator()(ConstBatchRef<S> obs, ConstBatchRef<S> action, ConstBatchRef<S> /*next_obs*/, int /*t*/,
                  VecRef<S> out) const {
    for (Index i = 0; i < obs.cols(); ++i) {
      const S torque = std::clamp(S(2) * action(0, i), S(-2), S(2));
      out(i) = -(obs(0, i) + S(0.1) * std::abs(obs(1, i)) + S(0.1) * obs(2, i) * obs(2, i) +
                 S(0.001) * torque * torque);
    }
  }
};

/// mbbl/MountainCar: the position, s0.
template <class S>
struct MbblMountainCarReward {
  void operator()(ConstBatchRef<S> obs, ConstBatchRef<S> /*action*/, ConstBatchRef<S> /*next_obs*/, int /*t*/,
                  VecRef<S> out) const {
    out = obs.row(0).transpose();
  }
};

/// mbbl/CartPole: cos th - 0.01 x^2.
template <class S>
struct MbblCartPoleReward {
  void operator()(ConstBatchRef<S> obs, ConstBatchRef<S> /*action*/, ConstBatchRef<S> /*next_obs*/, int /*t*/,
                  VecRef<S> out) const {
    out = (obs.row(2).array().cos() - S(0.01) * obs.row(0).array().square()).transpose();
  }
};

/// mbbl/Acrobot: the height of the tip, -(cos th1 + cos(th1 + th2)).
template <class S>
struct MbblAcrobotReward {
  void operator()(ConstBatchRef<S> obs, ConstBatchRef<S> /*action*/, ConstBatchRef<S> /*next_obs*/, int /*t*/,
                  VecRef<S> out) const {
    for (Index i = 0; i < obs.cols(); ++i)
      out(i) = -(obs(0, i) + obs(0, i) * obs(2, i) - obs(1, i) * obs(3, i));
  }
};

/// One of them: 200 steps, never terminates. Its actions are numbers in [-1, 1] that become the environment's
/// own: mbbl/Pendulum stretches them to its torque, mbbl/MountainCar clips them, mbbl/CartPole pushes right if
/// above 0, else left, mbbl/Acrobot takes the torque -1 below -0.33, 1 from 0.33 on, else 0.
class MbblClassic : public Wrapper {
 public:
  enum class Task { kPendulum, kMountainCar, kCartPole, kAcrobot };
  explicit MbblClassic(Task task);

  Vecd reset(std::uint64_t seed) { return begin(env_.reset(seed)); }
  StepResult step(ConstVecRef<double> action);
  std::vector<double> state() const;
  void set_state(const std::vector<double>& state);
  Vecd set_physics_state(const std::vector<double>& values) { return begin(env_.set_physics_state(values)); }

 private:
  Vecd begin(const Vecd& obs);

  Task task_;
  RewardFunction<double> reward_;
  Vecd obs_;  // the last one
  int steps_ = 0;
  EpisodeGuard episode_;
};

constexpr auto enum_names(MbblClassic::Task) {
  using Task = MbblClassic::Task;
  return std::array{std::pair{Task::kPendulum, "Pendulum"}, std::pair{Task::kMountainCar, "MountainCar"},
                    std::pair{Task::kCartPole, "CartPole"}, std::pair{Task::kAcrobot, "Acrobot"}};
}

}  // namespace mbrl
