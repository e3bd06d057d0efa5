// Data and networks that the tests of the native trainer share.
#pragma once

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "mbrl/core/random.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl::testing {

// A noisy linear-sine system: good enough to have gradients everywhere.
inline TransitionBatch some_transitions(int n, std::uint64_t seed, int obs_dim = 3, int action_dim = 2) {
  const RandomStream random(seed, Stream::kUser);
  TransitionBatch data;
  data.obs.resize(obs_dim, n);
  data.action.resize(action_dim, n);
  data.next_obs.resize(obs_dim, n);
  data.reward.resize(n);
  for (int c = 0; c < n; ++c) {
    const auto column = static_cast<std::uint32_t>(c);
    for (int r = 0; r < obs_dim; ++r)
      data.obs(r, c) = static_cast<float>(2.0 * random.normal(column, static_cast<std::uint32_t>(r)) + r);
    for (int r = 0; r < action_dim; ++r)
      data.action(r, c) =
          static_cast<float>(random.uniform(-1.0, 1.0, column, static_cast<std::uint32_t>(r), 1));
    for (int r = 0; r < obs_dim; ++r)
      data.next_obs(r, c) =
          data.obs(r, c) + 0.3f * std::sin(data.obs((r + 1) % obs_dim, c)) +
          0.5f * data.action(r % action_dim, c) +
          0.05f * static_cast<float>(random.normal(column, static_cast<std::uint32_t>(r), 2));
    data.reward(c) = data.next_obs(0, c) - data.action.col(c).squaredNorm();
  }
  return data;
}

inline MlpEnsemble some_model(bool gaussian, Activation activation, int members = 3,
                              std::vector<int> hidden = {7, 21}, bool learned_reward = false) {
  MlpEnsembleSettings s;
  s.members = members;
  s.hidden = std::move(hidden);
  s.activation = activation;
  s.gaussian = gaussian;
  s.learned_reward = learned_reward;
  return MlpEnsemble::create(s, ObsEncoding::identity(3), 2, 5);
}

}  // namespace mbrl::testing
