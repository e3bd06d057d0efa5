// Where trajectories are cut, and the threshold's way over the rounds, by hand.
#include "mbrl/rollout/uncertainty_cut.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "rollout/trajectory_cases.hpp"

namespace mbrl {
namespace {

// Three trajectories of up to three steps: one terminates in its third, one in its second, one is not finite in its third.
// Observations count 100 a trajectory and 1 a step.
Trajectories three(const Batchf& uncertainty) {
  Trajectories t;
  t.horizon = 3;
  t.length = {3, 2, 2};
  t.diverged = {0, 0, 1};
  t.obs.resize(1, 12);
  t.action.setZero(1, 9);
  t.reward.setZero(3, 3);
  t.terminated.setZero(3, 3);
  for (Index k = 0; k < 3; ++k)
    for (int h = 0; h <= 3; ++h) {
      const int length = t.length[static_cast<std::size_t>(k)];
      t.obs(0, h * 3 + k) = static_cast<float>(100 * k + std::min(h, length));
      if (h >= length) continue;
      t.action(0, h * 3 + k) = 1;
      t.reward(k, h) = static_cast<float>(h + 1);
    }
  t.terminated(0, 2) = t.terminated(1, 1) = 1;
  t.uncertainty = uncertainty;
  return t;
}

Batchf measured() {
  Batchf u(3, 3);
  u << 0.1f, 0.5f, 0.2f,  //
      0.3f, 0.4f, 0.0f,   //
      0.2f, 0.1f, 0.0f;
  return u;
}

bool same_with_uncertainty(const Trajectories& a, const Trajectories& b) {
  return testing::same(a, b) && a.uncertainty == b.uncertainty;
}

TEST_CASE("uncertainty cut: a trajectory ends before the first step that is not below the threshold") {
  Trajectories t = three(measured());
  cut_where_uncertain(t, 0.4);
  CHECK(t.length == std::vector<int>{1, 1, 2});
  CHECK(t.obs == (Batchf(1, 12) << 0, 100, 200, 1, 101, 201, 1, 101, 202, 1, 101, 202).finished());
  CHECK(t.reward == (Batchf(3, 3) << 1, 0, 0, 1, 0, 0, 1, 2, 0).finished());
  CHECK(t.action == (Batchf(1, 9) << 1, 1, 1, 0, 0, 1, 0, 0, 0).finished());
  CHECK(t.terminated.cast<int>().sum() == 0);
  CHECK(t.uncertainty == (Batchf(3, 3) << 0.1f, 0, 0, 0.3f, 0, 0, 0.2f, 0.1f, 0).finished());
  CHECK(t.diverged == std::vector<std::uint8_t>{0, 0, 1});  // that end is still its own

  Trajectories all = three(measured());
  cut_where_uncertain(all, std::numeric_limits<double>::infinity());
  CHECK(same_with_uncertainty(all, three(measured())));
  cut_where_uncertain(all, 0);
  CHECK(all.length == std::vector<int>(3, 0));
  CHECK(all.diverged == std::vector<std::uint8_t>(3, 0));
  CHECK(all.reward.isZero());
  CHECK(all.obs == (Batchf(1, 12) << 0, 100, 200, 0, 100, 200, 0, 100, 200, 0, 100, 200).finished());
}

TEST_CASE("uncertainty cut: the threshold is the mean over rounds of a quantile of first steps") {
  const UncertaintyCutSettings settings{.enabled = true, .quantile = 0.75, .factor = 2};
  UncertaintyThreshold threshold(settings);
  CHECK(std::isnan(threshold.value()));
  threshold.add(three(measured()));  // 0.1, 0.2, 0.3: 0.25 at 0.75
  CHECK(threshold.value() == Approx(0.5));
  Trajectories second = three(Batchf::Constant(3, 3, 0.15f));
  second.length = {1, 1, 0};
  second.uncertainty(2, 0) = 9;  // of a step that was not sound
  threshold.add(second);
  CHECK(threshold.value() == Approx(2 * (0.25 + 0.15) / 2));
  second.length = {0, 0, 0};
  threshold.add(second);
  CHECK(threshold.value() == Approx(0.4));

  StateDict state;
  threshold.save(state, "threshold");
  UncertaintyThreshold loaded(settings);
  loaded.load(state, "threshold");
  CHECK(loaded.value() == threshold.value());

  UncertaintyThreshold largest({.quantile = 1});
  largest.add(three(measured()));
  CHECK(largest.value() == Approx(0.3));
}

TEST_CASE("uncertainty cut: mistakes are named") {
  Trajectories t = three(Batchf());
  CHECK_THROWS_WITH(cut_where_uncertain(t, 1), Catch::Contains("no uncertainty was measured"));
  CHECK_THROWS_WITH(UncertaintyThreshold({}).add(t), Catch::Contains("no uncertainty was measured"));
  CHECK_THROWS_WITH((UncertaintyCutSettings{.quantile = 2}.validate("here")),
                    Catch::Contains("quantile is 2"));
  CHECK_THROWS_WITH((UncertaintyCutSettings{.factor = 0}.validate("here")), Catch::Contains("factor is 0"));
}

}  // namespace
}  // namespace mbrl
