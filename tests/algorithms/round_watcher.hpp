// Hands each round's figures to a function: for tests that look at a run between its rounds.
#pragma once

#include <functional>

#include "mbrl/run/observer.hpp"

namespace mbrl::testing {

struct RoundWatcher : RunObserver {
  std::function<void(const MetricTable&)> round = {};
  void on_round(const MetricTable& metrics, const RoundReport&) override { round(metrics); }
};

}  // namespace mbrl::testing
