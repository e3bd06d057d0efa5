// The seed of an episode's start, in every loop that resets an environment.
#pragma once

#include <cstdint>

#include "mbrl/core/random.hpp"

namespace mbrl {

/// A function of (seed of the run, episode, series); series keeps loops over one seed apart: 0 for learning.
inline std::uint64_t episode_seed(std::uint64_t seed, std::uint32_t episode, std::uint32_t series = 0) {
  const auto w = RandomStream(seed, Stream::kReset).bits(episode, series);
  return (std::uint64_t{w[1]} << 32) | w[0];
}

}  // namespace mbrl
