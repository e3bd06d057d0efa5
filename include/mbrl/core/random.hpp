// Counter-based random numbers: a draw is a pure function of (seed, stream, counter), so results are the same
// for any number of threads and a resumed run continues exactly. Philox4x32-10: Salmon, Moraes, Dror, Shaw,
// "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"

namespace mbrl {

/// One Philox4x32-10 block: 128 random bits for a 128-bit counter under a 64-bit key.
constexpr std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                                  std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<std::uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(p1),
               static_cast<std::uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(p0)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

/// What a stream of numbers is for. Two purposes never share numbers, whatever the seed.
enum class Stream : std::uint32_t {
  kReset = 1,     // environment start states
  kRandomAction,  // the random rollout that seeds the data
  kPlanner,       // candidate action sequences
  kModelNoise,    // particles' aleatoric noise
  kModelMember,   // which network a particle uses
  kWeights,       // network initialisation
  kBootstrap,     // which rows a member trains on
  kShuffle,       // order of rows in an epoch
  kHoldout,       // which rows are held out
  kEnvironment,   // noise inside environments and wrappers
  kPolicy,        // actions of stochastic policies
  kReplay,        // rows drawn from a replay buffer
  kUpdate,        // noise inside an update of a policy
  kStarts,        // where imagined trajectories begin
  kPenalty,       // actions that a penalty on values is averaged over
  kUser = 1000,   // first value free for users
};

constexpr auto enum_names(Stream) {
  return std::array{std::pair{Stream::kReset, "reset"},
                    std::pair{Stream::kRandomAction, "random action"},
                    std::pair{Stream::kPlanner, "planner"},
                    std::pair{Stream::kModelNoise, "model noise"},
                    std::pair{Stream::kModelMember, "model member"},
                    std::pair{Stream::kWeights, "weights"},
                    std::pair{Stream::kBootstrap, "bootstrap"},
                    std::pair{Stream::kShuffle, "shuffle"},
                    std::pair{Stream::kHoldout, "holdout"},
                    std::pair{Stream::kEnvironment, "environment"},
                    std::pair{Stream::kPolicy, "policy"},
                    std::pair{Stream::kReplay, "replay"},
                    std::pair{Stream::kUpdate, "update"},
                    std::pair{Stream::kStarts, "starts"},
                    std::pair{Stream::kPenalty, "penalty"},
                    std::pair{Stream::kUser, "user"}};
}

/// A family of random numbers indexed by a 4-part counter. Cheap to copy, holds no position.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, Stream stream) : RandomStream(seed, static_cast<std::uint32_t>(stream)) {}
  RandomStream(std::uint64_t seed, std::uint32_t stream) : key_(mix(seed, stream)) {}

  /// The 64-bit Philox key: what a SIMD kernel needs to draw the same numbers.
  std::array<std::uint32_t, 2> key() const { return key_; }

  std::array<std::uint32_t, 4> bits(std::uint32_t a, std::uint32_t b = 0, std::uint32_t c = 0,
                                    std::uint32_t d = 0) const {
    return philox4x32({a, b, c, d}, key_);
  }

  /// Uniform in [0, 1), 53 bits.
  double uniform(std::uint32_t a, std::uint32_t b = 0, std::uint32_t c = 0, std::uint32_t d = 0) const {
    const auto w = bits(a, b, c, d);
    return to_unit(w[0], w[1]);
  }
  /// In [low, high); the bounds have to be doubles, so that they are not taken for a counter.
  double uniform(double low, double high, std::uint32_t a, std::uint32_t b = 0, std::uint32_t c = 0,
                 std::uint32_t d = 0) const {
    return low + (high - low) * uniform(a, b, c, d);
  }

  /// Standard normal by Box-Muller.
  double normal(std::uint32_t a, std::uint32_t b = 0, std::uint32_t c = 0, std::uint32_t d = 0) const {
    const auto w = bits(a, b, c, d);
    const double radius = std::sqrt(-2.0 * std::log(1.0 - to_unit(w[0], w[1])));
    return radius * std::cos(2.0 * std::numbers::pi * to_unit(w[2], w[3]));
  }

  /// Standard normal conditioned on |z| <= bound, by rejection: try k uses counter part d = k, so that callers
  /// index with (a, b, c) only. Tries are normal (accepted with probability 0.954 at bound = 2), below bound =
  /// 1 uniform (accepted with probability 0.856 or more). Throws unless bound > 0.
  double truncated_normal(double bound, std::uint32_t a, std::uint32_t b = 0, std::uint32_t c = 0) const {
    require(bound > 0, "truncated_normal: bound is ", bound, ", expected > 0");
    for (std::uint32_t attempt = 0;; ++attempt) {
      if (bound >= 1) {
        const double z = normal(a, b, c, attempt);
        if (std::abs(z) <= bound) return z;
      } else {
        const auto w = bits(a, b, c, attempt);
        const double z = bound * (2.0 * to_unit(w[0], w[1]) - 1.0);
        if (to_unit(w[2], w[3]) < std::exp(-0.5 * z * z)) return z;
      }
    }
  }

  /// Uniform integer in [0, n); n >= 1. Lemire's multiply-shift on 64 bits: bias below n / 2^64.
  std::uint64_t below(std::uint64_t n, std::uint32_t a, std::uint32_t b = 0, std::uint32_t c = 0,
                      std::uint32_t d = 0) const {
    const auto w = bits(a, b, c, d);
    const std::uint64_t x = (std::uint64_t{w[1]} << 32) | w[0];
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((Wide{x} * n) >> 64);
  }

  /// A uniformly random permutation of 0..n-1 (Fisher-Yates), indexed by (a, b). Writes n entries.
  template <class Int>
  void permutation(Int* out, std::uint32_t n, std::uint32_t a, std::uint32_t b = 0) const {
    for (std::uint32_t i = 0; i < n; ++i) out[i] = static_cast<Int>(i);
    for (std::uint32_t i = n; i > 1; --i) {
      const auto j = static_cast<std::uint32_t>(below(i, a, b, i));
      const Int tmp = out[i - 1];
      out[i - 1] = out[j];
      out[j] = tmp;
    }
  }

 private:
  static double to_unit(std::uint32_t low, std::uint32_t high) {
    const std::uint64_t x = (std::uint64_t{high} << 32) | low;
    return static_cast<double>(x >> 11) * 0x1.0p-53;
  }

  // splitmix64's finaliser over seed and stream: neighbouring seeds get unrelated keys.
  static std::array<std::uint32_t, 2> mix(std::uint64_t seed, std::uint32_t stream) {
    std::uint64_t z = seed + 0x9E3779B97F4A7C15ull * (std::uint64_t{stream} + 1);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    z ^= z >> 31;
    return {static_cast<std::uint32_t>(z), static_cast<std::uint32_t>(z >> 32)};
  }

  std::array<std::uint32_t, 2> key_;
};

}  // namespace mbrl
