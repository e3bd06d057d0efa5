#include "mbrl/run/reporter.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <utility>

#include "mbrl/io/csv.hpp"
#include "mbrl/io/event_file.hpp"
#include "mbrl/io/log.hpp"
#include "mbrl/io/plot.hpp"
#include "mbrl/io/progress.hpp"
#include "mbrl/io/table.hpp"

namespace mbrl {
namespace {

double wall_clock() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string phase_label(const RunProgress& p, const std::string& round_name) {
  std::string place =
      std::to_string(p.round) + (p.rounds > 0 ? "/" + std::to_string(p.rounds) : std::string());
  switch (p.phase) {
    case RunPhase::kRandom:
      return "random actions " + place;
    case RunPhase::kTraining:
      return round_name + " " + place + " training";
    case RunPhase::kActing:
      return round_name + " " + place + " acting";
  }
  return place;
}

std::string phase_note(const RunProgress& p) {
  char note[48];
  std::snprintf(note, sizeof note, p.phase == RunPhase::kTraining ? "loss %.2f" : "return %.1f", p.value);
  return note;
}

// The columns that the terminal shows: those with a title. Where these are too many for its 80 characters,
// the last of the algorithm's own are left out; the first four and the evaluation stay.
std::vector<std::size_t> shown_columns(const MetricTable& metrics) {
  constexpr int kGap = 2, kLeft = 5, kMost = 79;
  std::vector<std::size_t> shown;
  int width = kLeft;
  for (std::size_t c = 0; c < metrics.columns().size(); ++c)
    if (!metrics.columns()[c].title.empty()) {
      shown.push_back(c);
      width += metrics.columns()[c].width + kGap;
    }
  for (std::size_t i = shown.size(); width > kMost && i-- > 4;) {
    const MetricColumn& column = metrics.columns()[shown[i]];
    if (column.name == "eval_return") continue;
    width -= column.width + kGap;
    shown.erase(shown.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return shown;
}

// These, and the time left.
Table round_table(const MetricTable& metrics) {
  std::vector<TableColumn> columns;
  for (const std::size_t c : shown_columns(metrics))
    columns.push_back({metrics.columns()[c].title, metrics.columns()[c].width});
  columns.push_back({"left", 5});
  return Table(std::move(columns), TableStyle::kAligned);
}

void log_lines(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) spdlog::info("{}", line);
}

// At most nine characters; "-" for what is not known.
std::string cell(double value, int decimals) {
  if (!std::isfinite(value)) return "-";
  char text[32];
  std::snprintf(text, sizeof text, std::abs(value) < 1e6 ? "%.*f" : "%.*e",
                std::abs(value) < 1e6 ? decimals : 2, value);
  return text;
}

std::string counted(std::int64_t n, const std::string& word) {
  return std::to_string(n) + " " + word + (n == 1 ? "" : "s");
}

}  // namespace

struct RunReporter::Impl {
  Impl(const RunFolder& f, const RunConfiguration& c, const RunBudget& b, int n, std::string name)
      : folder(f), configuration(c), budget(b), threads(n), program(std::move(name)) {}

  RunFolder folder;
  RunConfiguration configuration;
  RunBudget budget;
  int threads;
  std::string program;
  std::unique_ptr<EventWriter> events;
  ProgressBar bar;
  std::string label;
  double begun = wall_clock();
  double first_round = 0, first_step = 0;  // finished before this program started
  double next_write = 0;                   // of metrics.csv, where it is long
  bool behind = false;                     // it lacks the last rounds
  double plotted = 0;                      // when learning_curve.png was drawn last
  std::int64_t steps = 0;                  // of the environment, in what was heard last
  bool plot_failed = false;
  bool header_printed = false;

  std::string title() const {
    return configuration.algorithm + " on " + configuration.environment + ", seed " +
           std::to_string(configuration.seed);
  }

  // Written anew each time: a killed program then never leaves half a row. Long tables of short rounds would take longer
  // than the rounds: they get a twentieth of the time.
  void write_metrics(const MetricTable& metrics, bool at_once = true) {
    constexpr std::size_t kLong = 100;  // rows
    const double now = wall_clock();
    behind = !at_once && metrics.rows() > kLong && now < next_write;
    if (behind) return;
    write_file_atomically(folder.metrics(), metrics.csv());
    next_write = wall_clock() + 20 * (wall_clock() - now);
  }

  // After the first round, at the end, and in between at most every few seconds: rounds may be much shorter
  // than drawing.
  void plot(const MetricTable& metrics, bool at_once = false) {
    constexpr double kEvery = 5;  // s
    if (plot_failed || metrics.rows() == 0 || (!at_once && wall_clock() - plotted < kEvery)) return;
    const std::vector<double> steps = metrics.column("step");
    std::vector<PlotSeries> series = {
        {.name = metrics.round_name(), .x = steps, .y = metrics.column("return")},
        {.name = "best so far", .x = steps, .y = metrics.column("best_return")}};
    if (configuration.eval.every > 0) {
      PlotSeries evaluated{.name = "evaluated", .x = {}, .y = {}};
      const std::vector<double> values = metrics.column("eval_return");
      for (std::size_t i = 0; i < values.size(); ++i)
        if (std::isfinite(values[i])) {
          evaluated.x.push_back(steps[i]);
          evaluated.y.push_back(values[i]);
        }
      if (!evaluated.x.empty()) series.push_back(std::move(evaluated));
    }
    if (const auto& row = metrics.baseline()) {
      const double level = (*row)[metrics.index("return")];
      series.push_back({.name = "random actions",
                        .x = {(*row)[metrics.index("step")], steps.back()},
                        .y = {level, level}});
    }
    const auto has_point = [](const PlotSeries& s) {
      return std::any_of(s.y.begin(), s.y.end(), [](double y) { return std::isfinite(y); });
    };
    if (std::none_of(series.begin(), series.end(), has_point)) return;  // no episode has ended yet
    try {
      plot_lines(folder.learning_curve(), title(), "environment steps", "return of an episode", series);
      plotted = wall_clock();
    } catch (const Error& error) {
      plot_failed = true;  // the picture is a convenience: the run goes on, and says so once
      spdlog::warn("no learning_curve.png: {}", error.what());
    }
  }

  // From what was done since this program started.
  std::string time_left(const std::vector<double>& row, const MetricTable& metrics) const {
    const bool by_steps = budget.steps > 0 || budget.rounds == 0;
    const double done = by_steps ? row[metrics.index("step")] : row[0];
    const double all = static_cast<double>(by_steps ? budget.steps : budget.rounds);
    const double before = by_steps ? first_step : first_round;
    if (done <= before || done >= all) return "";
    return format_duration((wall_clock() - begun) / (done - before) * (all - done));
  }

  void print_header(const MetricTable& metrics) {
    if (header_printed) return;
    header_printed = true;
    const Table table = round_table(metrics);
    log_lines(table.header());
    if (const auto& row = metrics.baseline()) {
      std::vector<std::string> cells = {"random"};
      for (const std::size_t c : shown_columns(metrics)) {
        if (c == 0) continue;
        const MetricColumn& column = metrics.columns()[c];
        const bool known = column.name == "step" || column.name == "return";
        cells.push_back(known ? cell((*row)[c], column.decimals) : "");
      }
      cells.push_back("");
      log_lines(table.row(cells));
    }
  }

  void print_row(const MetricTable& metrics) {
    const std::vector<double>& row = metrics.row(metrics.rows() - 1);
    std::vector<std::string> cells;
    for (const std::size_t c : shown_columns(metrics)) {
      cells.push_back(cell(row[c], metrics.columns()[c].decimals));
      if (c == 0 && budget.steps == 0 && budget.rounds > 0)
        cells.back() += "/" + std::to_string(budget.rounds);
    }
    cells.push_back(time_left(row, metrics));
    log_lines(round_table(metrics).row(cells));
  }

  void show(const std::string& now, int total, int done) {
    if (now == label) return;
    label = now;
    bar.start(now, total, done);  // it is heard of when its first step is done
  }
};

RunReporter::RunReporter(const RunFolder& folder, const RunConfiguration& configuration,
                         const RunBudget& budget, int threads, std::string program)
    : impl_(std::make_unique<Impl>(folder, configuration, budget, threads, std::move(program))) {
  start_logging();
  log_to_file(folder.log());
}

RunReporter::~RunReporter() = default;

void RunReporter::start(const MetricTable& metrics, bool resumed) {
  const auto event_path = impl_->folder.path() / kEventFileName;
  const bool any = metrics.rows() > 0;
  impl_->first_round = static_cast<double>(metrics.rows());
  impl_->first_step = any ? metrics.last("step") : 0;
  const auto last_step = any ? static_cast<std::int64_t>(metrics.last("step")) : std::int64_t{-1};
  impl_->events =
      std::make_unique<EventWriter>(resumed ? EventWriter::resume(event_path, wall_clock(), last_step)
                                            : EventWriter::create(event_path, wall_clock()));
  if (any) impl_->write_metrics(metrics);
  const RunBudget& budget = impl_->budget;
  const std::string size = budget.steps > 0 || budget.rounds == 0
                               ? counted(budget.steps, "step")
                               : counted(budget.rounds, metrics.round_name());
  spdlog::info("{}, {}, {}", impl_->title(), size, counted(impl_->threads, "thread"));
  spdlog::info("{} {}", resumed ? "continuing in" : "writing to", impl_->folder.path().string());
  if (any) {
    impl_->print_header(metrics);
    impl_->print_row(metrics);
  }
}

void RunReporter::baseline(const MetricTable& metrics) {
  impl_->bar.clear();
  impl_->print_header(metrics);
}

void RunReporter::progress(const RunProgress& progress, const std::string& round_name) {
  impl_->steps = progress.steps;
  impl_->show(phase_label(progress, round_name), progress.total, progress.done);
  impl_->bar.update(progress.done, phase_note(progress));
  if (!progress.fault.empty()) {
    impl_->bar.clear();
    spdlog::warn("{}: the simulation broke down in step {}, which is not learned from: {}", impl_->label,
                 progress.done, progress.fault);
  }
}

void RunReporter::evaluating(int episode, int episodes, int done, int most_steps, double total) {
  impl_->show("evaluation " + std::to_string(episode) + "/" + std::to_string(episodes), most_steps, done);
  char note[48];
  std::snprintf(note, sizeof note, "return %.1f", total);
  impl_->bar.update(done, note);
}

void RunReporter::round(const MetricTable& metrics, const RoundReport& report) {
  const std::vector<double>& row = metrics.row(metrics.rows() - 1);
  impl_->bar.clear();
  impl_->print_header(metrics);
  impl_->print_row(metrics);
  for (const std::string& warning : report.warnings)
    spdlog::warn("{} {:.0f}: {}", metrics.round_name(), row[0], warning);
  for (const RoundTable& table : report.tables) {
    const auto path = impl_->folder.table(table.name, metrics.round_name(), static_cast<int>(row[0]));
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    write_file_atomically(path, csv_text(table.columns, table.rows));
  }
  impl_->write_metrics(metrics, false);
  const std::size_t step = metrics.index("step");
  for (std::size_t i = 1; i < row.size(); ++i)
    if (i != step && std::isfinite(row[i]))
      impl_->events->add_scalar(impl_->configuration.algorithm + "/" + metrics.columns()[i].name, row[i],
                                static_cast<std::int64_t>(row[step]), wall_clock());
  impl_->events->flush();
  impl_->plot(metrics);
}

void RunReporter::catch_up(const MetricTable& metrics) {
  if (impl_->behind) impl_->write_metrics(metrics);
}

void RunReporter::finish(const MetricTable& metrics, bool done, bool pictures) {
  impl_->bar.finish();
  catch_up(metrics);
  impl_->plot(metrics, true);
  const std::string folder = impl_->folder.path().string();
  if (!done) {
    // Those of a round under way are kept, too.
    const std::int64_t done_steps =
        std::max(impl_->steps, metrics.rows() > 0 ? static_cast<std::int64_t>(metrics.last("step")) : 0);
    spdlog::info("stopped after {}, {}; continue with: {} train {} --out {} --resume",
                 counted(static_cast<std::int64_t>(metrics.rows()), metrics.round_name()),
                 counted(done_steps, "step"), impl_->program, impl_->configuration.algorithm, folder);
    return;
  }
  const auto& random = metrics.baseline();
  if (metrics.rows() > 0)
    spdlog::info("done: best return {:.1f} after {:.0f} steps{}", metrics.last("best_return"),
                 metrics.last("step"),
                 random ? " (random actions: " + cell((*random)[metrics.index("return")], 1) + ")" : "");
  const std::string look =
      pictures ? detail::concat(", ", impl_->program, " render ", folder) : std::string();
  const std::string curve = impl_->folder.learning_curve().string();
  spdlog::info("next: {} eval {} --episodes 3{}{}", impl_->program, folder, look,
               std::filesystem::exists(curve) ? "; the curve is " + curve : std::string());
}

}  // namespace mbrl
