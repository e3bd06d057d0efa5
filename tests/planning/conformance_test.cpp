// What every planner must do, written once: a new planner passes by adding one factory and one test case.
#include <limits>
#include <string>

#include "catch.hpp"
#include "mbrl/planning/registry/registry.hpp"
#include "mbrl/planning/sampling/cem.hpp"
#include "mbrl/planning/sampling/cma_es_planner.hpp"
#include "mbrl/planning/sampling/icem.hpp"
#include "mbrl/planning/sampling/mppi.hpp"
#include "mbrl/planning/sampling/pddm.hpp"
#include "mbrl/planning/sampling/random_shooting.hpp"
#include "mbrl/planning/sampling/spline_cem.hpp"
#include "mbrl/planning/tree/mcts.hpp"
#include "planning/test_evaluators.hpp"

namespace mbrl {
namespace {

using planning_test::NoisyEvaluator;
using planning_test::ObjectiveEvaluator;
using planning_test::quadratic;
using planning_test::RigidPendulum;
using planning_test::vec;

// A factory makes its planner for any evaluator; effort scales the budget.
struct MakeRandomShooting {
  static constexpr bool kWarmStart = false;
  static constexpr bool kReturnsMean = false;
  template <class E>
  auto operator()(E& evaluator, const ActionBounds& bounds, std::uint64_t seed, int effort = 4) const {
    return RandomShooting<E>(evaluator, bounds, {.population = 30 * effort}, seed);
  }
};

struct MakeCem {
  static constexpr bool kWarmStart = true;
  static constexpr bool kReturnsMean = true;
  template <class E>
  auto operator()(E& evaluator, const ActionBounds& bounds, std::uint64_t seed, int effort = 4) const {
    return Cem<E>(evaluator, bounds, {.population = 15 * effort, .elites = 2 * effort, .iterations = 4},
                  seed);
  }
};

struct MakeSplineCem {
  static constexpr bool kWarmStart = true;
  static constexpr bool kReturnsMean = true;
  template <class E>
  auto operator()(E& evaluator, const ActionBounds& bounds, std::uint64_t seed, int effort = 4) const {
    return SplineCem<E>(
        evaluator, bounds,
        {.population = 15 * effort, .elites = 2 * effort, .iterations = 4, .spline = {.knots = 4}}, seed);
  }
};

template <Execute kExecute, bool kRacing>
struct MakeICem {
  static constexpr bool kWarmStart = true;
  static constexpr bool kReturnsMean = kExecute == Execute::kMean;
  template <class E>
  auto operator()(E& evaluator, const ActionBounds& bounds, std::uint64_t seed, int effort = 4) const {
    ICemSettings s{.population = 15 * effort, .elites = 2 * effort, .execute = kExecute};
    s.racing.on = kRacing;
    return ICem<E>(evaluator, bounds, s, seed);
  }
};

struct MakeMppi {
  static constexpr bool kWarmStart = true;
  static constexpr bool kReturnsMean = true;
  template <class E>
  auto operator()(E& evaluator, const ActionBounds& bounds, std::uint64_t seed, int effort = 4) const {
    return Mppi<E>(evaluator, bounds, {.population = 15 * effort}, seed);
  }
};

template <PddmFilter kFilter>
struct MakePddm {
  static constexpr bool kWarmStart = true;
  static constexpr bool kReturnsMean = true;
  template <class E>
  auto operator()(E& evaluator, const ActionBounds& bounds, std::uint64_t seed, int effort = 4) const {
    return Pddm<E>(evaluator, bounds, {.population = 15 * effort, .iterations = 4, .filter = kFilter}, seed);
  }
};

template <bool kSeparable>
struct MakeCmaEs {
  static constexpr bool kWarmStart = true;
  static constexpr bool kReturnsMean = true;
  template <class E>
  auto operator()(E& evaluator, const ActionBounds& bounds, std::uint64_t seed, int effort = 4) const {
    return CmaEsPlanner<E>(
        evaluator, bounds,
        {.population = 8 * effort, .iterations = 8, .separable = kSeparable, .stop_std = 0.0}, seed);
  }
};

template <int kActions>
struct MakeMcts {
  static constexpr bool kWarmStart = true;
  static constexpr bool kReturnsMean = true;
  template <class E>
  auto operator()(E& evaluator, const ActionBounds& bounds, std::uint64_t seed, int effort = 4) const {
    return Mcts<E>(evaluator, bounds,
                   {.trees = 2, .iterations = 30 * effort, .actions = kActions, .widening = 3}, seed);
  }
};

struct MakeAny {
  static constexpr bool kWarmStart = true;
  static constexpr bool kReturnsMean = true;
  template <class E>
  auto operator()(E& evaluator, const ActionBounds& bounds, std::uint64_t seed, int effort = 4) const {
    PlannerSettings s;
    s.icem = {.population = 15 * effort, .elites = 2 * effort};
    return make_planner(evaluator, bounds, s, seed);
  }
};

template <class Make>
void conformance() {
  const Make make;
  const ActionBounds bounds = ActionBounds::uniform(2, -1.0, 1.0);
  const Vecf state = vec({0.4f});
  static constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInf = std::numeric_limits<float>::infinity();
  using Evaluator = ObjectiveEvaluator<float>;

  SECTION("is a Planner that can be saved") {
    using P = decltype(make(std::declval<Evaluator&>(), bounds, 1));
    static_assert(Planner<P>);
    static_assert(Checkpointable<P>);
  }

  SECTION("keeps the bounds and reports what the plan costs and earns") {
    // The optimum of the first action lies outside: the bounds must hold it back.
    const ActionBounds narrow({-0.2, -1.0}, {0.1, 0.05});
    Evaluator watched(2, 6, [](const Vecf&, const Batchf& actions) {
      if ((actions.row(0).array() < -0.2f).any() || (actions.row(0).array() > 0.1f).any()) return -kInf;
      if ((actions.row(1).array() < -1.0f).any() || (actions.row(1).array() > 0.05f).any()) return -kInf;
      return actions.sum();
    });
    auto planner = make(watched, narrow, 3);
    const ActionPlan<float> plan = planner.plan(state, 0);
    REQUIRE(plan.actions.rows() == 2);
    REQUIRE(plan.actions.cols() == 6);
    CHECK(plan.report.unusable == 0);
    CHECK(plan.actions.row(0).maxCoeff() <= 0.1f);
    CHECK(plan.actions.row(1).maxCoeff() <= 0.05f);
    CHECK(plan.actions.minCoeff() >= -1.0f);
    CHECK(plan.report.rollouts == watched.candidates);
    CHECK(plan.predicted_return == plan.actions.sum());
    CHECK(plan.report.mean_return == static_cast<double>(plan.predicted_return));
    CHECK(plan.report.iterations >= 1);
  }

  SECTION("the prediction is the evaluator's for the plan, noise included") {
    NoisyEvaluator<float> evaluator(2, 6, 20, quadratic<float>(), 0.3f, 0.3f);
    auto planner = make(evaluator, bounds, 3);
    const ActionPlan<float> plan = planner.plan(state, 5);
    CHECK(plan.report.rollouts == evaluator.rollouts);
    CHECK(evaluator.last_key.t == 5);
    Vecf again(1);
    evaluator.evaluate(state, plan.actions.reshaped(12, 1), evaluator.last_key, again);
    CHECK(again(0) == plan.predicted_return);
  }

  SECTION("NaN and infinity never win") {
    for (const float poison : {kNaN, kInf, -kInf}) {
      // The return grows with the first action, but where it is positive the model breaks down.
      Evaluator evaluator(2, 6, [poison](const Vecf&, const Batchf& actions) {
        return actions(0, 0) > 0 ? poison : actions(0, 0) - actions(1, 0) * actions(1, 0);
      });
      auto planner = make(evaluator, bounds, 11);
      for (int t = 0; t < 3; ++t) {
        const ActionPlan<float> plan = planner.plan(state, t);
        CHECK(plan.actions.allFinite());
        CHECK(plan.actions(0, 0) <= 0.0f);
        CHECK(plan.actions(0, 0) > -0.5f);
        CHECK(plan.report.unusable > 0);
        CHECK(std::isfinite(plan.report.best_return));
      }
    }
  }

  SECTION("without any usable return the plan is the warm start") {
    Evaluator evaluator(2, 6, [](const Vecf&, const Batchf&) { return kNaN; });
    auto planner = make(evaluator, ActionBounds::uniform(2, -1.0, 3.0), 11);
    const ActionPlan<float> plan = planner.plan(state, 0);
    CHECK(plan.actions == Batchf::Constant(2, 6, 1.0f));
    CHECK(std::isnan(plan.predicted_return));
    CHECK(std::isnan(plan.report.best_return));
  }

  SECTION("the same seed gives the same plan for any number of threads") {
    const auto plans = [&](std::uint64_t seed, int threads) {
      NoisyEvaluator<float> evaluator(2, 6, 20, quadratic<float>(), 0.3f, 0.3f, threads);
      auto planner = make(evaluator, bounds, seed);
      planner.plan(state, 0);
      planner.advance(1);
      return planner.plan(state, 1).actions;
    };
    const Batchf one = plans(5, 1);
    CHECK(one == plans(5, 1));
    CHECK(one == plans(5, 3));
    CHECK(one != plans(6, 1));
  }

  SECTION("reset forgets all but how many plans were made") {
    Evaluator evaluator(2, 6, quadratic<float>());
    const auto after = [&](float first_state, bool reset) {
      auto planner = make(evaluator, bounds, 5);
      planner.plan(vec({first_state}), 0);
      planner.advance(2);
      if (reset) planner.reset();
      return planner.plan(state, 0).actions;
    };
    CHECK(after(1.0f, true) == after(-2.0f, true));
    CHECK((after(1.0f, false) != after(-2.0f, false)) == Make::kWarmStart);
  }

  SECTION("successive plans draw new numbers") {
    Evaluator evaluator(2, 6, quadratic<float>());
    auto planner = make(evaluator, bounds, 5);
    const Batchf first = planner.plan(state, 0).actions;
    planner.reset();
    CHECK(planner.plan(state, 0).actions != first);
  }

  SECTION("advance shifts the warm start") {
    bool broken = false;  // once broken, a plan is the warm start itself
    Evaluator evaluator(
        2, 6, [&](const Vecf& s, const Batchf& a) { return broken ? kNaN : quadratic<float>()(s, a); });
    auto planner = make(evaluator, bounds, 5);
    const Batchf first = planner.plan(state, 0).actions;
    CHECK_THROWS_AS(planner.advance(-1), Error);
    planner.advance(2);
    broken = true;
    const Batchf second = planner.plan(state, 2).actions;
    if (Make::kWarmStart && Make::kReturnsMean) CHECK(second.leftCols(4) == first.rightCols(4));
    if (Make::kWarmStart) CHECK(second.leftCols(4).norm() > 0.1f);
    planner.advance(1000);
    const Batchf third = planner.plan(state, 2).actions;
    CHECK(third == third.col(0).replicate(1, 6));  // nothing is left but the padding
  }

  SECTION("quality grows with the budget") {
    Evaluator evaluator(1, 15, RigidPendulum{}.objective<float>());
    const auto mean_return = [&](int effort) {
      double sum = 0;
      for (std::uint64_t seed = 0; seed < 12; ++seed)
        sum += static_cast<double>(make(evaluator, ActionBounds::uniform(1, -2, 2), seed, effort)
                                       .plan(vec({2.0f, 0.5f}), 0)
                                       .predicted_return);
      return sum / 12;
    };
    CHECK(mean_return(4) > mean_return(1));
    CHECK(mean_return(32) > mean_return(4));
  }

  SECTION("save and load continue exactly, whatever the other's seed") {
    NoisyEvaluator<float> evaluator(2, 6, 20, quadratic<float>(), 0.3f, 0.3f);
    auto planner = make(evaluator, bounds, 5);
    StateDict fresh;
    planner.save(fresh, "p.");
    planner.plan(state, 0);
    planner.advance(1);
    planner.plan(state, 1);
    planner.advance(2);
    StateDict saved;
    planner.save(saved, "p.");
    auto other = make(evaluator, bounds, 999);
    other.load(saved, "p.");
    for (int t = 3; t < 6; ++t) {
      const ActionPlan<float> a = planner.plan(state, t);
      const ActionPlan<float> b = other.plan(state, t);
      CHECK(a.actions == b.actions);
      CHECK(a.predicted_return == b.predicted_return);
      CHECK(a.report.rollouts == b.report.rollouts);
      planner.advance(1);
      other.advance(1);
    }
    other.load(fresh, "p.");  // a planner that has not planned yet
    CHECK(other.plan(state, 0).actions == make(evaluator, bounds, 5).plan(state, 0).actions);
    CHECK_THROWS_AS(other.load(saved, "missing."), Error);
    if (Make::kWarmStart) {
      NoisyEvaluator<float> longer(2, 7, 20, quadratic<float>(), 0.3f, 0.3f);
      auto misfit = make(longer, bounds, 5);
      CHECK_THROWS_AS(misfit.load(saved, "p."), Error);
    }
  }

  SECTION("a plan into memory that is there already is the same plan") {
    Evaluator evaluator(2, 6, quadratic<float>());
    auto one = make(evaluator, bounds, 5);
    auto two = make(evaluator, bounds, 5);
    ActionPlan<float> plan;
    for (int t = 0; t < 3; ++t) {
      const ActionPlan<float> expected = one.plan(state, t);
      two.plan(state, t, plan);
      CHECK(plan.actions == expected.actions);
      CHECK(plan.predicted_return == expected.predicted_return);
      CHECK(plan.report.rollouts == expected.report.rollouts);
      CHECK(plan.report.best_return == expected.report.best_return);
      CHECK(plan.report.unusable == expected.report.unusable);
      one.advance(1);
      two.advance(1);
    }
  }

  SECTION("bad bounds are refused") {
    Evaluator evaluator(2, 6, quadratic<float>());
    CHECK_THROWS_AS(make(evaluator, ActionBounds::uniform(3, -1, 1), 1), Error);
    CHECK_THROWS_AS(make(evaluator, ActionBounds({-1, 1}, {1, 1}), 1), Error);
    CHECK_THROWS_AS(make(evaluator, ActionBounds({-1, -1}, {1, static_cast<double>(kInf)}), 1), Error);
    CHECK_THROWS_AS(make(evaluator, ActionBounds({-1, static_cast<double>(kNaN)}, {1, 1}), 1), Error);
  }
}

TEST_CASE("planner conformance: random shooting") { conformance<MakeRandomShooting>(); }
TEST_CASE("planner conformance: cem") { conformance<MakeCem>(); }
TEST_CASE("planner conformance: cem over splines") { conformance<MakeSplineCem>(); }
TEST_CASE("planner conformance: icem") { conformance<MakeICem<Execute::kMean, true>>(); }
TEST_CASE("planner conformance: icem without racing") { conformance<MakeICem<Execute::kMean, false>>(); }
TEST_CASE("planner conformance: icem that executes the best sample") {
  conformance<MakeICem<Execute::kBest, true>>();
}
TEST_CASE("planner conformance: mppi") { conformance<MakeMppi>(); }
TEST_CASE("planner conformance: pddm") { conformance<MakePddm<PddmFilter::kActions>>(); }
TEST_CASE("planner conformance: pddm that smooths the noise") { conformance<MakePddm<PddmFilter::kNoise>>(); }
TEST_CASE("planner conformance: cmaes") { conformance<MakeCmaEs<true>>(); }
TEST_CASE("planner conformance: cmaes with correlations") { conformance<MakeCmaEs<false>>(); }
TEST_CASE("planner conformance: mcts") { conformance<MakeMcts<0>>(); }
TEST_CASE("planner conformance: mcts with few actions") { conformance<MakeMcts<4>>(); }
TEST_CASE("planner conformance: chosen by name") { conformance<MakeAny>(); }

}  // namespace
}  // namespace mbrl
