// What 'mbrl plan' leaves behind: a table for other programs, trajectories, curves.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "entry_names.hpp"
#include "episode_video.hpp"
#include "mbrl/env/familiar_range.hpp"

namespace mbrl::cli {

struct PlanTrace {
  std::vector<std::vector<double>> rows;  // t, observation, action, reward
  std::vector<double> costs;              // after each iteration of the first plan
  Episode episode{};                      // for pictures, where they are asked for
};

struct PlanResult {
  std::string planner;
  double total = 0, end_reward = 0;  // medians over the episodes
  std::vector<double> totals = {};   // each episode's return
  FamiliarRange::Excursion furthest = {};
  double p50 = 0, p99 = 0;          // s, of all plans
  double x_real_time = 0;           // simulated time over planning time
  double rollouts = 0, missed = 0;  // per plan; in all
  PlanTrace trace = {};             // of the first episode
};

// planner,return,plan_ms_p50,plan_ms_p99,x_real_time
void write_csv(const std::filesystem::path& path, const std::vector<PlanResult>& results);

// For each planner trajectory_NAME.csv, and as curves over time observations_NAME.png and actions_NAME.png
// (the first eight entries of each); for all reward.png and cost_per_iteration.png. The folder exists.
void draw(const std::filesystem::path& folder, const std::string& environment, const Names& names,
          const std::vector<PlanResult>& results);

}  // namespace mbrl::cli
