// What the MPC loop and the training loops ask of a planner.
#pragma once

#include <array>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/types.hpp"

namespace mbrl {

/// A policy's action sequences for the state at control step t: every column of the matrix given (action_dim x horizon
/// entries long, step after step) is to be filled.
template <class State, class S>
using ActionProposals = std::function<void(const State& state, int t, BatchRef<S> sequences)>;

/// How much a plan cost and how it came about.
struct PlanReport {
  std::int64_t rollouts = 0;  // particle rollouts evaluated
  int iterations = 0;         // iterations run (fewer than set: stopped on convergence)
  std::int64_t unusable = 0;  // candidates whose return was NaN; the plan's own rollout at the end is none
  double best_return = 0.0;   // of the best sample
  double mean_return = 0.0;   // predicted for the returned mean sequence, where the planner evaluates it
  bool timed_out = false;     // stopped by a deadline (deadline.hpp)
};

enum class PlanStatus : int {
  kComplete = 0,
  kOutOfTime = 1,  // stopped by a deadline: the best plan until then
  kUnusable = 2,   // no rollout gave a finite return: the actions are a guess
};

constexpr auto enum_names(PlanStatus) {
  return std::array{std::pair{PlanStatus::kComplete, "complete"},
                    std::pair{PlanStatus::kOutOfTime, "out of time"},
                    std::pair{PlanStatus::kUnusable, "unusable"}};
}

template <class S>
struct ActionPlan {
  Batch<S> actions;           // action_dim x horizon; column 0 is executed now
  S predicted_return = S(0);  // of `actions`
  PlanReport report;

  PlanStatus status() const {
    if (!std::isfinite(predicted_return) && !std::isfinite(report.best_return)) return PlanStatus::kUnusable;
    return report.timed_out ? PlanStatus::kOutOfTime : PlanStatus::kComplete;
  }
};

// clang-format off
template <class P>
concept Planner = requires(P& planner, const typename P::State& state, int t, int steps) {
  typename P::Scalar;
  typename P::State;
  { planner.plan(state, t) } -> std::same_as<ActionPlan<typename P::Scalar>>;  // t: control step of the episode
  planner.advance(steps);                                                      // warm start: shift by executed steps
  planner.reset();                                                             // forget: a new episode
};
// clang-format on

}  // namespace mbrl
