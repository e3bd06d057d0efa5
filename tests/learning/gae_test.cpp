// Advantages against the sums that define them.
#include "mbrl/learning/gae.hpp"

#include <cstdint>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "learning/replay_batches.hpp"

namespace mbrl {

using testing::fill_uniform;

TEST_CASE("gae: advantages are sums of what was better than expected") {
  constexpr Index kEnvs = 3, kTimes = 12;
  constexpr double kDiscount = 0.9;
  Batchf reward(kEnvs, kTimes), value(kEnvs, kTimes), next(kEnvs, kTimes), advantage;
  fill_uniform(reward, -1, 1, 0, 0);
  fill_uniform(value, -1, 1, 0, 1);
  fill_uniform(next, -1, 1, 0, 2);
  std::vector<std::uint8_t> terminated(kEnvs * kTimes, 0), truncated = terminated;
  terminated[5 * kEnvs + 1] = truncated[7 * kEnvs + 2] = truncated[2 * kEnvs + 1] = 1;
  for (const double lambda : {0.0, 0.5, 1.0}) {
    generalized_advantages({reward, value, next, terminated, truncated}, kDiscount, lambda, advantage);
    for (Index i = 0; i < kEnvs; ++i)
      for (Index t = 0; t < kTimes; ++t) {
        double expected = 0, weight = 1;
        for (Index k = t; k < kTimes; ++k) {
          const auto at = static_cast<std::size_t>(k * kEnvs + i);
          const double future = terminated[at] != 0 ? 0.0 : kDiscount * static_cast<double>(next(i, k));
          expected +=
              weight * (static_cast<double>(reward(i, k)) + future - static_cast<double>(value(i, k)));
          weight *= kDiscount * lambda;
          if (terminated[at] != 0 || truncated[at] != 0) break;
        }
        CHECK(static_cast<double>(advantage(i, t)) == Approx(expected).margin(1e-5));
      }
  }
  CHECK(contains(error_of([&] {
                   generalized_advantages({reward, value, Batchf(2, kTimes), terminated, truncated}, 1, 1,
                                          advantage);
                 }),
                 "values' environments"));
}

TEST_CASE("gae: trajectories of different length end where they end") {
  EpisodeEnds ends;
  const std::vector<int> length{3, 1, 0, 2};
  const std::vector<std::uint8_t> died{0, 1, 0, 1};
  ends.mark(length, died, 3);
  const std::vector<std::uint8_t> terminated{0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0};
  const std::vector<std::uint8_t> truncated{0, 0, 1, 0, 0, 1, 1, 0, 1, 1, 1, 1};
  CHECK(ends.terminated == terminated);
  CHECK(ends.truncated == truncated);
  CHECK(contains(error_of([&] { ends.mark(length, std::vector<std::uint8_t>{1}, 3); }), "the ends"));
}

}  // namespace mbrl
