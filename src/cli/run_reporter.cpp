#include "run_reporter.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <sstream>

#include "mbrl/io/csv.hpp"
#include "mbrl/io/event_file.hpp"
#include "mbrl/io/log.hpp"
#include "mbrl/io/plot.hpp"
#include "mbrl/io/progress.hpp"
#include "mbrl/io/safetensors.hpp"
#include "mbrl/io/table.hpp"

namespace mbrl::cli {
namespace {

double wall_clock() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string phase_label(const PetsProgress& p) {
  const std::string place =
      std::to_string(p.trial) + (p.trials > 0 ? "/" + std::to_string(p.trials) : std::string());
  switch (p.phase) {
    case PetsProgress::Phase::kRandom:
      return "random actions " + place;
    case PetsProgress::Phase::kTraining:
      return "trial " + place + " training";
    case PetsProgress::Phase::kActing:
      return "trial " + place + " acting";
  }
  return place;
}

std::string phase_note(const PetsProgress& p) {
  char note[48];
  std::snprintf(note, sizeof note, p.phase == PetsProgress::Phase::kTraining ? "loss %.2f" : "return %.1f",
                p.value);
  return note;
}

// Everything the terminal says of a trial, in 78 characters.
const Table& trial_table() {
  static const Table table({{"trial", 7},
                            {"steps", 7},
                            {"return", 8},
                            {"best", 8},
                            {"predicted", 9},
                            {"realised", 8},
                            {"error 1", 5},
                            {"error 10", 5},
                            {"left", 5}},
                           TableStyle::kAligned);
  return table;
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

}  // namespace

StateDict load_pets_checkpoint(const RunFolder& folder) {
  StateDict state = load_safetensors(folder.checkpoint());
  const auto format = state.metadata.find("format");
  require(format != state.metadata.end() && format->second == "mbrl-pets-1", folder.checkpoint().string(),
          ": no checkpoint of a PETS run (format is '",
          format == state.metadata.end() ? "missing" : format->second, "', expected 'mbrl-pets-1')");
  return state;
}

struct RunReporter::Impl {
  Impl(const RunFolder& f, const PetsConfiguration& c, int n) : folder(f), configuration(c), threads(n) {}

  RunFolder folder;
  PetsConfiguration configuration;
  int threads;
  std::unique_ptr<EventWriter> events;
  ProgressBar bar;
  std::string label;
  double begun = wall_clock();
  std::size_t first_trial = 0;  // finished before this program started
  double first_step = 0;
  bool plot_failed = false;

  std::optional<TrialMetrics> baseline;
  bool header_printed = false;

  void write_metrics(const std::vector<TrialMetrics>& metrics) const {
    // Written anew each time: a killed program then never leaves half a row.
    std::vector<std::vector<double>> rows;
    if (baseline) rows.push_back(baseline->values());
    for (const TrialMetrics& m : metrics) rows.push_back(m.values());
    write_file_atomically(folder.metrics(), csv_text(TrialMetrics::columns(), rows));
  }

  void plot(const std::vector<TrialMetrics>& metrics) {
    if (plot_failed || metrics.empty()) return;
    PlotSeries each{.name = "trial", .x = {}, .y = {}}, best{.name = "best so far", .x = {}, .y = {}};
    for (const TrialMetrics& m : metrics) {
      each.x.push_back(m.step);
      each.y.push_back(m.episode_return);
      best.x.push_back(m.step);
      best.y.push_back(m.best_return);
    }
    std::vector<PlotSeries> series = {each, best};
    if (baseline) {
      const double level = baseline->episode_return;
      series.push_back(
          {.name = "random actions", .x = {baseline->step, metrics.back().step}, .y = {level, level}});
    }
    try {
      plot_lines(folder.learning_curve(),
                 "PETS on " + configuration.environment + ", seed " + std::to_string(configuration.seed),
                 "environment steps", "return of an episode", series);
    } catch (const Error& error) {
      plot_failed = true;  // the picture is a convenience: the run goes on, and says so once
      spdlog::warn("no learning_curve.png: {}", error.what());
    }
  }

  // From what was done since this program started.
  std::string time_left(const TrialMetrics& m) const {
    const PetsSettings& budget = configuration.pets;
    const double done = budget.steps > 0 ? m.step : m.trial;
    const double all = static_cast<double>(budget.steps > 0 ? budget.steps : budget.trials);
    const double before = budget.steps > 0 ? first_step : static_cast<double>(first_trial);
    if (done <= before || done >= all) return "";
    return format_duration((wall_clock() - begun) / (done - before) * (all - done));
  }

  void print_header() {
    if (header_printed) return;
    header_printed = true;
    log_lines(trial_table().header());
    if (baseline)
      log_lines(trial_table().row(
          {"random", cell(baseline->step, 0), cell(baseline->episode_return, 1), "", "", "", "", "", ""}));
  }

  void print_row(const TrialMetrics& m) {
    const int trials = configuration.pets.steps > 0 ? 0 : configuration.pets.trials;
    log_lines(trial_table().row({cell(m.trial, 0) + (trials > 0 ? "/" + std::to_string(trials) : ""),
                                 cell(m.step, 0), cell(m.episode_return, 1), cell(m.best_return, 1),
                                 cell(m.predicted_return, 1), cell(m.realised_return, 1),
                                 cell(m.model_rmse, 3), cell(m.open_loop_rmse_k10, 3), time_left(m)}));
  }

  // What a reader of the table has to know to trust it.
  void warn_of(const TrialMetrics& m) const {
    if (m.plans_unusable > 0)
      spdlog::warn(
          "trial {:.0f}: {:.0f} of {:.0f} plans had no usable candidate; their actions were not planned",
          m.trial, m.plans_unusable, m.plans);
    const double stopped = m.out_of_data + m.not_finite;
    if (stopped > 0.3)
      spdlog::warn(
          "trial {:.0f}: {:.0f} % of the particles were stopped, {:.0f} % for leaving the range of the data "
          "and {:.0f} % for numbers that are not finite",
          m.trial, 100 * stopped, 100 * m.out_of_data, 100 * m.not_finite);
    if (m.held > 0)
      spdlog::warn(
          "trial {:.0f}: every particle of some plans left the range of the data; {:.0f} % of all were held "
          "at its edge",
          m.trial, 100 * m.held);
    if (m.plans_judged == 0 && m.plans > m.plans_unusable)
      spdlog::warn(
          "trial {:.0f}: no plan could be judged: the episode ended at its time limit before any horizon",
          m.trial);
  }
};

RunReporter::RunReporter(const RunFolder& folder, const PetsConfiguration& configuration, int threads)
    : impl_(std::make_unique<Impl>(folder, configuration, threads)) {
  start_logging();
  log_to_file(folder.log());
}

RunReporter::~RunReporter() = default;

void RunReporter::start(const std::vector<TrialMetrics>& metrics, const std::optional<TrialMetrics>& baseline,
                        bool resumed) {
  const auto event_path = impl_->folder.path() / kEventFileName;
  impl_->baseline = baseline;
  impl_->first_trial = metrics.size();
  impl_->first_step = metrics.empty() ? 0 : metrics.back().step;
  const auto last_step = metrics.empty() ? std::int64_t{-1} : static_cast<std::int64_t>(metrics.back().step);
  impl_->events =
      std::make_unique<EventWriter>(resumed ? EventWriter::resume(event_path, wall_clock(), last_step)
                                            : EventWriter::create(event_path, wall_clock()));
  if (!metrics.empty()) impl_->write_metrics(metrics);
  const PetsConfiguration& c = impl_->configuration;
  spdlog::info("PETS on {}, seed {}, {}, planner {}, trainer {}, {} thread{}", c.environment, c.seed,
               c.pets.steps > 0 ? std::to_string(c.pets.steps) + " steps"
                                : std::to_string(c.pets.trials) + (c.pets.trials == 1 ? " trial" : " trials"),
               c.planner.name, c.trainer, impl_->threads, impl_->threads == 1 ? "" : "s");
  spdlog::info("{} {}", resumed ? "continuing in" : "writing to", impl_->folder.path().string());
  if (!metrics.empty()) {
    impl_->print_header();
    impl_->print_row(metrics.back());
  }
}

void RunReporter::baseline(const std::optional<TrialMetrics>& baseline) {
  impl_->baseline = baseline;
  impl_->bar.clear();
  impl_->print_header();
}

void RunReporter::progress(const PetsProgress& progress) {
  const std::string label = phase_label(progress);
  if (label != impl_->label) {
    impl_->label = label;
    impl_->bar.start(label, progress.total);
  }
  impl_->bar.update(progress.done, phase_note(progress));
  if (!progress.fault.empty()) {
    impl_->bar.clear();
    spdlog::warn("{}: the simulation broke down in step {}, which is not learned from: {}", label,
                 progress.done, progress.fault);
  }
}

void RunReporter::trial(const std::vector<TrialMetrics>& metrics, const std::vector<PlanOutcome>& outcomes) {
  const TrialMetrics& m = metrics.back();
  impl_->bar.clear();
  impl_->print_header();
  impl_->print_row(m);
  impl_->warn_of(m);
  std::vector<std::vector<double>> plans;
  for (const PlanOutcome& o : outcomes)
    plans.push_back({static_cast<double>(o.t), o.predicted, o.realised, o.replayed});
  const auto plans_path = impl_->folder.plans(static_cast<int>(m.trial));
  std::error_code error;
  std::filesystem::create_directories(plans_path.parent_path(), error);
  write_file_atomically(plans_path, csv_text({"t", "predicted", "realised", "replayed"}, plans));
  impl_->write_metrics(metrics);
  const std::vector<double> values = m.values();
  for (std::size_t i = 2; i < values.size(); ++i)
    if (std::isfinite(values[i]))
      impl_->events->add_scalar(std::string("pets/") + TrialMetrics::kColumns[i], values[i],
                                static_cast<std::int64_t>(m.step), wall_clock());
  impl_->events->flush();
  impl_->plot(metrics);
}

void RunReporter::finish(const std::vector<TrialMetrics>& metrics, bool done) {
  impl_->bar.finish();
  const std::string folder = impl_->folder.path().string();
  if (!done) {
    spdlog::info("stopped after {} trials; continue with: mbrl train pets --out {} --resume", metrics.size(),
                 folder);
    return;
  }
  spdlog::info("done: best return {:.1f} after {:.0f} steps{}", metrics.back().best_return,
               metrics.back().step,
               impl_->baseline ? " (random actions: " + cell(impl_->baseline->episode_return, 1) + ")" : "");
  spdlog::info("next: mbrl eval {} --episodes 3, mbrl render {}, mbrl compare {}; the curve is {}", folder,
               folder, folder, impl_->folder.learning_curve().string());
}

}  // namespace mbrl::cli
