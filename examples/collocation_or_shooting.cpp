// The cart-pole's swing-up from random guesses: by direct collocation, which finds states and actions
// together, and by single shooting, which sees the states only through the actions. How often does each come
// up, and at what cost? Needs the core component alone.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <numbers>
#include <vector>

#include <CLI/CLI.hpp>

#include "mbrl/core/random.hpp"
#include "mbrl/models/analytic/analytic_model.hpp"
#include "mbrl/models/analytic/systems.hpp"
#include "mbrl/planning/trajectory/collocation.hpp"
#include "mbrl/planning/trajectory/gradient_planner.hpp"
#include "mbrl/planning/trajectory/ilqr.hpp"

namespace {

using mbrl::Batchd;
using mbrl::Index;
using mbrl::Vecd;

constexpr double kDuration = 2.0, kForce = 100.0;  // s, N
constexpr int kSteps = 100;
constexpr double kDt = kDuration / kSteps;

// What came of the guesses: how many reached the goal, and the least and the median of their integrals of
// F^2.
struct Outcome {
  int reached = 0;
  std::vector<double> efforts;

  void add(double miss, double effort) {
    if (!(miss < 0.05)) return;  // NaN: not reached
    ++reached;
    efforts.push_back(effort);
  }
  void print(const char* name, int guesses) {
    std::sort(efforts.begin(), efforts.end());
    if (efforts.empty())
      std::printf("%-28s %5d %%\n", name, 0);
    else
      std::printf("%-28s %5.0f %%   least %8.1f   median %8.1f N^2 s\n", name, 100.0 * reached / guesses,
                  efforts.front(), efforts[efforts.size() / 2]);
  }
};

}  // namespace

// collocation_or_shooting [guesses]
int main(int argc, char** argv) {
  CLI::App app("The cart-pole's swing-up by collocation, iLQR and gradient descent: how often each arrives");
  int guesses = 20;
  app.add_option("guesses", guesses, "Random first guesses")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const Vecd rest = Vecd::Zero(4), goal = (Vecd(4) << 0.8, std::numbers::pi, 0.0, 0.0).finished();
  const mbrl::AnalyticModel model(mbrl::CartPoleSystem{}, {kDt});
  const mbrl::ActionBounds bounds = mbrl::ActionBounds::uniform(1, -kForce, kForce);

  // Shooting has the goal as a penalty; collocation as a limit on the last state.
  const mbrl::QuadraticCost penalized(Batchd::Zero(4, 4), Batchd::Constant(1, 1, 2 * kDt),
                                      1e5 * Batchd::Identity(4, 4), goal);
  const mbrl::QuadraticCost effort(Batchd::Zero(4, 4), Batchd::Constant(1, 1, 2.0), Batchd::Zero(4, 4), goal);
  mbrl::CollocationLimits limits;
  limits.action_low = {-kForce};
  limits.action_high = {kForce};
  limits.final_low = limits.final_high = {goal.begin(), goal.end()};
  mbrl::CollocationSettings collocation_settings;
  collocation_settings.segments = 40;
  mbrl::Collocation collocation(mbrl::AnalyticFlow<mbrl::CartPoleSystem>{}, effort, kDuration,
                                collocation_settings, limits);
  mbrl::IlqrSettings ilqr_settings;
  ilqr_settings.iterations = 500;
  mbrl::Ilqr ilqr(model, penalized, kSteps, ilqr_settings, bounds);
  mbrl::ThreadPool pool;
  mbrl::GradientPlannerSettings gradient_settings{
      .horizon = kSteps, .iterations = 1000, .learning_rate = 0.01, .starts = {.starts = 1}};

  const auto miss = [&](const auto& states) { return (states.col(states.cols() - 1) - goal).norm(); };
  Outcome collocated, shot, descended;
  const mbrl::RandomStream random(1, mbrl::Stream::kUser);
  for (int guess = 0; guess < guesses; ++guess) {
    // The same random forces for all: a line through five random corners. Collocation's states: the straight
    // line from start to goal, whatever the forces.
    Batchd corners(1, 5), line(4, 2), start(1, kSteps);
    for (Index i = 0; i < corners.cols(); ++i)
      corners(0, i) = 20.0 * random.normal(static_cast<std::uint32_t>(guess), static_cast<std::uint32_t>(i));
    for (int t = 0; t < kSteps; ++t) {
      const double at = 4.0 * (t + 0.5) / kSteps;
      const auto i = static_cast<Index>(at);
      const double share = at - static_cast<double>(i);
      start(0, t) = (1 - share) * corners(0, i) + share * corners(0, i + 1);
    }
    line << rest, goal;

    const mbrl::CollocationReport& c = collocation.solve(rest, line, corners);
    collocated.add(c.status == mbrl::ProgramStatus::kConverged ? miss(collocation.roll_out()) : 1e9, c.cost);

    ilqr.solve(rest, start);
    shot.add(miss(ilqr.states()), kDt * ilqr.actions().squaredNorm());

    // Adam on the same cost, from the same forces as its warm start.
    mbrl::GradientPlanner gradient(model, penalized, bounds, gradient_settings, 1, pool);
    mbrl::StateDict warm_start;
    mbrl::WarmStart<double>{1, 0, start.transpose()}.save(warm_start, "");
    gradient.load(warm_start, "");
    const Batchd actions = gradient.plan(rest, 0).actions;
    Batchd states(4, kSteps + 1);
    states.col(0) = rest;
    mbrl::AnalyticModel<mbrl::CartPoleSystem>::Workspace none;
    for (int t = 0; t < kSteps; ++t) model.step(states.col(t), actions.col(t), states.col(t + 1), none);
    descended.add(miss(states), kDt * actions.squaredNorm());
  }
  std::printf("cart-pole swing-up within 2 s from %d random guesses of the force; at the goal to 0.05:\n",
              guesses);
  collocated.print("Hermite-Simpson collocation", guesses);
  shot.print("shooting, iLQR", guesses);
  descended.print("shooting, gradient descent", guesses);
  return collocated.reached >= descended.reached ? 0 : 1;
}
