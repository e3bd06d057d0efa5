// The random numbers of a rollout: every draw is a function of (seed, plan, iteration, candidate, particle,
// step, dimension), so that any split of the work gives the same rollouts.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <utility>
#include <vector>

#include "mbrl/core/random.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"

namespace mbrl {

// The Philox key of one evaluation. Mixing plan and iteration into the key leaves all four words of the
// counter to (candidate, particle, step, dimension / 4).
inline std::array<std::uint32_t, 2> evaluation_key(const RandomStream& stream, const RolloutKey& key) {
  const auto words = stream.bits(key.plan, key.iteration);
  return {words[0], words[1]};
}

// Two standard normals of two words (Box and Muller 1958): the radius from u in (0, 1), the angle in turns.
inline std::array<double, 2> box_muller(std::uint32_t radius_word, std::uint32_t angle_word) {
  const double u = (static_cast<double>(radius_word >> 1) + 0.5) * 0x1p-31;
  const double radius = std::sqrt(-2.0 * std::log(u));
  const double angle =
      static_cast<double>(static_cast<std::int32_t>(angle_word)) * 0x1p-32 * 2.0 * std::numbers::pi;
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

// Standard normals of one particle and step, one a dimension: the numbers of EnsembleRollout's vector kernel,
// up to rounding. `out` has `dims` entries.
template <class S>
void particle_noise(std::array<std::uint32_t, 2> key, std::uint32_t candidate, std::uint32_t particle,
                    std::uint32_t step, int dims, S* out) {
  for (int first = 0; first < dims; first += 4) {
    const auto words = philox4x32({candidate, particle, step, static_cast<std::uint32_t>(first / 4)}, key);
    const auto a = box_muller(words[0], words[1]);
    const auto b = box_muller(words[2], words[3]);
    const std::array<double, 4> z = {a[0], a[1], b[0], b[1]};
    for (int i = 0; i < 4 && first + i < dims; ++i)
      out[first + i] = static_cast<S>(z[static_cast<std::size_t>(i)]);
  }
}

// TS1's members of one candidate's particles in one step: a random permutation of the particles is dealt out
// to the members from a random first one on. Each particle's member is uniform; the members' shares differ by
// one at most.
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
