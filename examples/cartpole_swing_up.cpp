// A cart-pole swung up with the least effort: the trajectory by iLQR, then in closed loop by iLQR and by CEM
// on a cart-pole whose pole is heavier than the model's. Needs the core component alone.
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <numbers>

#include "mbrl/models/analytic/analytic_model.hpp"
#include "mbrl/models/analytic/systems.hpp"
#include "mbrl/planning/mpc.hpp"
#include "mbrl/planning/sampling/cem.hpp"
#include "mbrl/planning/trajectory/cost_reward.hpp"
#include "mbrl/planning/trajectory/ilqr_planner.hpp"

// Equations of motion written as a template: AnalyticModel takes steps and exact derivatives from them. This
// one is the library's mbrl::CartPoleSystem plus friction at the hinge.
struct CartPole : mbrl::CartPoleSystem {
  double friction = 0.02;  // 1/s

  template <class T>
  void derivative(const std::array<T, 4>& x, const std::array<T, 1>& u, std::array<T, 4>& dx) const {
    mbrl::CartPoleSystem::derivative(x, u, dx);
    dx[3] -= x[3] * friction;
  }
};

constexpr double kDt = 0.02;
const mbrl::Vecd kRest = mbrl::Vecd::Zero(4);
const mbrl::Vecd kGoal = (mbrl::Vecd(4) << 0.8, std::numbers::pi, 0.0, 0.0).finished();

// Five seconds, planning anew at every step, though the real pole weighs a fifth more. True if the pole ends
// upright, on whichever side it came up.
template <class Controller>
bool swing_up(const char* name, Controller controller) {
  CartPole heavier;
  heavier.pole_mass *= 1.2;
  const mbrl::AnalyticModel real(heavier, {kDt});
  mbrl::AnalyticModel<CartPole>::Workspace none;
  mbrl::Vecd x = kRest, next(4);
  for (int t = 0; t < 250; ++t) {
    real.step(x, controller.act(x), next, none);
    x = next;
  }
  std::printf("%s in closed loop, after 5 s: cart %.3f m, pole %.1f deg; a plan takes %.2f ms (median)\n",
              name, x(0), x(1) * 180 / std::numbers::pi, 1e3 * controller.latency().p50());
  return std::abs(std::remainder(x(1) - kGoal(1), 2 * std::numbers::pi)) < 0.1;
}

int main() {
  constexpr int kSteps = 100;  // 2 s
  const mbrl::AnalyticModel model(CartPole{}, {kDt});

  // The integral of the squared force; the goal as a penalty at the end.
  const mbrl::QuadraticCost effort(mbrl::Batchd::Zero(4, 4), mbrl::Batchd::Constant(1, 1, 2 * kDt),
                                   1e5 * mbrl::Batchd::Identity(4, 4), kGoal);
  mbrl::IlqrSettings settings;
  settings.iterations = 300;
  mbrl::Ilqr solver(model, effort, kSteps, settings, mbrl::ActionBounds::uniform(1, -100, 100));
  const mbrl::IlqrReport& report = solver.solve(kRest, mbrl::Batchd::Zero(1, kSteps));
  for (std::size_t i = 0; i < solver.trace().size(); i += 20)
    std::printf("iteration %3zu  cost %12.4f  step %.3f  regularisation %.1e\n", i + 1,
                solver.trace()[i].cost, solver.trace()[i].alpha, solver.trace()[i].mu);
  std::printf("%d iterations, cost %.4f\n\n", report.iterations, report.cost);
  for (int t = 0; t <= kSteps; t += 10)
    std::printf("%4.1f s  cart %6.3f m  pole %7.1f deg\n", kDt * t, solver.states()(0, t),
                solver.states()(1, t) * 180 / std::numbers::pi);

  const mbrl::Vecd weights = (mbrl::Vecd(4) << 1.0, 5.0, 0.1, 0.1).finished();
  const mbrl::QuadraticCost track(weights.asDiagonal(), mbrl::Batchd::Constant(1, 1, 0.001),
                                  100.0 * mbrl::Batchd(weights.asDiagonal()), kGoal);
  const mbrl::ActionBounds bounds = mbrl::ActionBounds::uniform(1, -50, 50);
  settings.iterations = 20;
  const bool ilqr = swing_up("iLQR", mbrl::Mpc(mbrl::IlqrPlanner(model, track, 50, settings, bounds)));

  // CEM needs no derivatives: the same dynamics and cost, as rollouts.
  mbrl::ThreadPool pool;
  auto rollouts = mbrl::cost_rollout(model, track, {.horizon = 50}, pool);
  const bool cem =
      swing_up("CEM", mbrl::Mpc(mbrl::Cem(rollouts, bounds, {.population = 300, .elites = 30}, 1)));
  return ilqr && cem ? 0 : 1;
}
