// A planner of a user's own chosen by name: the same plans as when it is used directly, with settings of its
// own.
#include "mbrl/planning/registry/own_planners.hpp"

#include <string>

#include "catch.hpp"
#include "mbrl/core/settings.hpp"
#include "planning/test_evaluators.hpp"

using namespace mbrl;
using planning_test::ObjectiveEvaluator;

namespace {

struct GridSettings {
  int points = 5;
  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("points", s.points, "constant actions tried, evenly over the bounds");
  }
};

// Holds one action over the whole horizon: the best of a grid.
template <class E>
class Grid {
 public:
  using Scalar = typename E::Scalar;
  using State = typename E::State;
  Grid(E& evaluator, ActionBounds bounds, const GridSettings& settings, std::uint64_t)
      : evaluator_(evaluator), bounds_(std::move(bounds)), points_(settings.points) {}
  ActionPlan<Scalar> plan(const State& state, int t) {
    const int horizon = evaluator_.horizon();
    Batch<Scalar> actions(horizon, points_);
    for (int i = 0; i < points_; ++i)
      actions.col(i).setConstant(
          static_cast<Scalar>(bounds_.low[0] + (bounds_.high[0] - bounds_.low[0]) * i / (points_ - 1)));
    Vec<Scalar> returns(points_);
    evaluator_.evaluate(state, actions, {.plan = plans_++, .t = t}, returns);
    Index best = 0;
    ActionPlan<Scalar> plan;
    plan.predicted_return = returns.maxCoeff(&best);
    plan.actions = actions.col(best).transpose();
    plan.report.rollouts = points_;
    return plan;
  }
  void advance(int) {}
  void reset() {}
  void save(StateDict& out, const std::string& prefix) const {
    out.put_scalar(prefix + "plans", std::uint64_t{plans_});
  }
  void load(const StateDict& in, const std::string& prefix) {
    plans_ = static_cast<std::uint32_t>(in.get_scalar<std::uint64_t>(prefix + "plans"));
  }

 private:
  E& evaluator_;
  ActionBounds bounds_;
  int points_;
  std::uint32_t plans_ = 0;
};

OwnPlanners with_grid() {
  OwnPlanners own;
  own.add("grid", GridSettings{},
          [](auto& rollout, const ActionBounds& bounds, const GridSettings& s, std::uint64_t seed) {
            return Grid(rollout, bounds, s, seed);
          });
  return own;
}

// What an algorithm's settings look like.
struct Outer {
  PlannerSettings planner;
  OwnPlanners own;
  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("planner", s.planner, "the library's");
    field("planner", s.own, "the user's own");
  }
};

template <class S>
void plans_as_directly() {
  ObjectiveEvaluator<S> evaluator(
      1, 3, [](const Vec<S>& x, const Batch<S>& a) { return -(a.array() - x(0)).square().sum(); });
  OwnPlanners own = with_grid();
  Outer settings{{.name = "grid"}, own};
  set_assignment(settings, "planner.grid.points=9");
  auto named = settings.own.make(evaluator, ActionBounds::uniform(1, -1, 1), settings.planner, 1);
  Grid<ObjectiveEvaluator<S>> direct(evaluator, ActionBounds::uniform(1, -1, 1), {.points = 9}, 1);
  const Vec<S> state = Vec<S>::Constant(1, static_cast<S>(0.3));
  for (int t = 0; t < 2; ++t) {
    const ActionPlan<S> a = named.plan(state, t), b = direct.plan(state, t);
    CHECK(a.actions == b.actions);
    CHECK(a.actions(0, 0) == static_cast<S>(0.25));  // the grid's point next to 0.3
    CHECK(a.report.rollouts == 9);
    CHECK(evaluator.last_key.plan == static_cast<std::uint32_t>(t));
  }
  StateDict state_of;
  named.save(state_of, "p.");
  CHECK(state_of.get_scalar<std::uint64_t>("p.plans") == 2);
}

}  // namespace

TEST_CASE("own planners: chosen by name they plan as when used directly, in float and double") {
  plans_as_directly<float>();
  plans_as_directly<double>();
}

TEST_CASE("own planners: their settings stand beside those of the library's planners") {
  Outer settings{{}, with_grid()};
  bool listed = false;
  for (const SettingInfo& info : list_keys(settings)) listed = listed || info.key == "planner.grid.points";
  CHECK(listed);
  set_assignment(settings, "planner.grid.points=7");
  Outer read{{}, with_grid()};
  load_json_text(read, to_json_text(settings), "text");
  CHECK(to_json_text(read) == to_json_text(settings));
  CHECK(to_json_text(read).find("\"points\": 7") != std::string::npos);
}

TEST_CASE("own planners: names that are taken or unknown are refused, and the library's are served") {
  OwnPlanners own = with_grid();
  const auto nothing = [](auto& rollout, const ActionBounds& bounds, const GridSettings& s,
                          std::uint64_t seed) { return Grid(rollout, bounds, s, seed); };
  for (const char* name : {"grid", "cem", "name", "", "a.b"})
    CHECK_THROWS_AS(own.add(name, GridSettings{}, nothing), Error);
  CHECK_THROWS_AS(own.add_all(with_grid()), Error);
  ObjectiveEvaluator<double> evaluator(
      1, 3, [](const Vecd&, const Batchd& a) { return -a.array().square().sum(); });
  const ActionBounds bounds = ActionBounds::uniform(1, -1, 1);
  CHECK_THROWS_WITH(own.make(evaluator, bounds, {.name = "gird"}, 1), Catch::Contains("rs, grid"));
  PlannerSettings cem{.name = "cem"};
  cem.cem.population = 40;
  cem.cem.elites = 4;
  CHECK(own.make(evaluator, bounds, cem, 1).plan(Vecd::Zero(1), 0).report.rollouts > 40);
}
