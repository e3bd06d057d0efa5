// How far a long piece of work has come: a bar on a terminal, now and then a plain line without one.
#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

namespace mbrl {

struct ProgressSettings {
  bool terminal = false;      // draw a bar over itself; else plain lines
  double redraw_every = 0.1;  // seconds between drawings of the bar
  double line_every = 30.0;   // seconds between plain lines
  int width = 80;             // characters a line of the terminal takes
};

/// "1:23:45", "12:05", "0:07".
std::string format_duration(double seconds);

/// One piece of work after another, each of a known number of steps:
///   trial 3/20 acting    [#########-------------]  41 %  412/1000  8.1/s  1:12 left  return 231.4
class ProgressBar {
 public:
  /// Writes to standard error, as a bar if that is a terminal.
  ProgressBar();
  /// `seconds` gives the time; injected by tests.
  ProgressBar(std::ostream& out, const ProgressSettings& settings, std::function<double()> seconds);

  /// Begins a piece of work (and ends the last one's line). Of one that is known only when `done` steps are complete
  /// the rate counts what is done from here on.
  void start(std::string label, long total, std::optional<long> done = std::nullopt);
  /// `done` steps are complete; `note` is shown at the end of the line. Cheap: draws only when due.
  void update(long done, std::string_view note = {});
  /// Removes the bar, so that a line can be printed in its place; the next update draws it again.
  void clear();
  /// Ends the work and removes the bar.
  void finish();

 private:
  std::string line(double now, std::string_view note) const;

  std::ostream& out_;
  ProgressSettings settings_;
  std::function<double()> seconds_;
  std::string label_;
  long total_ = 0, done_ = 0;
  std::optional<long> first_;  // steps that the rate does not count
  double begun_ = 0, drawn_ = 0;
  bool visible_ = false;
};

}  // namespace mbrl
