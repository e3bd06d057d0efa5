// Was the model right, and was the planner right to trust it? Filled into a trial's metrics.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "mbrl/algorithms/trial_metrics.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/models/diagnostics.hpp"
#include "mbrl/models/mlp_ensemble.hpp"
#include "mbrl/planning/latency_recorder.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"

namespace mbrl {

// The model against the newest `steps` transitions of the buffer, which it has not been trained on. Errors
// are in standard deviations of the observations in the buffer; open-loop windows start at every step of
// those transitions.
inline void report_model(const MlpEnsemble& model, const TransitionBuffer& buffer, int steps,
                         ThreadPool& pool, TrialMetrics& m) {
  const auto count = std::min(static_cast<std::size_t>(steps), buffer.size());
  if (count == 0) return;
  Vecd mean = Vecd::Zero(buffer.obs_dim()), square = mean;  // Welford: one pass, no copy of the data
  for (std::size_t row = 0; row < buffer.size(); ++row) {
    const Vecd x = buffer.next_obs(row).cast<double>();
    const Vecd step = x - mean;
    mean += step / static_cast<double>(row + 1);
    square.array() += step.array() * (x - mean).array();
  }
  const Vecf scale = (square / static_cast<double>(buffer.size())).cwiseSqrt().cwiseMax(1e-6).cast<float>();
  const PackedEnsemble packed(model);

  const std::size_t first = buffer.size() - count;
  const Transitions fresh = buffer.batch(first, count);
  const PredictionReport report =
      evaluate_predictions(packed, fresh.obs, fresh.action, fresh.next_obs, scale, pool);
  m.model_nll = report.nll;
  m.model_rmse = report.rmse;
  m.calibration_90 = report.calibration_90;

  constexpr std::size_t kSteps = 10;
  if (count < kSteps) return;
  const auto windows = static_cast<Index>(count - kSteps + 1);
  std::vector<Batchf> actions, truth;
  for (Index k = 0; k < static_cast<Index>(kSteps); ++k) {
    actions.push_back(fresh.action.middleCols(k, windows));
    truth.push_back(fresh.next_obs.middleCols(k, windows));
  }
  const std::vector<double> rmse =
      open_loop_rmse(packed, fresh.obs.leftCols(windows), actions, truth, scale, pool);
  m.open_loop_rmse_k1 = rmse.front();
  m.open_loop_rmse_k10 = rmse.back();
}

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
