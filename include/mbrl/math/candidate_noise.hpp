// The random numbers behind candidate action sequences: each a function of (seed, plan, iteration, candidate,
// entry).
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "mbrl/core/random.hpp"
#include "mbrl/core/types.hpp"

namespace mbrl {

/// Fills a matrix with one column a candidate, the first of which is candidate `first`. One Philox block
/// serves four entries; a uniform has as many bits as S holds, at most 32.
template <class S>
class CandidateNoise {
 public:
  explicit CandidateNoise(std::uint64_t seed) : seed_(seed), random_(seed, Stream::kPlanner) {}

  std::uint64_t seed() const { return seed_; }

  /// Uniform in (0, 1]; rounding to float reaches 1.
  void uniform(std::uint32_t plan, std::uint32_t iteration, BatchRef<S> out, Index first = 0) const {
    fill(plan, iteration, out, first,
         [](const Words& w) { return std::array<S, 4>{unit(w[0]), unit(w[1]), unit(w[2]), unit(w[3])}; });
  }

  /// Standard normal, by Box-Muller.
  void normal(std::uint32_t plan, std::uint32_t iteration, BatchRef<S> out, Index first = 0) const {
    fill(plan, iteration, out, first, [](const Words& w) { return normals(w); });
  }

  /// Standard normal conditioned on |z| <= bound, by rejection.
  void truncated_normal(S bound, std::uint32_t plan, std::uint32_t iteration, BatchRef<S> out,
                        Index first = 0) const {
    normal(plan, iteration, out, first);
    for (Index k = 0; k < out.cols(); ++k)
      for (Index i = 0; i < out.rows(); ++i)
        if (std::abs(out(i, k)) > bound) out(i, k) = redraw(bound, plan, iteration, first + k, i);
  }

 private:
  using Words = std::array<std::uint32_t, 4>;

  static S unit(std::uint32_t word) {
    if constexpr (sizeof(S) == 4) return (static_cast<S>(word >> 8) + S(0.5)) * S(0x1.0p-24);
    return (static_cast<S>(word) + S(0.5)) * S(0x1.0p-32);
  }

  static std::array<S, 4> normals(const Words& w) {
    std::array<S, 4> z;
    for (std::size_t pair = 0; pair < 4; pair += 2) {
      const S radius = std::sqrt(S(-2) * std::log(unit(w[pair])));
      const S angle = S(2) * std::numbers::pi_v<S> * unit(w[pair + 1]);
      z[pair] = radius * std::cos(angle);
      z[pair + 1] = radius * std::sin(angle);
    }
    return z;
  }

  // Counter: (4-entry block, candidate, iteration, plan). Redraws set the block's upper byte to the try's
  // number.
  template <class Four>
  void fill(std::uint32_t plan, std::uint32_t iteration, BatchRef<S> out, Index first, Four&& four) const {
    for (Index k = 0; k < out.cols(); ++k)
      for (Index i = 0; i < out.rows(); i += 4) {
        const std::array<S, 4> v = four(random_.bits(static_cast<std::uint32_t>(i / 4),
                                                     static_cast<std::uint32_t>(first + k), iteration, plan));
        const Index n = std::min<Index>(4, out.rows() - i);
        for (Index j = 0; j < n; ++j) out(i + j, k) = v[static_cast<std::size_t>(j)];
      }
  }

  S redraw(S bound, std::uint32_t plan, std::uint32_t iteration, Index candidate, Index entry) const {
    for (std::uint32_t attempt = 1;; ++attempt) {
      const std::uint32_t block = static_cast<std::uint32_t>(entry) | (attempt << 24);
      for (const S z : normals(random_.bits(block, static_cast<std::uint32_t>(candidate), iteration, plan)))
        if (std::abs(z) <= bound) return z;
    }
  }

  std::uint64_t seed_;
  RandomStream random_;
};

}  // namespace mbrl
