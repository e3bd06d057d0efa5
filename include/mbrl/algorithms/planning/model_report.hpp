// Was the model right, and was the planner right to trust it? Filled into a trial's metrics.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "mbrl/algorithms/planning/trial_metrics.hpp"
#include "mbrl/core/latency_recorder.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/models/neural/diagnostics.hpp"
#include "mbrl/models/neural/ensemble_training.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"
#include "mbrl/run/observer.hpp"

namespace mbrl {

namespace detail {

// What is judged: a network ensemble by its kernels, any other model as it is.
struct JudgedNetworks {
  explicit JudgedNetworks(const MlpEnsemble& model, ThreadPool& threads) : packed(model), pool(threads) {}
  PredictionReport predictions(const Transitions& data, ConstVecRef<float> scale) const {
    return evaluate_predictions(packed, data.obs, data.action, data.next_obs, scale, pool);
  }
  std::vector<double> open_loop(const Batchf& first, const std::vector<Batchf>& actions,
                                const std::vector<Batchf>& truth, ConstVecRef<float> scale) const {
    return open_loop_rmse(packed, first, actions, truth, scale, pool);
  }
  PackedEnsemble packed;
  ThreadPool& pool;
};
template <class Model>
struct JudgedModel {
  PredictionReport predictions(const Transitions& data, ConstVecRef<float> scale) const {
    return evaluate_predictions(model, data.obs, data.action, data.next_obs, scale);
  }
  std::vector<double> open_loop(const Batchf& first, const std::vector<Batchf>& actions,
                                const std::vector<Batchf>& truth, ConstVecRef<float> scale) const {
    return open_loop_rmse(model, first, actions, truth, scale);
  }
  const Model& model;
};
inline JudgedNetworks judged(const MlpEnsemble& model, ThreadPool& pool) {
  return JudgedNetworks(model, pool);
}
template <AnyKindOfModel Model>
JudgedModel<Model> judged(const Model& model, ThreadPool&) {
  return {model};
}

// Of a model that has an encoding: whether it takes this entry for a constant of the episode.
template <class Model>
bool taken_for_constant(const Model& model, Index entry) {
  const auto i = static_cast<std::size_t>(entry);
  if constexpr (requires { model.encoding().targets; })
    return model.encoding().targets[i] == TargetKind::kConstant;
  else if constexpr (requires { model.encoding.targets; })
    return model.encoding.targets[i] == TargetKind::kConstant;
  else
    return false;
}

}  // namespace detail

/// The model against the newest `count` transitions of the buffer, which it has not been trained on. Errors
/// are in standard deviations of the observations in the buffer; entries that do not vary are left out, and so
/// are those that the model takes for constants of an episode. Open-loop windows start wherever ten of those
/// transitions follow each other in one episode.
template <class Model>
void report_model(const Model& model, const TransitionBuffer& buffer, std::size_t count, ThreadPool& pool,
                  TrialMetrics& m) {
  count = std::min(count, buffer.size());
  if (count == 0) return;
  Vecd mean = Vecd::Zero(buffer.obs_dim()), square = mean;  // Welford: one pass, no copy of the data
  for (std::size_t row = 0; row < buffer.size(); ++row) {
    const Vecd x = buffer.next_obs(row).cast<double>();
    const Vecd step = x - mean;
    mean += step / static_cast<double>(row + 1);
    square.array() += step.array() * (x - mean).array();
  }
  Vecf scale = (square / static_cast<double>(buffer.size())).cwiseSqrt().cast<float>();
  for (Index i = 0; i < scale.size(); ++i)
    if (!varies(mean(i), static_cast<double>(scale(i))) || detail::taken_for_constant(model, i))
      scale(i) = 0.0f;
  if (!(scale.array() > 0.0f).any()) return;
  const auto judged = detail::judged(model, pool);

  const std::size_t first = buffer.size() - count;
  const Transitions fresh = buffer.batch(first, count);
  const PredictionReport report = judged.predictions(fresh, scale);
  m.model_nll = report.nll;
  m.model_rmse = report.rmse;
  m.calibration_90 = report.calibration_90;

  constexpr int kSteps = 10;
  std::vector<Index> starts;  // columns of `fresh`
  for (const std::uint32_t row : buffer.window_starts(kSteps))
    if (row >= first) starts.push_back(static_cast<Index>(row - first));
  if (starts.empty()) return;
  std::vector<Batchf> actions, truth;
  std::vector<Index> columns = starts;
  for (int k = 0; k < kSteps; ++k) {
    actions.push_back(fresh.action(Eigen::all, columns));
    truth.push_back(fresh.next_obs(Eigen::all, columns));
    for (Index& column : columns) ++column;
  }
  const std::vector<double> rmse = judged.open_loop(fresh.obs(Eigen::all, starts), actions, truth, scale);
  m.open_loop_rmse_k1 = rmse.front();
  m.open_loop_rmse_k10 = rmse.back();
}

/// Predicted against realised return of the trial's plans; planning times; unusable particles. `terminated`:
/// see TrialRecord::outcomes.
inline void report_plans(const TrialRecord& record, int horizon, bool terminated, const RolloutCounts& counts,
                         TrialMetrics& m) {
  double predicted = 0, realised = 0, replay_predicted = 0, replay_realised = 0, replays = 0;
  m.plans = m.plans_judged = m.plans_unusable = 0;
  for (const PlanOutcome& o : record.outcomes(horizon, terminated)) {
    ++m.plans;
    if (!std::isfinite(o.predicted)) {
      ++m.plans_unusable;
      continue;
    }
    if (std::isfinite(o.replayed)) {
      replay_predicted += o.predicted;
      replay_realised += o.replayed;
      ++replays;
    }
    if (!std::isfinite(o.realised)) continue;
    predicted += o.predicted;
    realised += o.realised;
    ++m.plans_judged;
  }
  if (m.plans_judged > 0) {
    m.predicted_return = predicted / m.plans_judged;
    m.realised_return = realised / m.plans_judged;
  }
  if (replays > 0) {
    m.replay_predicted = replay_predicted / replays;
    m.replay_realised = replay_realised / replays;
  }
  LatencyRecorder latency;
  for (const double s : record.plan_seconds) latency.add(s);
  m.plan_p50_s = latency.p50();
  m.plan_p99_s = latency.p99();
  if (counts.particles > 0) {
    m.out_of_data = static_cast<double>(counts.out_of_data) / static_cast<double>(counts.particles);
    m.not_finite = static_cast<double>(counts.not_finite) / static_cast<double>(counts.particles);
    m.held = static_cast<double>(counts.held) / static_cast<double>(counts.particles);
  }
  if (!record.plan_t.empty()) m.rollouts = record.rollouts / static_cast<double>(record.plan_t.size());
}

/// What a reader of a trial's row has to know to trust it, and its plans as a table.
RoundReport report_trial(const TrialMetrics& m, const std::vector<PlanOutcome>& outcomes);

}  // namespace mbrl
