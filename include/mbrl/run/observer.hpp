// What a run tells whoever started it, and asks: the one interface between an algorithm's loop and progress
// displays, checkpoints, signals, tables and films.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/run/metrics.hpp"

namespace mbrl {

enum class RunPhase {
  kRandom,    // random actions, before anything was learned
  kTraining,  // learning from data
  kActing     // in the environment with what was learned
};

constexpr auto enum_names(RunPhase) {
  return std::array{std::pair{RunPhase::kRandom, "random"}, std::pair{RunPhase::kTraining, "training"},
                    std::pair{RunPhase::kActing, "acting"}};
}

/// Where a run stands.
struct RunProgress {
  RunPhase phase = RunPhase::kRandom;
  int round = 0, rounds = 0;  // 1-based; rounds is 0 where the budget is in steps
  int done = 0, total = 0;    // epochs while training, else control steps; total is 0 where there is no limit
  double value = 0.0;         // training loss, or the return so far
  std::int64_t steps = 0;     // environment steps of the run so far
  std::string fault{};        // why the simulation broke down in this step; empty as a rule
};

/// A table of its own that a round leaves, one file a round: <name>/<round name>_0001.csv.
struct RoundTable {
  std::string name;
  std::vector<std::string> columns;
  std::vector<std::vector<double>> rows;
};

/// What there is to say of a round besides its row of metrics.
struct RoundReport {
  std::vector<std::string> warnings;  // what a reader of the row has to know to trust it; sentences
  std::vector<RoundTable> tables;
};

/// Derive from it and override what you need. An algorithm calls, in its loop and on its thread:
///   on_progress       after every control step and epoch
///   on_round          after every round, with the whole table of metrics, the round's row last
///   on_safe_point     where `save` may be called: at least once a round, right after on_round (round_over
///                     true), and as often within as the algorithm can; false ends the run, which returns false
///   on_failure        where `save` may be called for the last time: what was learned is no number any more, and the run
///                     ends with an error that says so
///   stop_requested    between pieces of work without a safe point (epochs); true ends the run with that piece
///                     of work undone
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void on_progress(const RunProgress& /*progress*/) {}
  virtual void on_round(const MetricTable& /*metrics*/, const RoundReport& /*report*/) {}
  virtual bool on_safe_point(bool /*round_over*/) { return true; }
  virtual void on_failure() {}
  virtual bool stop_requested() { return false; }
};

}  // namespace mbrl
