// The progress display under a clock of the test's own; log files.
#include "mbrl/io/progress.hpp"

#include <spdlog/spdlog.h>

#include <limits>
#include <sstream>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/io/atomic_file.hpp"
#include "mbrl/io/log.hpp"

using namespace mbrl;

TEST_CASE("durations read as clocks do", "[progress]") {
  CHECK(format_duration(0) == "0:00");
  CHECK(format_duration(7.4) == "0:07");
  CHECK(format_duration(725) == "12:05");
  CHECK(format_duration(5025) == "1:23:45");
  CHECK(format_duration(-3) == "0:00");
  CHECK(format_duration(std::numeric_limits<double>::infinity()) == "?");
}

TEST_CASE("without a terminal: now and then a plain line", "[progress]") {
  std::ostringstream out;
  double now = 50;
  ProgressSettings settings;
  settings.line_every = 10;
  ProgressBar bar(out, settings, [&] { return now; });
  bar.start("trial 1/2", 100);
  for (int i = 1; i <= 25; ++i) {
    now += 1;
    bar.update(i, "return 3.5");
  }
  bar.finish();
  CHECK(out.str() ==
        "trial 1/2   10 %  10/100  1.00/s  1:30 left  return 3.5\n"
        "trial 1/2   20 %  20/100  1.00/s  1:20 left  return 3.5\n");
}

TEST_CASE("on a terminal: a bar that draws over itself and goes away", "[progress]") {
  std::ostringstream out;
  double now = 0;
  ProgressSettings settings;
  settings.terminal = true;
  settings.width = 60;
  ProgressBar bar(out, settings, [&] { return now; });
  bar.start("acting", 8);
  now = 1;
  bar.update(2);
  const std::string first = out.str();
  CHECK(first.front() == '\r');
  CHECK(contains(first, "["));
  CHECK(contains(first, "25 %  2/8"));
  CHECK(!contains(first, "\n"));
  CHECK(first.size() <= 60 + 4);
  now = 1.01;
  bar.update(3);  // too soon to draw
  CHECK(out.str() == first);
  now = 2;
  bar.update(8);
  CHECK(contains(out.str(), "100 %  8/8"));
  bar.finish();
  CHECK(out.str().substr(out.str().size() - 4) == "\r\x1b[K");

  settings.width = 12;  // narrow: cut, never wrapped
  std::ostringstream narrow;
  ProgressBar small(narrow, settings, [&] { return now; });
  small.start("a long label", 10);
  small.update(1, "and a note");
  CHECK(narrow.str() == "\ra long labe\x1b[K");
}

TEST_CASE("resumed work is not counted into the rate", "[progress]") {
  std::ostringstream out;
  double now = 0;
  ProgressSettings settings;
  settings.line_every = 1;
  ProgressBar bar(out, settings, [&] { return now; });
  bar.start("x", 1000);
  bar.update(901);
  now = 10;
  bar.update(910);
  CHECK(out.str() == "x   91 %  910/1000  1.00/s  1:30 left\n");

  // Nor is what was done when the work was heard of: a second would have seemed enough for all of it.
  out.str("");
  bar.start("y", 10, 1);
  now = 11;
  bar.update(1);
  now = 20;
  bar.update(2);
  CHECK(out.str() == "y   10 %  1/10\ny   20 %  2/10  0.10/s  1:20 left\n");
}

TEST_CASE("log lines reach the file of the run", "[log]") {
  const auto before = spdlog::default_logger();
  const TemporaryFolder folder;
  start_logging("error");
  log_to_file(folder / "log.txt");
  spdlog::info("not this");
  spdlog::default_logger()->set_level(spdlog::level::off);
  start_logging("info");
  spdlog::default_logger()->sinks().clear();  // keep the test's own output clean
  log_to_file(folder / "log.txt");
  spdlog::info("trial {}", 3);
  CHECK(contains(read_file(folder / "log.txt"), "info trial 3\n"));
  CHECK(!contains(read_file(folder / "log.txt"), "not this"));
  CHECK(contains(error_of([] { start_logging("inf"); }), "did you mean 'info'?"));
  CHECK(contains(error_of([] { log_to_file("/proc/none/log.txt"); }), "cannot be opened"));
  spdlog::set_default_logger(before);
}
