// Tells a person how a run goes, and leaves the tables and pictures in its folder.
#pragma once

#include <memory>
#include <string>

#include "mbrl/run/configuration.hpp"
#include "mbrl/run/metrics.hpp"
#include "mbrl/run/observer.hpp"
#include "mbrl/run/resume.hpp"
#include "mbrl/run/run_folder.hpp"

namespace mbrl {

/// Writes metrics.csv, tables of rounds, events, learning_curve.png and log.txt; on the terminal one line a
/// round and a progress bar inside it. Every table given is the whole one, as it shall stand in metrics.csv.
class RunReporter {
 public:
  /// `program`: what it advises to go on with.
  RunReporter(const RunFolder& folder, const RunConfiguration& configuration, const RunBudget& budget,
              int threads, std::string program = "mbrl");
  ~RunReporter();

  void start(const MetricTable& metrics, bool resumed);
  /// The random actions are over: the table begins.
  void baseline(const MetricTable& metrics);
  void progress(const RunProgress& progress, const std::string& round_name);
  /// An evaluation is under way.
  void evaluating(int episode, int episodes, int done, int most_steps, double total);
  /// The last row is the round that has just ended.
  void round(const MetricTable& metrics, const RoundReport& report);
  /// Before a checkpoint: metrics.csv, which long tables are not written to after every round, must not lack what the
  /// checkpoint has.
  void catch_up(const MetricTable& metrics);
  /// `pictures`: the environment can be rendered, which is advised where the run is done.
  void finish(const MetricTable& metrics, bool done, bool pictures);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mbrl
