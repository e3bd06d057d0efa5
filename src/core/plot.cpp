// Pictures by gnuplot: the script, data included, goes to its standard input; no shell and no data files.
#include "mbrl/core/plot.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <system_error>

#include "mbrl/core/error.hpp"
#include "mbrl/core/text.hpp"

extern char** environ;

namespace mbrl {
namespace {

// Okabe and Ito, "Color universal design", 2008; yellow last, as it is faint on white.
constexpr std::array<const char*, 8> kColours = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                 "#E69F00", "#56B4E9", "#000000", "#F0E442"};

// A string of gnuplot's: single quotes, in which nothing but the quote itself (doubled) is special.
std::string literal(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'')
      out += "''";
    else
      out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "'";
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

File temporary() {
  File file(std::tmpfile());
  require(file != nullptr, "plot: no temporary file can be made: ", std::strerror(errno));
  return file;
}

// Runs gnuplot on a script; gives its exit status and what it complained of. Throws if it cannot be started.
std::pair<int, std::string> run_gnuplot(const std::string& script) {
  const File input = temporary(), output = temporary();
  require(std::fwrite(script.data(), 1, script.size(), input.get()) == script.size() &&
              std::fflush(input.get()) == 0,
          "plot: the data cannot be written to a temporary file: ", std::strerror(errno));
  std::rewind(input.get());

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ::fileno(input.get()), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, ::fileno(output.get()), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, ::fileno(output.get()), STDERR_FILENO);
  char name[] = "gnuplot", no_settings[] = "-d", from_input[] = "-";
  char* arguments[] = {name, no_settings, from_input, nullptr};
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, name, &actions, nullptr, arguments, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  require(error != ENOENT, "plot: the program gnuplot is not installed (Debian package gnuplot-nox)");
  require(error == 0, "plot: gnuplot cannot be started: ", std::strerror(error));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  std::rewind(output.get());
  std::array<char, 2000> text;
  const std::size_t read = std::fread(text.data(), 1, text.size(), output.get());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 127, std::string(trim({text.data(), read}))};
}

void append_data(std::string& script, std::size_t index, const PlotSeries& series) {
  script += "$data" + std::to_string(index) + " << END_OF_DATA\n";
  const auto number = [&](double value) { script += (std::isfinite(value) ? shortest(value) : "NaN") + " "; };
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    number(series.x[i]);
    number(series.y[i]);
    number(series.low.empty() ? series.y[i] : series.low[i]);
    number(series.high.empty() ? series.y[i] : series.high[i]);
    script += "\n";
  }
  script += "END_OF_DATA\n";
}

void check(const std::vector<PlotSeries>& series) {
  bool drawable = false;
  for (const PlotSeries& s : series) {
    const std::string where = "plot: series '" + s.name + "'";
    require(s.y.size() == s.x.size(), where, " has ", s.y.size(), " values of y, expected ", s.x.size());
    require(s.low.size() == s.high.size() && (s.low.empty() || s.low.size() == s.x.size()), where, " has ",
            s.low.size(), " low and ", s.high.size(), " high values, expected ", s.x.size(),
            " of each, or none");
    for (std::size_t i = 0; i < s.x.size(); ++i) drawable |= std::isfinite(s.x[i]) && std::isfinite(s.y[i]);
  }
  require(drawable, "plot: there is no finite point to draw");
}

}  // namespace

void plot_lines(const std::filesystem::path& png, const PlotLabels& labels,
                const std::vector<PlotSeries>& series) {
  check(series);
  std::filesystem::path temporary_png = png;
  temporary_png += ".tmp";
  for (const char c : temporary_png.string())
    require(static_cast<unsigned char>(c) >= 0x20, "plot: the path of the picture holds a control character");

  std::string script;
  for (std::size_t i = 0; i < series.size(); ++i) append_data(script, i, series[i]);
  script +=
      "set terminal pngcairo noenhanced size 1100,650 font 'DejaVu Sans,13' background '#FFFFFF' linewidth "
      "1\n";
  script += "set output " + literal(temporary_png.string()) + "\n";
  script += "set encoding utf8\nset border 3 linecolor '#444444' linewidth 1.2\n";
  script += "set tics nomirror out scale 0.6 textcolor '#222222'\n";
  script += "set grid xtics ytics back linecolor '#DDDDDD' linetype 1 linewidth 1\n";
  script += "set format x '%.6g'\nset format y '%.5g'\nset offsets graph 0, 0, graph 0.04, graph 0.04\n";
  if (!labels.title.empty())
    script += "set title " + literal(labels.title) + " font ',16' textcolor '#222222'\n";
  script += "set xlabel " + literal(labels.x) + " textcolor '#222222'\n";
  script += "set ylabel " + literal(labels.y) + " textcolor '#222222'\n";
  script +=
      "set key outside below center horizontal height 1.5 Left reverse samplen 2 spacing 1.4 width 2 "
      "textcolor "
      "'#222222'\n";
  if (series.size() == 1 && series[0].name.empty()) script += "unset key\n";

  std::string plots;
  const auto add = [&](const std::string& plot) { plots += (plots.empty() ? "plot " : ", ") + plot; };
  // Bands first, so that no band covers a line.
  for (std::size_t i = 0; i < series.size(); ++i)
    if (!series[i].low.empty())
      add("$data" + std::to_string(i) + " using 1:3:4 with filledcurves notitle linecolor '" +
          kColours[i % kColours.size()] + "' fillstyle transparent solid 0.18 noborder");
  for (std::size_t i = 0; i < series.size(); ++i) {
    const bool dots = series[i].x.size() <= 60;  // few enough to be told apart
    add("$data" + std::to_string(i) + " using 1:2 with " + (dots ? "linespoints" : "lines") + " title " +
        literal(series[i].name) + " linecolor '" + kColours[i % kColours.size()] + "' linewidth 2.4" +
        (dots ? " pointtype 7 pointsize 0.8" : "") + (i >= kColours.size() ? " dashtype 2" : ""));
  }
  script += plots + "\nunset output\n";

  // Tried here, since gnuplot would write the picture among its complaints.
  {
    const File probe(std::fopen(temporary_png.c_str(), "wb"));
    require(probe != nullptr, "plot: '", png.string(), "' cannot be written: ", std::strerror(errno));
  }
  std::error_code ignored;
  std::filesystem::remove(temporary_png, ignored);
  const auto [status, complaint] = run_gnuplot(script);
  if (status != 0 || !std::filesystem::exists(temporary_png)) {
    std::filesystem::remove(temporary_png, ignored);
    fail("plot: gnuplot could not draw '", png.string(), "'", complaint.empty() ? "" : ": ", complaint);
  }
  std::error_code error;
  std::filesystem::rename(temporary_png, png, error);
  if (error) std::filesystem::remove(temporary_png, ignored);
  require(!error, "plot: '", png.string(), "' cannot be written: ", error.message());
}

void plot_lines(const std::filesystem::path& png, const std::string& title, const std::string& xlabel,
                const std::string& ylabel, const std::vector<PlotSeries>& series) {
  plot_lines(png, PlotLabels{title, xlabel, ylabel}, series);
}

bool gnuplot_is_installed() {
  try {
    return run_gnuplot("exit\n").first == 0;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace mbrl
