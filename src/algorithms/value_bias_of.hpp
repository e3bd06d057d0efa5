// The column value_bias of every loop whose agent has critics.
#pragma once

#include <cstdint>
#include <optional>

#include "mbrl/env/environment.hpp"
#include "mbrl/run/collector.hpp"
#include "mbrl/run/metrics.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

/// How far the agent's critics were from what the episode that has just ended was worth; MetricTable::kNone where it
/// was not all the policy's.
template <class Agent>
double value_bias_of(const Agent& agent, const Collector<AnyEnvironment>& collector,
                     std::int64_t random_steps) {
  if (collector.steps() - collector.t() < random_steps) return MetricTable::kNone;
  const std::optional<Transitions> episode = collector.ended_episode();
  return episode ? agent.value_bias(*episode) : MetricTable::kNone;
}

}  // namespace mbrl
