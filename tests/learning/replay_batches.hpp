// Batches of transitions that tests make, and optimisers compared bit for bit; shared by those of policies.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "mbrl/core/random.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl::testing {

inline Transitions empty(int obs_dim, int action_dim, Index n) {
  Transitions t;
  t.obs.setZero(obs_dim, n);
  t.action.setZero(action_dim, n);
  t.next_obs.setZero(obs_dim, n);
  t.reward.setZero(n);
  t.terminated.assign(static_cast<std::size_t>(n), 0);
  t.truncated.assign(static_cast<std::size_t>(n), 0);
  return t;
}

// Uniform in [low, high], entry by entry.
inline void fill_uniform(Batchf& m, double low, double high, std::uint32_t round, std::uint32_t what) {
  const RandomStream random(9, Stream::kUser);
  for (Index j = 0; j < m.cols(); ++j)
    for (Index i = 0; i < m.rows(); ++i)
      m(i, j) = static_cast<float>(random.uniform(low, high, round, what, static_cast<std::uint32_t>(i),
                                                  static_cast<std::uint32_t>(j)));
}

// One step, r = -10 (a - 0.3)^2 in actions scaled to [-1, 1]; actions are in [0, 4].
inline Transitions one_step(std::uint32_t round, Index n) {
  Transitions t = empty(1, 1, n);
  fill_uniform(t.action, 0, 4, round, 0);
  for (Index j = 0; j < n; ++j) {
    const float scaled = (t.action(0, j) - 2.0f) / 2.0f;
    t.reward(j) = -10.0f * (scaled - 0.3f) * (scaled - 0.3f);
  }
  t.terminated.assign(static_cast<std::size_t>(n), 1);
  return t;
}

// s' = 0.9 s + 0.5 a, r = -(s^2 + 0.1 a^2) from anywhere; cut off by a time limit, which says nothing of the value.
inline Transitions linear_quadratic(std::uint32_t round, Index n) {
  Transitions t = empty(1, 1, n);
  fill_uniform(t.obs, -1.5, 1.5, round, 0);
  fill_uniform(t.action, -3, 3, round, 1);
  t.next_obs = 0.9f * t.obs + 0.5f * t.action;
  t.reward = -(t.obs.array().square() + 0.1f * t.action.array().square()).matrix().transpose();
  t.truncated.assign(static_cast<std::size_t>(n), 1);
  return t;
}

// Its value function -p s^2 with this discount, and the best action -gain s (Riccati).
struct LinearQuadraticAnswer {
  double p = 1, gain = 0;
  double curvature = 0;  // of -Q in the action, halved
  explicit LinearQuadraticAnswer(double gamma) {
    for (int i = 0; i < 200; ++i) {
      const double m = 0.1 + gamma * 0.25 * p, c = gamma * 0.45 * p;
      p = 1 + gamma * 0.81 * p - c * c / m;
    }
    curvature = 0.1 + gamma * 0.25 * p;
    gain = gamma * 0.45 * p / curvature;
  }
};

template <class T>
StateDict state_of(const T& learner) {
  StateDict state;
  learner.save(state, "");
  return state;
}

template <class T>
bool equal(const T& a, const T& b) {
  const StateDict x = state_of(a), y = state_of(b);
  return x.arrays.size() == y.arrays.size() &&
         std::all_of(x.arrays.begin(), x.arrays.end(),
                     [&](const auto& entry) { return y.arrays.at(entry.first).bytes == entry.second.bytes; });
}

}  // namespace mbrl::testing
