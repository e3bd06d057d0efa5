// The steady state of LQR, iLQR and DDP allocates nothing on the heap.
#include <cstdint>
#include <numbers>
#include <optional>

#include "allocation_counter.hpp"
#include "catch.hpp"
#include "mbrl/models/analytic/analytic_model.hpp"
#include "mbrl/models/analytic/systems.hpp"
#include "mbrl/models/linear/linear_model.hpp"
#include "mbrl/planning/trajectory/ilqr.hpp"
#include "mbrl/planning/trajectory/lqr.hpp"

namespace mbrl {
namespace {

using test::allocations_during;

template <class Solver>
std::int64_t allocations_of_second_solve(Solver& solver, const Vecd& x0, const Batchd& actions) {
  solver.solve(x0, actions);
  return allocations_during([&] { solver.solve(x0, actions); });
}

TEST_CASE("lqr, ilqr and ddp allocate nothing once they have run") {
  if (!test::can_count_allocations()) return;
  LqrProblem<> problem(11, 3, 8);
  for (int t = 0; t < 8; ++t) {
    problem.dynamics_at(t).setConstant(0.05);
    problem.cost_at(t).setIdentity();
  }
  Lqr<> lqr(11, 3, 8);
  const Vecd start = Vecd::Ones(11);
  Batchd states(11, 9), actions(3, 8);
  CHECK(allocations_during([&] {
          lqr.solve(problem);
          lqr.roll_out(problem, start, states, actions);
        }) == 0);

  const auto check = [](auto model, const QuadraticCost& cost, const Vecd& x0, int nu) {
    const Batchd initial = Batchd::Constant(nu, 40, 0.1);
    for (const bool second_order : {false, true})
      for (const bool limited : {false, true}) {
        IlqrSettings settings;
        settings.second_order = second_order;
        settings.iterations = 20;
        std::optional<ActionBounds> bounds;
        if (limited) bounds = ActionBounds::uniform(nu, -1.0, 1.0);
        Ilqr solver(model, cost, 40, settings, bounds);
        INFO("second order " << second_order << ", limited " << limited);
        CHECK(allocations_of_second_solve(solver, x0, initial) == 0);
        CHECK(solver.report().iterations > 0);
      }
  };
  const Batchd two = Batchd::Identity(2, 2), one = Batchd::Identity(1, 1), four = Batchd::Identity(4, 4);
  Vecd hanging(2), pole(4);
  hanging << std::numbers::pi, 0.0;
  pole << 0.0, 0.3, 0.0, 0.0;
  check(AnalyticModel(PendulumSystem{}, {0.05}), QuadraticCost(two, one, 10 * two, Vecd::Zero(2)), hanging,
        1);
  check(AnalyticModel(CartPoleSystem{}, {0.02}), QuadraticCost(four, one, 10 * four, Vecd::Zero(4)), pole, 1);
  check(LinearModel(0.9 * Batchd::Identity(12, 12), Batchd::Ones(12, 3)),
        QuadraticCost(Batchd::Identity(12, 12), Batchd::Identity(3, 3), Batchd::Identity(12, 12),
                      Vecd::Zero(12)),
        Vecd::Ones(12), 3);
}

}  // namespace
}  // namespace mbrl
