// Pictures by gnuplot: the script, data included, goes to its standard input; no shell and no data files.
#include "mbrl/io/plot.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string_view>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/text.hpp"
#include "mbrl/io/atomic_file.hpp"

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

// A series' name in lines that the picture has room for, broken behind commas where it has some.
std::vector<std::string> lines_of(std::string_view name) {
  constexpr std::size_t kMost = 100;  // characters
  std::vector<std::string> lines;
  while (name.size() > kMost) {
    const std::size_t comma = name.substr(0, kMost).rfind(", ");
    std::size_t end = comma == std::string_view::npos ? kMost : comma + 1;
    while (end > kMost - 4 && (static_cast<unsigned char>(name[end]) & 0xC0U) == 0x80)
      --end;  // no character in two
    lines.emplace_back(trim(name.substr(0, end)));
    name.remove_prefix(end);
  }
  lines.emplace_back(trim(name));
  return lines;
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

File temporary() {
  File file(std::tmpfile());
  const int error = file ? 0 : errno;
  require_system(error, "plot: no temporary file can be made");
  return file;
}

std::string contents(std::FILE* file) {
  std::rewind(file);
  std::string bytes;
  std::array<char, 65536> buffer;
  for (std::size_t n; (n = std::fread(buffer.data(), 1, buffer.size(), file)) > 0;)
    bytes.append(buffer.data(), n);
  return bytes;
}

struct Drawn {
  int status;  // gnuplot's exit status
  std::string picture, complaints;
};

// Runs gnuplot on a script whose picture goes to its standard output. Throws if it cannot be started.
Drawn run_gnuplot(const std::string& script) {
  const File input = temporary(), output = temporary(), complaints = temporary();
  const bool written = std::fwrite(script.data(), 1, script.size(), input.get()) == script.size() &&
                       std::fflush(input.get()) == 0;
  const int reason = written ? 0 : errno;
  require_system(reason, "plot: the data cannot be written to a temporary file");
  std::rewind(input.get());

  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ::fileno(input.get()), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, ::fileno(output.get()), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, ::fileno(complaints.get()), STDERR_FILENO);
  char name[] = "gnuplot", no_settings[] = "-d", from_input[] = "-";
  char* arguments[] = {name, no_settings, from_input, nullptr};
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, name, &actions, nullptr, arguments, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  require(error != ENOENT, "plot: the program gnuplot is not installed (Debian package gnuplot-nox)");
  require_system(error, "plot: gnuplot cannot be started");
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 127, contents(output.get()),
          std::string(trim(contents(complaints.get()).substr(0, 2000)))};
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

// What gnuplot draws with, by the file's extension; empty for another.
std::string terminal_of(const std::filesystem::path& file) {
  const std::string extension = lower(file.extension().string());
  if (extension == ".png") return "pngcairo";
  if (extension == ".svg") return "svg";
  if (extension == ".pdf") return "pdfcairo";
  return "";
}

// The same with a picture of so many pixels, a hundred of them to the inch.
std::string terminal_of(const std::filesystem::path& file, int height) {
  const std::string terminal = terminal_of(file);
  const std::string size =
      terminal == "pdfcairo" ? "11in," + fixed(height / 100.0, 2) + "in" : "1100," + std::to_string(height);
  return terminal + " noenhanced size " + size + " font 'DejaVu Sans,13' background '#FFFFFF' linewidth 1";
}

// Room for the legend below the curves: where names are long it has one column, of `lines` lines an entry.
int height_of(const std::vector<PlotSeries>& series, std::size_t lines) {
  constexpr int kHeight = 650, kLine = 26;
  constexpr std::size_t kColumn = 50, kUsual = 4;  // characters in one of two columns, lines with room
  const bool one_column =
      std::any_of(series.begin(), series.end(), [](const PlotSeries& s) { return s.name.size() > kColumn; });
  const std::size_t rows = (one_column ? series.size() : (series.size() + 1) / 2) * lines;
  return kHeight + kLine * static_cast<int>(rows - std::min(rows, kUsual));
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
  require_plot_format(png);
  require_writable(png);
  std::string script;
  for (std::size_t i = 0; i < series.size(); ++i) append_data(script, i, series[i]);
  script += "set encoding utf8\nset border 3 linecolor '#444444' linewidth 1.2\n";
  script += "set tics nomirror out scale 0.6 textcolor '#222222'\n";
  script += "set grid xtics ytics back linecolor '#DDDDDD' linetype 1 linewidth 1\n";
  script += "set format x '%.6g'\nset format y '%.5g'\nset offsets graph 0, 0, graph 0.04, graph 0.04\n";
  if (!labels.title.empty())
    script += "set title " + literal(labels.title) + " font ',16' textcolor '#222222'\n";
  script += "set xlabel " + literal(labels.x) + " textcolor '#222222'\n";
  script += "set ylabel " + literal(labels.y) + " textcolor '#222222'\n";
  std::vector<std::string> titles;
  std::size_t lines = 1;
  for (const PlotSeries& s : series) {
    const std::vector<std::string> name = lines_of(s.name);
    lines = std::max(lines, name.size());
    titles.push_back(literal(name.front()));
    for (std::size_t i = 1; i < name.size(); ++i) titles.back() += ".\"\\n\"." + literal(name[i]);
  }
  script += "set terminal " + terminal_of(png, height_of(series, lines)) + "\n";
  // gnuplot leaves room for one line an entry. Samples are long enough to show dashes where there are some.
  script += "set key outside below center horizontal height 1.5 Left reverse maxrows " +
            std::to_string(series.size()) + " samplen " + (series.size() > kColours.size() ? "4" : "2") +
            " spacing " + general(1.4 + 1.2 * static_cast<double>(lines - 1), 3) +
            " width 2 textcolor '#222222'\n";
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
        titles[i] + " linecolor '" + kColours[i % kColours.size()] + "' linewidth 2.4" +
        (dots ? " pointtype 7 pointsize 0.8" : "") + (i >= kColours.size() ? " dashtype 2" : ""));
  }
  script += plots + "\n";

  const Drawn drawn = run_gnuplot(script);
  const std::string& complaints = drawn.complaints;
  if (drawn.status != 0 || drawn.picture.empty())
    fail("plot: gnuplot could not draw '", png.string(), "'", complaints.empty() ? "" : ": ", complaints);
  write_file_atomically(png, drawn.picture);
}

void plot_lines(const std::filesystem::path& png, const std::string& title, const std::string& xlabel,
                const std::string& ylabel, const std::vector<PlotSeries>& series) {
  plot_lines(png, PlotLabels{title, xlabel, ylabel}, series);
}

void require_plot_format(const std::filesystem::path& file) {
  require(!terminal_of(file).empty(), "plot: '", file.string(), "' ends in '", file.extension().string(),
          "', expected .png, .svg or .pdf");
}

bool gnuplot_is_installed() {
  try {
    return run_gnuplot("exit\n").status == 0;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace mbrl
