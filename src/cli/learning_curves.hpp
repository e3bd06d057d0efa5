// Learning curves of several runs: grouped by what was learned and how, brought onto common steps, and summed
// up over the seeds.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "mbrl/io/plot.hpp"

namespace mbrl::cli {

// One run's column over environment steps; NaN left out.
struct RunCurve {
  std::filesystem::path folder;
  std::uint64_t seed = 0;
  std::vector<double> step, value;
};

// Runs of one algorithm on one environment with the same settings, but for the seed, the budget and how often
// they were evaluated: one run a seed.
struct CurveGroup {
  std::string environment;
  std::string difference;  // "planner.name=cem" or "algorithm=pets": where other groups of the environment
                           // differ; may be empty
  std::vector<RunCurve> runs;
};

struct LearningCurves {
  std::vector<CurveGroup> groups;
  std::vector<std::string> remarks;  // what was left out, and why, as sentences
};

// Reads the runs. Of two runs with the same settings and seed the longer is kept. Throws mbrl::Error for a
// folder without a run, a column that a table lacks, and where no run has a value.
LearningCurves read_learning_curves(const std::vector<std::string>& folders, const std::string& column);

// Over the runs of a group, at each environment step that one of them reports, others interpolated linearly:
// mean and range of up to four runs, median and quartiles of five and more. Ends where the shortest run ends.
PlotSeries summarise(const CurveGroup& group);

// The q-quantile, 0 to 1, between order statistics (linear interpolation, Hyndman and Fan 1996, type 7).
double quantile(std::vector<double> values, double q);

// What a column of metrics.csv is, for an axis.
std::string column_title(const std::string& column);

}  // namespace mbrl::cli
