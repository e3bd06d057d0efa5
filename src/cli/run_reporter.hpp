// Tells a person how a run goes, and leaves the tables and pictures in its folder.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "mbrl/algorithms/pets.hpp"
#include "mbrl/algorithms/pets_configuration.hpp"
#include "mbrl/algorithms/run_folder.hpp"

namespace mbrl::cli {

// The checkpoint of a run. Throws if it is no file of this program's.
StateDict load_pets_checkpoint(const RunFolder& folder);

class RunReporter {
 public:
  RunReporter(const RunFolder& folder, const PetsConfiguration& configuration, int threads);
  ~RunReporter();

  // `baseline`: Pets::baseline.
  void start(const std::vector<TrialMetrics>& metrics, const std::optional<TrialMetrics>& baseline,
             bool resumed);
  // The random episodes are over.
  void baseline(const std::optional<TrialMetrics>& baseline);
  void progress(const PetsProgress& progress);
  // The last row is the trial that has just ended.
  void trial(const std::vector<TrialMetrics>& metrics, const std::vector<PlanOutcome>& outcomes);
  void finish(const std::vector<TrialMetrics>& metrics, bool done);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mbrl::cli
