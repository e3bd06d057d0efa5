// What is measured in every trial of a model-based run: learning, the model's honesty, the planner's
// optimism, time.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/state_dict.hpp"

namespace mbrl {

// One plan against what came of it: the return predicted for its horizon and the reward then collected over
// as many steps (NaN where the episode ended before).
struct PlanOutcome {
  int t = 0;
  double predicted = 0.0;
  double realised = 0.0;
};

// One row of metrics.csv. Columns whose names end in _s or _per_s are wall-clock figures; all others are
// functions of the seed alone. The model's figures are measured on the trial's transitions before it has
// learned from them.
struct TrialMetrics {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  double trial = 0;                  // 1-based
  double step = 0;                   // environment steps so far, the random ones among them
  double episode_return = 0;         // sum of rewards
  double best_return = 0;            // best so far
  double model_nll = kNone;          // negative log-likelihood a dimension of the ensemble's mixture
  double model_rmse = kNone;         // one-step error, in standard deviations of the observations
  double calibration_90 = kNone;     // share of outcomes inside the central 90 % interval
  double open_loop_rmse_k1 = kNone;  // same unit, k steps ahead with the recorded actions
  double open_loop_rmse_k10 = kNone;
  double predicted_return = kNone;  // mean over the trial's plans whose horizon was lived through
  double realised_return = kNone;   // what those plans brought
  double out_of_data = 0;           // share of particles stopped for moving further than the data ever did
  double not_finite = 0;            // share of particles stopped for numbers that are not finite
  double unguarded = 0;  // share of particles that the limit on movement had to be lifted for: it stopped all
  double rollouts = 0;   // particle rollouts a plan
  double train_loss = kNone;  // last epoch, mean over members
  double train_epochs = 0;
  double terminated = 0;  // 1 if the episode ended before its time limit
  double train_s = 0;
  double act_s = 0;  // episode without training
  double plan_p50_s = 0;
  double plan_p99_s = 0;
  double steps_per_s = 0;  // control steps over training and acting time

  // clang-format off
  static constexpr std::array kColumns = {
      "trial", "step", "return", "best_return", "model_nll", "model_rmse", "calibration_90", "open_loop_rmse_k1",
      "open_loop_rmse_k10", "predicted_return", "realised_return", "out_of_data", "not_finite", "unguarded",
      "rollouts", "train_loss", "train_epochs", "terminated", "train_s", "act_s", "plan_p50_s", "plan_p99_s", "steps_per_s"};
  // clang-format on
  static std::vector<std::string> columns() { return {kColumns.begin(), kColumns.end()}; }

  std::vector<double> values() const {
    TrialMetrics copy = *this;
    std::vector<double> out;
    copy.for_each([&](double& v) { out.push_back(v); });
    return out;
  }
  static TrialMetrics from_values(std::span<const double> row) {
    require(row.size() == kColumns.size(), "metrics: a row has ", row.size(), " values, expected ",
            kColumns.size());
    TrialMetrics m;
    std::size_t i = 0;
    m.for_each([&](double& v) { v = row[i++]; });
    return m;
  }

 private:
  template <class F>
  void for_each(F&& f) {
    for (double* v : {&trial,
                      &step,
                      &episode_return,
                      &best_return,
                      &model_nll,
                      &model_rmse,
                      &calibration_90,
                      &open_loop_rmse_k1,
                      &open_loop_rmse_k10,
                      &predicted_return,
                      &realised_return,
                      &out_of_data,
                      &not_finite,
                      &unguarded,
                      &rollouts,
                      &train_loss,
                      &train_epochs,
                      &terminated,
                      &train_s,
                      &act_s,
                      &plan_p50_s,
                      &plan_p99_s,
                      &steps_per_s})
      f(*v);
  }
};

// What a trial in progress has collected; part of every checkpoint.
struct TrialRecord {
  std::vector<double> rewards;         // one a control step
  std::vector<double> plan_t;          // control step of each plan
  std::vector<double> plan_predicted;  // its predicted return
  std::vector<double> plan_seconds;    // its latency
  double rollouts = 0;                 // particle rollouts of all plans

  double total() const {
    double sum = 0;
    for (const double r : rewards) sum += r;
    return sum;
  }

  std::vector<PlanOutcome> outcomes(int horizon) const {
    std::vector<double> until(rewards.size() + 1, 0.0);
    for (std::size_t i = 0; i < rewards.size(); ++i) until[i + 1] = until[i] + rewards[i];
    std::vector<PlanOutcome> out;
    for (std::size_t i = 0; i < plan_t.size(); ++i) {
      const auto t = static_cast<std::size_t>(plan_t[i]);
      const std::size_t end = t + static_cast<std::size_t>(horizon);
      out.push_back({static_cast<int>(t), plan_predicted[i],
                     end < until.size() ? until[end] - until[t] : TrialMetrics::kNone});
    }
    return out;
  }

  void save(StateDict& out, const std::string& prefix) const {
    out.put(prefix + "rewards", rewards);
    out.put(prefix + "plan_t", plan_t);
    out.put(prefix + "plan_predicted", plan_predicted);
    out.put(prefix + "plan_s", plan_seconds);
    out.put_scalar(prefix + "rollouts", rollouts);
  }
  void load(const StateDict& in, const std::string& prefix) {
    rewards = in.get<double>(prefix + "rewards");
    plan_t = in.get<double>(prefix + "plan_t");
    plan_predicted = in.get<double>(prefix + "plan_predicted");
    plan_seconds = in.get<double>(prefix + "plan_s");
    rollouts = in.get_scalar<double>(prefix + "rollouts");
  }
};

}  // namespace mbrl
