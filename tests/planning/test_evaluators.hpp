// Small evaluators with known answers for the planners' tests.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include "mbrl/core/random.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"

namespace mbrl::planning_test {

// Return of one action sequence (action_dim x horizon) from a state.
template <class S>
using Objective = std::function<S(const Vec<S>& state, const Batch<S>& actions)>;

// Evaluates an objective, remembers what it was asked.
template <class S>
class ObjectiveEvaluator {
 public:
  using Scalar = S;
  using State = Vec<S>;

  ObjectiveEvaluator(int action_dim, int horizon, Objective<S> f, int threads = 1)
      : objective(std::move(f)), action_dim_(action_dim), horizon_(horizon), pool_(threads) {}

  int horizon() const { return horizon_; }
  int action_dim() const { return action_dim_; }

  void evaluate(const State& state, ConstBatchRef<S> actions, RolloutKey key, VecRef<S> returns) {
    candidates += actions.cols();
    last_key = key;
    last_actions = actions;
    pool_.parallel_for(actions.cols(), 4, [&](Index begin, Index end, int) {
      for (Index k = begin; k < end; ++k) returns(k) = value(state, actions, k);
    });
    last_returns = returns;
  }

  Objective<S> objective;
  std::int64_t candidates = 0;
  RolloutKey last_key;
  Batch<S> last_actions;
  Vec<S> last_returns;

 private:
  S value(const State& state, ConstBatchRef<S> actions, Index k) const {
    return objective(state, actions.col(k).reshaped(action_dim_, horizon_));
  }
  int action_dim_, horizon_;
  ThreadPool pool_;
};

// Adds noise to an objective: one part shared by all candidates of an evaluation, one of each candidate's
// own.
template <class S>
class NoisyEvaluator {
 public:
  using Scalar = S;
  using State = Vec<S>;
  static constexpr S kNaN = std::numeric_limits<S>::quiet_NaN();

  NoisyEvaluator(int action_dim, int horizon, int particles, Objective<S> f, S shared_sd, S own_sd,
                 int threads = 1)
      : objective(std::move(f)),
        action_dim_(action_dim),
        horizon_(horizon),
        particles_(particles),
        shared_sd_(shared_sd),
        own_sd_(own_sd),
        pool_(threads) {}

  int horizon() const { return horizon_; }
  int action_dim() const { return action_dim_; }
  int particles() const { return particles_; }

  void evaluate_particles(const State& state, ConstBatchRef<S> actions, const std::uint32_t* ids,
                          RolloutKey key, int first, int last, BatchRef<S> returns) {
    rollouts += actions.cols() * (last - first);
    pool_.parallel_for(actions.cols(), 4, [&](Index begin, Index end, int) {
      for (Index k = begin; k < end; ++k) {
        const Batch<S> sequence = actions.col(k).reshaped(action_dim_, horizon_);
        const S value = objective(state, sequence);
        for (int p = first; p < last; ++p) {
          const auto particle = static_cast<std::uint32_t>(p);
          const auto when = key.plan * 64 + key.iteration;
          returns(p - first, k) = value + shared_sd_ * static_cast<S>(noise_.normal(when, particle, 0, 1)) +
                                  own_sd_ * static_cast<S>(noise_.normal(when, particle, ids[k], 2));
          if (poisoned && poisoned(sequence, p)) returns(p - first, k) = kNaN;
        }
      }
    });
  }

  // As EnsembleRollout: NaN particles count as the worst usable one, all NaN gives NaN.
  void evaluate(const State& state, ConstBatchRef<S> actions, RolloutKey key, VecRef<S> returns) {
    last_key = key;
    std::vector<std::uint32_t> ids(static_cast<std::size_t>(actions.cols()));
    for (std::size_t k = 0; k < ids.size(); ++k) ids[k] = static_cast<std::uint32_t>(k);
    Batch<S> values(particles_, actions.cols());
    evaluate_particles(state, actions, ids.data(), key, 0, particles_, values);
    S worst = std::numeric_limits<S>::infinity();
    for (const S v : values.reshaped())
      if (std::isfinite(v)) worst = std::min(worst, v);
    for (Index k = 0; k < actions.cols(); ++k) {
      S sum = 0;
      bool usable = false;
      for (int p = 0; p < particles_; ++p) {
        usable = usable || std::isfinite(values(p, k));
        sum += std::isfinite(values(p, k)) ? values(p, k) : worst;
      }
      returns(k) = usable ? sum / static_cast<S>(particles_) : kNaN;
    }
  }

  Objective<S> objective;
  std::function<bool(const Batch<S>& actions, int particle)> poisoned;
  std::int64_t rollouts = 0;
  RolloutKey last_key;

 private:
  int action_dim_, horizon_, particles_;
  S shared_sd_, own_sd_;
  ThreadPool pool_;
  RandomStream noise_{7, Stream::kModelNoise};
};

// -|A - target|^2 with a different target for every entry, all inside [-1, 1]; state(0) moves them.
template <class S>
Objective<S> quadratic() {
  return [](const Vec<S>& state, const Batch<S>& actions) {
    S sum = 0;
    for (Index i = 0; i < actions.size(); ++i) {
      const S target = S(0.7) * std::sin(S(1.3) * static_cast<S>(i) + state(0));
      sum -= (actions(i) - target) * (actions(i) - target);
    }
    return sum;
  };
}

// The torque-limited pendulum: angle 0 is upright; cost angle^2 + 0.1 rate^2 + 0.001 torque^2.
struct RigidPendulum {
  double mass = 1.0, length = 1.0, gravity = 10.0, dt = 0.05;

  template <class S>
  S step(Vec<S>& state, S torque) const {
    const S angle = std::remainder(state(0), S(2) * std::numbers::pi_v<S>);
    const S cost = angle * angle + S(0.1) * state(1) * state(1) + S(0.001) * torque * torque;
    state(1) += static_cast<S>(dt) * (static_cast<S>(1.5 * gravity / length) * std::sin(state(0)) +
                                      static_cast<S>(3.0 / (mass * length * length)) * torque);
    state(1) = std::clamp(state(1), S(-8), S(8));
    state(0) += static_cast<S>(dt) * state(1);
    return -cost;
  }

  template <class S>
  Objective<S> objective() const {
    return [self = *this](const Vec<S>& start, const Batch<S>& actions) {
      Vec<S> state = start;
      S sum = 0;
      for (Index t = 0; t < actions.cols(); ++t) sum += self.step(state, actions(0, t));
      return sum;
    };
  }
};

template <class S>
Vec<S> vec(std::initializer_list<S> values) {
  Vec<S> v(static_cast<Index>(values.size()));
  std::copy(values.begin(), values.end(), v.begin());
  return v;
}

}  // namespace mbrl::planning_test
