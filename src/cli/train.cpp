// mbrl train pets: learn, with progress, into a run folder that can be resumed.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <limits>
#include <optional>

#include <spdlog/spdlog.h>

#include "commands.hpp"
#include "mbrl/algorithms/run_folder.hpp"
#include "mbrl/core/settings.hpp"
#include "mbrl/io/atomic_file.hpp"
#include "mbrl/io/safetensors.hpp"
#include "pets_session.hpp"
#include "run_reporter.hpp"
#include "settings_list.hpp"
#include "sweep.hpp"
#include "train_options.hpp"

namespace mbrl::cli {
namespace {

std::atomic<int> stop_signal = 0;

extern "C" void on_stop_signal(int signal) {
  stop_signal = signal;
  std::signal(signal, SIG_DFL);  // the same signal again ends the program at once
}

// Keeps the best whole trial that this program sees, for a film. It only reads: the run's numbers are the
// same with and without it.
class Filming {
 public:
  Filming(const AnyEnvironment& env, const TrainOptions& options) : env_(env), options_(options) {
    if (options.video) check_video(env.spec(), options.video_options);
  }

  void progress(const PetsProgress& progress) {
    if (!options_.video || progress.phase != PetsProgress::Phase::kActing) return;
    if (progress.done == 1) {
      now_ = {};
      last_ = 0;
      begun_ = true;
    }
    if (begun_) now_.add(env_, progress.value - last_);
    last_ = progress.value;
  }
  void trial() {
    if (begun_ && (best_.rewards.empty() || now_.total() > best_.total())) best_ = now_;
    begun_ = false;
  }
  // A film from before is replaced by a better trial only.
  void finish(const RunFolder& folder, const std::vector<TrialMetrics>& metrics) const {
    if (best_.rewards.empty()) return;
    double best_before = -std::numeric_limits<double>::infinity();
    for (const TrialMetrics& m : metrics) best_before = std::max(best_before, m.episode_return);
    if (std::filesystem::exists(folder.video()) && best_.total() < best_before - 1e-6 * std::abs(best_before))
      return;
    write_video(folder.video(), env_.spec(), best_, options_.video_options);
    spdlog::info("{}: the trial of return {:.1f}", folder.video().string(), best_.total());
  }

 private:
  const AnyEnvironment& env_;
  const TrainOptions& options_;
  Episode now_, best_;
  double last_ = 0;
  bool begun_ = false;  // seen from its first step on
};

// Saves, reports and stops on behalf of the loop.
template <class Session>
class Observer {
 public:
  Observer(const Session& session, const RunFolder& folder, RunReporter& reporter, Filming& filming,
           double checkpoint_every_s)
      : session_(session),
        folder_(folder),
        reporter_(reporter),
        filming_(filming),
        checkpoint_every_s_(checkpoint_every_s) {}

  void on_progress(const PetsProgress& progress) {
    if (progress.phase != PetsProgress::Phase::kRandom && !baseline_told_) {
      baseline_told_ = true;
      reporter_.baseline(session_.pets.baseline());
    }
    reporter_.progress(progress);
    filming_.progress(progress);
  }
  bool stop_requested() const { return stop_signal != 0; }
  bool on_safe_point(bool trial_over) {
    const double waited = std::chrono::duration<double>(Clock::now() - saved_).count();
    if (trial_over || stop_requested() || waited >= checkpoint_every_s_) save();
    return !stop_requested();
  }
  void on_trial(const TrialMetrics&, const std::vector<PlanOutcome>& outcomes) {
    reporter_.trial(session_.pets.metrics(), outcomes);
    filming_.trial();
  }
  void save() {
    StateDict state;
    state.metadata["format"] = "mbrl-pets-1";
    session_.pets.save(state, "pets.");
    save_safetensors(folder_.checkpoint(), state);
    saved_ = Clock::now();
  }

 private:
  using Clock = std::chrono::steady_clock;
  const Session& session_;
  const RunFolder& folder_;
  RunReporter& reporter_;
  Filming& filming_;
  double checkpoint_every_s_;
  bool baseline_told_ = false;
  Clock::time_point saved_ = Clock::now();
};

void train(const TrainOptions& options) {
  const std::string out = options.out;
  require(!out.empty(), "--out: the run folder is missing, e.g. --out runs/cheetah");
  require(options.checkpoint_every_s >= 0, "--checkpoint-every is ", options.checkpoint_every_s,
          " s, expected 0 (every step) or more");
  PetsConfiguration configuration;
  std::optional<RunFolder> folder;
  if (options.resume) {
    folder = RunFolder::resume(out);
    configuration = configuration_to_resume(options, *folder);
  } else {
    configuration = configure(options);
  }
  PetsSession session(configuration, options.threads);
  Filming filming(session.env, options);
  if (!folder) folder = RunFolder::create(out, to_json_text(configuration));
  if (options.video) require_writable(folder->video());
  if (folder->has_checkpoint()) {
    session.pets.load(load_pets_checkpoint(*folder), "pets.");
    write_file_atomically(folder->settings(), to_json_text(configuration));
  }
  RunReporter reporter(*folder, configuration, session.pool.size());
  reporter.start(session.pets.metrics(), session.pets.baseline(), folder->has_checkpoint());
  for (const std::string& sentence : settings_without_effect(options, configuration)) spdlog::warn(sentence);

  std::signal(SIGINT, on_stop_signal);
  std::signal(SIGTERM, on_stop_signal);  // what clusters send before they take the machine away
  Observer<PetsSession> observer(session, *folder, reporter, filming, options.checkpoint_every_s);
  const bool done = session.pets.run(observer);
  reporter.finish(session.pets.metrics(), done);
  if (done) filming.finish(*folder, session.pets.metrics());
  if (!done) throw CLI::RuntimeError(128 + stop_signal);
}

}  // namespace

void add_train(CLI::App& app) {
  auto* command = app.add_subcommand("train", "Learn a task");
  command->require_subcommand(1);
  auto* pets = command->add_subcommand(
      "pets",
      "PETS (Chua et al. 2018): learn an ensemble of dynamics models, plan in it, repeat.\n\n"
      "  mbrl train pets --env pets/CartPole --seed 1 --out runs/cartpole\n"
      "  mbrl train pets --env pets/HalfCheetah --trials 20 --set rollout.particles=10 --out runs/cheetah\n"
      "  mbrl train pets --out runs/cheetah --resume            continue after Ctrl-C, a crash, or for more "
      "--trials\n"
      "  mbrl train pets --env pets/CartPole --seed 1..5 --set planner.name=icem,cem --out runs/sweep\n"
      "                                                         a run for each combination, one table, one "
      "plot\n\n"
      "A run folder holds settings.json, metrics.csv, learning_curve.png, TensorBoard events and the "
      "checkpoint.\n"
      "'mbrl train pets --list-settings' shows every key that --set and --settings take.");
  auto options = std::make_shared<TrainOptions>();
  auto list = std::make_shared<SettingsFilter>();
  auto sweep = std::make_shared<SweepOptions>();
  pets->add_option("--env", sweep->environments,
                   "Environment, a name of 'mbrl envs' (default pets/HalfCheetah); A,B: a sweep");
  pets->add_option("--seed", sweep->seeds,
                   "Fixes every number of the run (default 1); 1..5 or 1,4,7: a sweep");
  auto* trials = pets->add_option("--trials", options->trials, "Episodes under the planner");
  pets->add_option("--steps", options->steps,
                   "Environment steps instead of trials; an episode under way is finished")
      ->excludes(trials);
  pets->add_option("--threads", options->threads,
                   "Threads; the numbers do not depend on it (default: all cores)");
  pets->add_option(
      "--device", options->device,
      "Where models are trained and plans evaluated: cpu (by our own kernels), cuda, cuda:<index> "
      "or auto; overrides trainer and evaluator");
  pets->add_option("--out", options->out, "Run folder, new or, with --resume, existing");
  pets->add_flag("--resume", options->resume, "Continue the run in --out; only the budget may change");
  auto* preset =
      pets->add_option("--preset", options->preset,
                       "Settings to start from: default, quick (small networks, for a first look) or "
                       "published (the paper's)");
  pets->add_flag_callback(
          "--published", [options] { options->preset = "published"; }, "The same as --preset published")
      ->excludes(preset);
  pets->add_option("--set", sweep->assignments,
                   "Change a setting, e.g. rollout.horizon=20; may be repeated; KEY=1,2: a sweep")
      ->type_name("KEY=VALUE");
  pets->add_option("--settings", options->settings_file,
                   "JSON file of settings, e.g. another run's settings.json");
  pets->add_option("--checkpoint-every", options->checkpoint_every_s,
                   "Seconds between checkpoints inside a trial")
      ->capture_default_str();
  auto* video = pets->add_flag("--video", options->video,
                               "Leave a film of the best trial, episode.mp4, in the run folder");
  add_video_options(*pets, options->video_options);
  for (const char* name : {"--camera", "--size"}) pets->get_option(name)->needs(video);
  auto* jobs =
      pets->add_option("--jobs", sweep->jobs, "Runs of a sweep at a time (default: one for each core)");
  add_list_settings(*pets, *list, "with its value for the environment");
  pets->callback([options, sweep, jobs, list] {
    const std::vector<SweepRun> runs = sweep_runs(*sweep);
    if (!list->wanted && (!runs.front().name.empty() || (options->resume && is_sweep(options->out)))) {
      const int status = run_sweep(*sweep, *options);
      if (status != 0) throw CLI::RuntimeError(status);
      return;
    }
    require(jobs->count() == 0, "--jobs has no effect: this is one run, not a sweep");
    options->environment = runs.front().environment;
    if (!runs.front().seed.empty()) options->seed = std::stoull(runs.front().seed);
    options->assignments = runs.front().assignments;
    if (list->wanted) {
      const PetsConfiguration shown = options->resume
                                          ? configuration_to_resume(*options, RunFolder::open(options->out))
                                          : configure(*options);
      print_settings(list_keys(shown), list_keys(default_pets(shown.environment)), *list);
      return;
    }
    train(*options);
  });
}

}  // namespace mbrl::cli
