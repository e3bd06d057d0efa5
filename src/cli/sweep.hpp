// Several runs of 'mbrl train NAME' from one command line: every combination of the seeds, environments and
// settings that are given as lists. Each run is a process of this program in a folder of its own.
#pragma once

#include <string>
#include <vector>

#include "train_options.hpp"

namespace mbrl::cli {

// Lists as they were given: seeds "1..5" or "1,4,7", environments "A,B", settings "key=1,2" (a setting that
// is a list itself in brackets: "model.hidden=[64,64],[200,200]").
struct SweepOptions {
  std::string environments, seeds;
  std::vector<std::string> assignments;
  int jobs = 0;  // runs at a time; 0: one for each core
};

// One run of a sweep.
struct SweepRun {
  std::string name;               // its folder below the sweep's
  std::string environment, seed;  // empty: not given
  std::vector<std::string> assignments;
};

// All combinations, in the order given, environments outermost and seeds innermost. One run without a name if
// nothing is a list. Throws mbrl::Error for lists that make no sense. The algorithm's settings say which of
// them are lists themselves.
std::vector<SweepRun> sweep_runs(const SweepOptions& options, const std::string& algorithm);

// Runs what is not done yet of the sweep in options.out, and leaves a table (sweep.csv), learning curves
// (learning_curves.png) and, for resuming with --out alone, its settings (sweep.json) there. Gives the exit
// status.
int run_sweep(const SweepOptions& sweep, const TrainOptions& options);

// Whether the folder holds a sweep.
bool is_sweep(const std::string& folder);

}  // namespace mbrl::cli
