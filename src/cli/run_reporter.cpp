#include "run_reporter.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "mbrl/core/csv.hpp"
#include "mbrl/core/event_file.hpp"
#include "mbrl/core/log.hpp"
#include "mbrl/core/plot.hpp"
#include "mbrl/core/progress.hpp"
#include "mbrl/core/safetensors.hpp"

namespace mbrl::cli {
namespace {

double wall_clock() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string phase_label(const PetsProgress& p) {
  const std::string place = std::to_string(p.trial) + "/" + std::to_string(p.trials);
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
  bool plot_failed = false;

  void write_metrics(const std::vector<TrialMetrics>& metrics) const {
    // Written anew each time: a killed program then never leaves half a row.
    std::vector<std::vector<double>> rows;
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
    try {
      plot_lines(folder.learning_curve(),
                 "PETS on " + configuration.environment + ", seed " + std::to_string(configuration.seed),
                 "environment steps", "return", {each, best});
    } catch (const Error& error) {
      plot_failed = true;  // the picture is a convenience: the run goes on, and says so once
      spdlog::warn("no learning_curve.png: {}", error.what());
    }
  }

  std::string time_left(std::size_t done) const {
    const auto all = static_cast<std::size_t>(configuration.pets.trials);
    if (done <= first_trial || done >= all) return "";
    const double per_trial = (wall_clock() - begun) / static_cast<double>(done - first_trial);
    return ", about " + format_duration(per_trial * static_cast<double>(all - done)) + " left";
  }
};

RunReporter::RunReporter(const RunFolder& folder, const PetsConfiguration& configuration, int threads)
    : impl_(std::make_unique<Impl>(folder, configuration, threads)) {
  start_logging();
  log_to_file(folder.log());
}

RunReporter::~RunReporter() = default;

void RunReporter::start(const std::vector<TrialMetrics>& metrics, bool resumed) {
  const auto event_path = impl_->folder.path() / kEventFileName;
  impl_->first_trial = metrics.size();
  const auto last_step = metrics.empty() ? std::int64_t{-1} : static_cast<std::int64_t>(metrics.back().step);
  impl_->events =
      std::make_unique<EventWriter>(resumed ? EventWriter::resume(event_path, wall_clock(), last_step)
                                            : EventWriter::create(event_path, wall_clock()));
  if (!metrics.empty()) impl_->write_metrics(metrics);
  spdlog::info("PETS on {}, seed {}, {} trials, {} threads, planner {}, trainer {}; {} {}",
               impl_->configuration.environment, impl_->configuration.seed, impl_->configuration.pets.trials,
               impl_->threads, impl_->configuration.planner.name, impl_->configuration.trainer,
               resumed ? "continuing in" : "writing to", impl_->folder.path().string());
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
  spdlog::info(
      "trial {:.0f}/{}: return {:.1f} (best {:.1f}), predicted {:.1f} against {:.1f} a plan, model error "
      "{:.3f} (1 "
      "step) {:.3f} (10), {:.2f} % of particles out of the data, {:.1f} steps/s{}",
      m.trial, impl_->configuration.pets.trials, m.episode_return, m.best_return, m.predicted_return,
      m.realised_return, m.model_rmse, m.open_loop_rmse_k10, 100 * (m.out_of_data + m.not_finite),
      m.steps_per_s, impl_->time_left(metrics.size()));
  std::vector<std::vector<double>> plans;
  for (const PlanOutcome& o : outcomes) plans.push_back({static_cast<double>(o.t), o.predicted, o.realised});
  const auto plans_path = impl_->folder.plans(static_cast<int>(m.trial));
  std::error_code error;
  std::filesystem::create_directories(plans_path.parent_path(), error);
  write_file_atomically(plans_path, csv_text({"t", "predicted", "realised"}, plans));
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
  if (done)
    spdlog::info("done: best return {:.1f} after {:.0f} steps; results in {}", metrics.back().best_return,
                 metrics.back().step, impl_->folder.path().string());
  else
    spdlog::info("stopped after {} trials; continue with: mbrl train pets --out {} --resume", metrics.size(),
                 impl_->folder.path().string());
}

}  // namespace mbrl::cli
