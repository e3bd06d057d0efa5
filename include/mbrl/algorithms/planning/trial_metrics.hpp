// What is measured in every trial of a model-based run: learning, the model's honesty, the planner's
// optimism, time.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/run/metrics.hpp"

namespace mbrl {

/// One plan against what came of it.
struct PlanOutcome {
  int t = 0;
  double predicted = 0.0;  // return over the horizon, in the model; NaN: no candidate was usable
  // The reward then collected over as many steps, with replanning in between. A termination earns nothing
  // more, so the sum is known; NaN where a time limit or a failed simulation hides the rest.
  double realised = 0.0;
  /// The same for the plan's own actions, executed to the end from a copy of the state: what is left between
  /// this and `predicted` is the model's error alone. NaN as above, and for plans that were not replayed.
  double replayed = std::numeric_limits<double>::quiet_NaN();
};

/// One row of metrics.csv; trial 0 is the mean of the random episodes. Columns whose names end in _s or _per_s
/// are wall-clock figures; all others are functions of the seed alone. The model's figures are measured on the
/// trial's transitions before it has learned from them.
struct TrialMetrics {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  double trial = 0;                  // 1-based; 0: random actions, the baseline
  double step = 0;                   // environment steps so far, the random ones among them
  double episode_return = 0;         // sum of rewards
  double best_return = 0;            // best so far
  double model_nll = kNone;          // negative log-likelihood a dimension of the ensemble's mixture
  double model_rmse = kNone;         // one-step error, in standard deviations of the observations
  double calibration_90 = kNone;     // share of outcomes inside the central 90 % interval
  double open_loop_rmse_k1 = kNone;  // same unit, k steps ahead with the recorded actions
  double open_loop_rmse_k10 = kNone;
  double predicted_return = kNone;  // mean over the trial's judged plans: usable, and their outcome known
  double realised_return = kNone;   // what those plans brought, with replanning
  double replay_predicted = kNone;  // mean over the plans that were replayed in a copy of the environment
  double replay_realised = kNone;   // what their own actions brought there: no replanning in between
  double plans = kNone;             // plans made
  double plans_judged = kNone;      // of them, in predicted_return and realised_return
  double plans_unusable = kNone;    // of them, without one candidate of a finite return: not planned at all
  double out_of_data = 0;           // share of particles stopped for leaving the range of the data
  double not_finite = 0;            // share of particles stopped for numbers that are not finite
  double held = 0;                  // share of particles that were held at its edge: it had stopped all
  double rollouts = 0;              // particle rollouts a plan
  double train_loss = kNone;        // last epoch, mean over members
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
      "open_loop_rmse_k10", "predicted_return", "realised_return", "replay_predicted", "replay_realised", "plans",
      "plans_judged", "plans_unusable", "out_of_data", "not_finite", "held", "rollouts", "train_loss",
      "train_epochs", "terminated", "train_s", "act_s", "plan_p50_s", "plan_p99_s", "steps_per_s"};
  /// Of checkpoints that do not name their columns (before 0.1.0).
  static constexpr std::array kFirstColumns = {
      "trial", "step", "return", "best_return", "model_nll", "model_rmse", "calibration_90", "open_loop_rmse_k1",
      "open_loop_rmse_k10", "predicted_return", "realised_return", "out_of_data", "not_finite", "rollouts",
      "train_loss", "train_epochs", "terminated", "train_s", "act_s", "plan_p50_s", "plan_p99_s", "steps_per_s"};
  // clang-format on
  /// With titles for what the terminal says of a trial, in 78 characters.
  static std::vector<MetricColumn> metric_columns() {
    const std::array<MetricColumn, 8> shown = {{{"trial", false, "trial", 7, 0},
                                                {"step", false, "steps", 7, 0},
                                                {"return", false, "return", 8, 1},
                                                {"best_return", false, "best", 8, 1},
                                                {"predicted_return", false, "predicted", 9, 1},
                                                {"realised_return", false, "realised", 8, 1},
                                                {"model_rmse", false, "error 1", 5, 3},
                                                {"open_loop_rmse_k10", false, "error 10", 5, 3}}};
    std::vector<MetricColumn> columns;
    for (const std::string name : kColumns) {
      const auto* const at =
          std::find_if(shown.begin(), shown.end(), [&](const MetricColumn& c) { return c.name == name; });
      columns.push_back(at != shown.end() ? *at : MetricColumn{name, name.ends_with("_s")});
    }
    return columns;
  }

  std::vector<double> values() const {
    TrialMetrics copy = *this;
    std::vector<double> out;
    copy.for_each([&](double& v) { out.push_back(v); });
    return out;
  }

  /// Rows in a checkpoint, with the names of their columns, so that other versions of the program can read
  /// them: a column that is missing there keeps its default, one that is unknown here is left out.
  static void save(const std::vector<TrialMetrics>& rows, StateDict& out, const std::string& name) {
    std::string& names = out.metadata[name + ".columns"];
    for (const char* column : kColumns) names += (names.empty() ? "" : ",") + std::string(column);
    std::vector<double> all;
    for (const TrialMetrics& m : rows) {
      const std::vector<double> row = m.values();
      all.insert(all.end(), row.begin(), row.end());
    }
    out.put(name, all);
  }
  static std::vector<TrialMetrics> load(const StateDict& in, const std::string& name) {
    std::vector<std::string> names(kFirstColumns.begin(), kFirstColumns.end());
    if (const auto found = in.metadata.find(name + ".columns"); found != in.metadata.end()) {
      names.clear();
      std::istringstream text(found->second);
      for (std::string column; std::getline(text, column, ',');) names.push_back(column);
    }
    const std::vector<double> all = in.get<double>(name);
    require(!names.empty() && all.size() % names.size() == 0, "checkpoint: '", name, "' has ", all.size(),
            " values, expected rows of ", names.size());
    std::vector<TrialMetrics> rows(all.size() / names.size());
    for (std::size_t r = 0; r < rows.size(); ++r) {
      std::size_t own = 0;
      rows[r].for_each([&](double& v) {
        const auto at = std::find(names.begin(), names.end(), kColumns[own++]) - names.begin();
        const auto c = static_cast<std::size_t>(at);
        if (c < names.size()) v = all[r * names.size() + c];
      });
    }
    return rows;
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
                      &replay_predicted,
                      &replay_realised,
                      &plans,
                      &plans_judged,
                      &plans_unusable,
                      &out_of_data,
                      &not_finite,
                      &held,
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

/// What a trial in progress has collected; part of every checkpoint.
struct TrialRecord {
  std::vector<double> rewards;         // one a control step
  std::vector<double> plan_t;          // control step of each plan
  std::vector<double> plan_predicted;  // its predicted return
  std::vector<double> plan_seconds;    // its latency
  std::vector<double> plan_replayed;   // what its own actions bring, NaN where that was not tried
  double rollouts = 0;                 // particle rollouts of all plans

  void add_plan(int t, double predicted, double seconds, double particle_rollouts) {
    plan_t.push_back(t);
    plan_predicted.push_back(predicted);
    plan_seconds.push_back(seconds);
    plan_replayed.push_back(TrialMetrics::kNone);
    rollouts += particle_rollouts;
  }
  double total() const {
    double sum = 0;
    for (const double r : rewards) sum += r;
    return sum;
  }

  /// `terminated`: the episode is over and nothing could be earned after its last step.
  std::vector<PlanOutcome> outcomes(int horizon, bool terminated) const {
    std::vector<double> until(rewards.size() + 1, 0.0);
    for (std::size_t i = 0; i < rewards.size(); ++i) until[i + 1] = until[i] + rewards[i];
    std::vector<PlanOutcome> out;
    for (std::size_t i = 0; i < plan_t.size(); ++i) {
      const auto t = static_cast<std::size_t>(plan_t[i]);
      const std::size_t end = t + static_cast<std::size_t>(horizon);
      const double realised = end < until.size() ? until[end] - until[t]
                              : terminated       ? until.back() - until[t]
                                                 : TrialMetrics::kNone;
      out.push_back({static_cast<int>(t), plan_predicted[i], realised, plan_replayed[i]});
    }
    return out;
  }

  void save(StateDict& out, const std::string& prefix) const {
    out.put(prefix + "rewards", rewards);
    out.put(prefix + "plan_t", plan_t);
    out.put(prefix + "plan_predicted", plan_predicted);
    out.put(prefix + "plan_s", plan_seconds);
    out.put(prefix + "plan_replayed", plan_replayed);
    out.put_scalar(prefix + "rollouts", rollouts);
  }
  void load(const StateDict& in, const std::string& prefix) {
    rewards = in.get<double>(prefix + "rewards");
    plan_t = in.get<double>(prefix + "plan_t");
    plan_predicted = in.get<double>(prefix + "plan_predicted");
    plan_seconds = in.get<double>(prefix + "plan_s");
    plan_replayed.assign(plan_t.size(), TrialMetrics::kNone);
    if (in.contains(prefix + "plan_replayed")) plan_replayed = in.get<double>(prefix + "plan_replayed");
    require(plan_predicted.size() == plan_t.size() && plan_replayed.size() == plan_t.size(), "checkpoint: '",
            prefix, "' has ", plan_t.size(), " plans, ", plan_predicted.size(), " predictions and ",
            plan_replayed.size(), " replays");
    rollouts = in.get_scalar<double>(prefix + "rollouts");
  }
};

}  // namespace mbrl
