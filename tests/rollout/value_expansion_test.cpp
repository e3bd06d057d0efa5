// Expanded targets against a loop in double precision, and against the values that a policy has in a model that is
// right.
#include "mbrl/rollout/value_expansion.hpp"

#include <cmath>
#include <string>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "learning/replay_batches.hpp"
#include "mbrl/core/error.hpp"
#include "rollout/expansion_cases.hpp"

namespace mbrl {
namespace {

Trajectories imagined(const MlpEnsemble& model, TerminationFunction<float> termination, const Td3& td3,
                      const Batchf& starts, int horizon) {
  ThreadPool pool(1);
  return imagine(model, testing::quadratic_reward(), std::move(termination), td3.policy_target(), starts,
                 {.horizon = horizon, .propagation = Propagation::kExpectation}, {}, pool, 1);
}

// Ends an episode in the step that arrives above the limit.
TerminationFunction<float> beyond(float limit) {
  return [limit](ConstBatchRef<float> next, VecRef<float> out) {
    for (Index j = 0; j < next.cols(); ++j) out(j) = next(0, j) > limit ? 1.0f : 0.0f;
  };
}

}  // namespace

TEST_CASE("value expansion: under the true model the target's error falls as gamma to the horizon") {
  constexpr double kGamma = 0.9;
  ThreadPool pool(1);
  const Td3 td3 = testing::random_td3(pool);
  const Transitions batch = testing::linear_quadratic(0, 64);
  // What the target policy earns from there on, followed until nothing counts any more.
  const auto worth = [&](double s, double a) {
    double sum = 0, scale = 1;
    for (int t = 0; t < 300; ++t) {
      sum -= scale * (s * s + 0.1 * a * a);
      s = 0.9 * s + 0.5 * a;
      a = testing::action_of(td3.policy_target(), s);
      scale *= kGamma;
    }
    return sum;
  };
  const MlpEnsemble model = testing::linear_model(1, -0.1f, 0.5f, 0);
  double before = 0;
  for (const int horizon : {1, 2, 4, 8, 16}) {
    CAPTURE(horizon);
    const Trajectories paths = imagined(model, {}, td3, batch.next_obs, horizon);
    Transitions out;
    expand_values(batch, paths, kGamma, out);
    REQUIRE(out.obs.cols() == 64 * (horizon + 1));
    double squares = 0;
    for (Index c = 0; c < out.obs.cols(); ++c) {
      const double q = testing::target_value(td3, 0, static_cast<double>(out.next_obs(0, c)));
      const double y = static_cast<double>(out.reward(c)) + static_cast<double>(out.discount(c)) * q;
      const double truth = worth(static_cast<double>(out.obs(0, c)), static_cast<double>(out.action(0, c)));
      // What is wrong with it is what is wrong with the critic at the end, discounted.
      const double end = static_cast<double>(out.next_obs(0, c));
      const double wrong = q - worth(end, testing::action_of(td3.policy_target(), end));
      const int steps = horizon + 1 - static_cast<int>(c / 64);
      CHECK(y - truth == Approx(std::pow(kGamma, steps) * wrong).margin(2e-4));
      CHECK(out.weight(c) == 1.0f);
      if (c < 64) squares += (y - truth) * (y - truth);
    }
    const double error = std::sqrt(squares / 64);
    Transitions alone;  // without the imagined ones
    expand_values(batch, paths, kGamma, alone, false);
    REQUIRE(alone.obs.cols() == 64);
    CHECK(alone.reward == out.reward.head(64));
    CHECK(alone.next_obs == out.next_obs.leftCols(64));
    CHECK(alone.action == batch.action);
    if (horizon > 1) CHECK(error < before);
    before = error;
  }
}

TEST_CASE("value expansion: each imagined state has its own shorter sum, and ends count") {
  constexpr double kGamma = 0.8;
  constexpr int kHorizon = 4;
  ThreadPool pool(1);
  const Td3 td3 = testing::random_td3(pool);
  Transitions batch = testing::empty(1, 1, 5);
  batch.next_obs << -5.0f, 0.0f, 1.5f, 0.25f, -5.0f;
  batch.reward << 1.0f, 2.0f, 3.0f, 4.0f, 5.0f;
  batch.terminated[4] = 1;
  batch.truncated[1] = 1;
  batch.weight.setLinSpaced(5, 0.2f, 1.0f);
  batch.discount = Vecf::Constant(5, 0.5f);  // of transitions over several steps, say
  const auto model = testing::linear_model(1, 0, 0, 1);
  const Trajectories paths = imagined(model, beyond(2), td3, batch.next_obs, kHorizon);
  Transitions out;
  expand_values(batch, paths, kGamma, out);
  for (Index i = 0; i < 5; ++i) {
    CAPTURE(i);
    const bool over = batch.terminated[static_cast<std::size_t>(i)] != 0;
    for (int t = -1; t < kHorizon; ++t) {
      CAPTURE(t);
      const Index c = 5 * (t + 1) + i;
      const double start = static_cast<double>(batch.next_obs(0, i));
      // By hand: from s_t on, until a step arrives above 2.
      double s = start, sum = 0, scale = 1;
      bool ended = over, reached = t < 0;
      if (t < 0) {
        sum = static_cast<double>(batch.reward(i));
        scale = 0.5;
      }
      for (int k = 0; k < kHorizon && !ended; ++k) {
        reached |= k == t;
        const double a = testing::action_of(td3.policy_target(), s);
        if (k == t) CHECK(static_cast<double>(out.obs(0, c)) == Approx(s));
        if (k == t) CHECK(static_cast<double>(out.action(0, c)) == Approx(a));
        if (reached) {
          sum -= scale * (s * s + 0.1 * a * a);
          scale *= kGamma;
        }
        s += 1;
        ended = s > 2;
      }
      if (!reached) {
        CHECK(out.weight(c) == 0.0f);
        CHECK(std::isfinite(out.reward(c)));
        continue;
      }
      CHECK(out.weight(c) == batch.weight(i));
      CHECK(static_cast<double>(out.reward(c)) == Approx(sum).epsilon(1e-5));
      CHECK((out.terminated[static_cast<std::size_t>(c)] != 0) == ended);
      if (ended) continue;
      CHECK(static_cast<double>(out.discount(c)) == Approx(scale));
      CHECK(static_cast<double>(out.next_obs(0, c)) == Approx(s));
    }
  }
}

TEST_CASE("value expansion: a trajectory that left the numbers asks the critic before it did") {
  constexpr double kGamma = 0.5;
  ThreadPool pool(1);
  const Td3 td3 = testing::random_td3(pool);
  Transitions batch = testing::empty(1, 1, 1);
  batch.next_obs << 1e37f;  // times 10 in each step, but rewards overflow at once where it is not 0
  MlpEnsemble model = testing::linear_model(1, 9, 0, 0);
  const auto none = [](ConstBatchRef<float>, ConstBatchRef<float>, ConstBatchRef<float>, int,
                       VecRef<float> out) { out.setOnes(); };
  const Trajectories paths = imagine(model, none, {}, td3.policy_target(), batch.next_obs,
                                     {.horizon = 3, .propagation = Propagation::kExpectation}, {}, pool, 1);
  REQUIRE(paths.diverged[0] == 1);
  REQUIRE(paths.length[0] == 1);
  Transitions out;
  expand_values(batch, paths, kGamma, out);
  CHECK(out.reward(0) == Approx(0.5));
  CHECK(out.discount(0) == Approx(0.25));
  CHECK(out.terminated[0] == 0);
  CHECK(out.next_obs(0, 0) == Approx(1e38));
  CHECK(out.weight(1) == 1.0f);
  CHECK(out.weight(2) == 0.0f);
  CHECK(out.weight(3) == 0.0f);

  batch = testing::empty(1, 1, 2);
  CHECK(contains(error_of([&] { expand_values(batch, paths, kGamma, out); }), "trajectories"));
}

}  // namespace mbrl
