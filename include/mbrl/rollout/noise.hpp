// The random numbers of a rollout: every draw is a function of (seed, plan, iteration, candidate, particle,
// step, dimension), so that any split of the work gives the same rollouts.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "mbrl/core/normals.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"

namespace mbrl {

/// The Philox key of one evaluation. Mixing plan and iteration into the key leaves all four words of the
/// counter to (candidate, particle, step, dimension / 4).
inline std::array<std::uint32_t, 2> evaluation_key(const RandomStream& stream, const RolloutKey& key) {
  const auto words = stream.bits(key.plan, key.iteration);
  return {words[0], words[1]};
}

/// Standard normals of one particle and step, one a dimension: the numbers of EnsembleRollout's vector kernel,
/// up to rounding. `out` has `dims` entries.
template <class S>
void particle_noise(std::array<std::uint32_t, 2> key, std::uint32_t candidate, std::uint32_t particle,
                    std::uint32_t step, int dims, S* out) {
  counter_normals(key, {candidate, particle, step}, dims, out);
}

/// TS1's members of one candidate's particles in one step: a random permutation of the particles is dealt out
/// to the members from a random first one on. Each particle's member is uniform; the members' shares differ by
/// one at most.
inline void draw_members(std::array<std::uint32_t, 2> key, std::uint32_t candidate, std::uint32_t step,
                         int particles, int members, std::vector<std::uint32_t>& out) {
  const auto below = [&](std::uint32_t bound, std::uint32_t index) {
    const auto words = philox4x32({candidate, step, index, 0}, key);
    return static_cast<std::uint32_t>((std::uint64_t{words[0]} * bound) >> 32);
  };
  const auto n = static_cast<std::uint32_t>(particles);
  const auto m = static_cast<std::uint32_t>(members);
  out.resize(n);
  for (std::uint32_t i = 0; i < n; ++i) out[i] = i;
  for (std::uint32_t i = n; i > 1; --i) std::swap(out[i - 1], out[below(i, i)]);
  const std::uint32_t offset = below(m, 0);
  for (std::uint32_t& place : out) place = (place + offset) % m;
}

}  // namespace mbrl
