// Holdout and bootstrap indices: complete, uniform, and functions of (seed, round, member).
#include "mbrl/data/splits.hpp"

#include <cmath>
#include <set>

#include "catch.hpp"

using namespace mbrl;

TEST_CASE("a holdout split holds every row once", "[sampling]") {
  const HoldoutSplit split = holdout_split(1000, 0.2, 5000, 3, 1);
  CHECK(split.holdout.size() == 200);
  CHECK(split.train.size() == 800);
  std::set<std::uint32_t> all(split.train.begin(), split.train.end());
  all.insert(split.holdout.begin(), split.holdout.end());
  CHECK(all.size() == 1000);
  CHECK(*all.rbegin() == 999);
  CHECK(std::is_sorted(split.train.begin(), split.train.end()));

  CHECK(holdout_split(1000, 0.2, 50, 3, 1).holdout.size() == 50);
  CHECK(holdout_split(1000, 0.0, 50, 3, 1).holdout.empty());
  CHECK(holdout_split(1, 0.9, 50, 3, 1).train.size() == 1);
  CHECK(holdout_split(0, 0.5, 50, 3, 1).train.empty());
  CHECK(holdout_split(1000, 0.2, 5000, 3, 1).holdout == split.holdout);
  CHECK(holdout_split(1000, 0.2, 5000, 3, 2).holdout != split.holdout);
  CHECK(holdout_split(1000, 0.2, 5000, 4, 1).holdout != split.holdout);
  for (const double wrong : {-0.1, 1.0, std::nan("")})
    CHECK_THROWS_AS(holdout_split(10, wrong, 5, 1, 1), Error);
}

TEST_CASE("every row is held out equally often", "[sampling]") {
  std::vector<double> counts(20, 0.0);
  constexpr std::uint32_t kRounds = 4000;
  for (std::uint32_t round = 0; round < kRounds; ++round)
    for (const std::uint32_t row : holdout_split(20, 0.25, 100, 1, round).holdout) ++counts[row];
  const double p = 0.25, deviation = std::sqrt(kRounds * p * (1 - p));
  for (const double c : counts) CHECK(std::abs(c - kRounds * p) < 4 * deviation);
}

TEST_CASE("bootstrap samples leave out a share of 1/e", "[sampling]") {
  const auto rows = bootstrap_indices(20000, 5, 0, 0);
  REQUIRE(rows.size() == 20000);
  const std::set<std::uint32_t> distinct(rows.begin(), rows.end());
  CHECK(*distinct.rbegin() < 20000);
  // Mean 1 - 1/e = 0.6321, standard deviation sqrt((1/e)(1 - 2/e)) / sqrt n = 0.0022.
  CHECK(static_cast<double>(distinct.size()) / 20000 == Approx(1 - std::exp(-1.0)).margin(0.009));
  CHECK(bootstrap_indices(20000, 5, 0, 0) == rows);
  CHECK(bootstrap_indices(20000, 5, 0, 1) != rows);
  CHECK(bootstrap_indices(20000, 5, 1, 0) != rows);
  CHECK(bootstrap_indices(20000, 6, 0, 0) != rows);
  CHECK(bootstrap_indices(0, 1, 1, 1).empty());
}
